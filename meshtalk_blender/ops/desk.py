# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators and panels know of the job that runs; light, for Blender imports it at its start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from ...engine.progress import Progress
    from .job import Job


class Desk:
    """The one job of this Blender, and the last message for the panel."""

    def __init__(self) -> None:
        self.job: Job[Any] | None = None
        self.message = ""
        self.is_problem = False
        self.about = 0
        self.operator = ""
        """Which operator's job it is (meshtalk.dub)."""
        self.on_progress: Progress | None = None
        """Who is told how far a job is that is done at once, without a window."""

    def progress(self, stage: str, fraction: float) -> None:
        """Pass on how far a job is that is done at once."""
        if self.on_progress is not None:
            self.on_progress(stage, fraction)

    def tell(self, message: str, is_problem: bool = False, about: int | None = None) -> None:
        """Keep a message for the panel, which shows it as long as its head is the one of now, or the one that
        it is `about` (the session_uid)."""
        self.message, self.is_problem = message, is_problem
        self.about = uid_of_head() if about is None else about

    def is_about(self, head: bpy.types.Object | None) -> bool:
        """Whether the message is about this head of the panel."""
        return self.about == (0 if head is None else head.session_uid)


def uid_of_head() -> int:
    """The session_uid of the panel's head, 0 without one."""
    from .checks import chosen_head  # which knows the desk

    head = chosen_head(bpy.context)
    return 0 if head is None else head.session_uid


desk = Desk()
