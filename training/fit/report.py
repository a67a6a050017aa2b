# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run is shown: one line on the terminal, curves in TensorBoard."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

from torch.utils.tensorboard import SummaryWriter


class TerminalReporter:
    """A progress line with an estimate of the time left, and TensorBoard event files in ``folder``."""

    def __init__(self, folder: Path, stream: TextIO | None = None) -> None:
        self._writer = SummaryWriter(str(folder))
        self._stream = stream or sys.stderr
        self._line = "\r" if self._stream.isatty() else ""
        self._end = "" if self._stream.isatty() else "\n"

    def scalars(self, stage: str, step: int, values: dict[str, float]) -> None:
        """Plot the values."""
        for name, value in values.items():
            self._writer.add_scalar(f"{stage}/{name}", value, step)

    def progress(self, stage: str, fraction: float, step: int, rate: float, left: float, loss: float) -> None:
        """Show where the stage stands."""
        minutes, seconds = divmod(round(left), 60)
        speed = f"step {step}  {rate:.2f} steps/s  loss {loss:.4f}"
        text = f"{stage} {fraction:6.1%}  {speed}  {minutes}:{seconds:02d} left"
        self._stream.write(f"{self._line}{text:<90}{self._end}")
        self._stream.flush()

    def close(self) -> None:
        """Finish the line and the event files."""
        if self._line:
            self._stream.write("\n")
        self._writer.close()
