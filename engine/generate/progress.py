# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a job that has stages, and its cancelling."""

from __future__ import annotations

from dataclasses import dataclass

from .options import CancelCheck, Progress, stop_if


@dataclass(frozen=True)
class Stage:
    """A part of a job: reports go from ``begin`` to ``end`` (fractions of the whole job) under one name."""

    name: str = ""
    begin: float = 0.0
    end: float = 1.0
    progress: Progress | None = None
    cancelled: CancelCheck | None = None

    def check(self) -> None:
        """Raise Cancelled when the caller asked to stop."""
        stop_if(self.cancelled)

    def at(self, done: int, total: int) -> None:
        """Report ``done`` of ``total`` steps; raises Cancelled when the caller asked to stop."""
        self.check()
        if self.progress is not None:
            self.progress(self.name, self.begin + (self.end - self.begin) * done / max(total, 1))

    def part(self, index: int, count: int) -> Stage:
        """Part ``index`` of ``count`` equal parts of this stage."""
        width = (self.end - self.begin) / count
        begin = self.begin + index * width
        return Stage(self.name, begin, begin + width, self.progress, self.cancelled)


QUIET = Stage()
"""A stage that nobody listens to and nobody cancels."""
