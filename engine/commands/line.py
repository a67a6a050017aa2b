# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a command is, for people at a terminal."""

from __future__ import annotations

import sys


class ProgressLine:
    """One line on a terminal that shows how far the work is; nothing where stderr is no terminal."""

    def __enter__(self) -> ProgressLine:
        self._shown = ""
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r" + " " * len(self._shown) + "\r")

    def show(self, stage: str, fraction: float) -> None:
        """Show a stage and the whole job's fraction."""
        text = f"{stage} ... {fraction:4.0%}".ljust(len(self._shown))
        if sys.stderr.isatty() and text != self._shown:
            sys.stderr.write("\r" + text)
            sys.stderr.flush()
            self._shown = text
