# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators and panels know of the job that runs; light, for Blender imports it at its start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...engine.progress import Progress
    from .job import Job


class Desk:
    """The one job of this Blender, and the last message for the panel."""

    def __init__(self) -> None:
        self.job: Job[Any] | None = None
        self.message = ""
        self.is_problem = False
        self.on_progress: Progress | None = None
        """Who is told how far a job is that is done at once, without a window."""

    def progress(self, stage: str, fraction: float) -> None:
        """Pass on how far a job is that is done at once."""
        if self.on_progress is not None:
            self.on_progress(stage, fraction)

    def tell(self, message: str, is_problem: bool = False) -> None:
        """Keep a message for the panel."""
        self.message, self.is_problem = message, is_problem


desk = Desk()
