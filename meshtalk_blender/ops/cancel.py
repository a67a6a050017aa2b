# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops the running job."""

from __future__ import annotations

import bpy

from ..translations import say
from .desk import desk

WAIT_SECONDS = 2.0
"""Longest wait for the thread when Blender is about to drop what it works for."""

DOUBLE_CLICK_SECONDS = 0.5
"""Cancel stands where Generate was: the second half of a double click is not meant for it."""


def stop_job() -> None:
    """Stop the running job, if any, and forget its result."""
    if desk.job is not None:
        desk.job.cancel()
        desk.job.join(WAIT_SECONDS)
        desk.job = None


@bpy.app.handlers.persistent
def stop_before_load(*_: object) -> None:
    """Another file is about to be opened: the job's head goes with this one."""
    stop_job()
    desk.tell("")


@bpy.app.handlers.persistent
def forget_words(*_: object) -> None:
    """What was done last may be undone now: the panel no longer says that it was."""
    if desk.job is None:
        desk.tell("")


class MESHTALK_OT_cancel(bpy.types.Operator):
    """Stop what is running and leave everything as it was"""

    bl_idname = "meshtalk.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if desk.job is None:
            cls.poll_message_set(say("Nothing is running"))
        return desk.job is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if desk.job is None or desk.job.seconds < DOUBLE_CLICK_SECONDS:
            return {"CANCELLED"}
        desk.job.cancel()
        return {"FINISHED"}


CLASSES = (MESHTALK_OT_cancel,)
