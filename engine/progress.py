# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a job that has stages, and its cancelling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import Cancelled

Progress = Callable[[str, float], None]
"""Called as ``progress(stage, fraction)``; ``fraction`` of the whole job grows from 0 to 1."""

CancelCheck = Callable[[], bool]
"""Asked between small steps of work; True stops the job with ``Cancelled``."""


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
        return self.span(self.name, index / count, (index + 1) / count)

    def span(self, name: str, begin: float, end: float) -> Stage:
        """The part from ``begin`` to ``end`` (fractions of this stage), under a name of its own."""
        width = self.end - self.begin
        return Stage(
            name, self.begin + begin * width, self.begin + end * width, self.progress, self.cancelled
        )


QUIET = Stage()
"""A stage that nobody listens to and nobody cancels."""


def stop_if(cancelled: CancelCheck | None) -> None:
    """Raise ``Cancelled`` when the caller asked to stop."""
    if cancelled is not None and cancelled():
        raise Cancelled()
