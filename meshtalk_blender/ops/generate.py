# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate: speech in, shape keys and an Action out, without holding up Blender's window."""

from __future__ import annotations

import logging

import bpy

from ...engine.errors import MeshTalkError
from .checks import disabled_reason
from .job import Job, JobResult, JobStatus, desk, run_request, unexpected
from .plan import Plan, make_plan, wish_of, write_result

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1


class MESHTALK_OT_generate(bpy.types.Operator):
    """Make the head speak the sound: shape keys, and a new Action at the sound's place in time"""

    bl_idname = "meshtalk.generate"
    bl_label = "Generate"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = disabled_reason(context)
        if reason is not None:
            cls.poll_message_set(reason)
        return reason is None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        try:
            self._plan = make_plan(context, wish_of(context))
        except MeshTalkError as error:
            return self._refuse(str(error))
        desk.tell("")
        desk.job = self._job = Job(self._plan.request)
        self._job.start()
        self._timer = context.window_manager.event_timer_add(POLL_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        redraw_panels()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self._job.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        status = self._job.status
        if self._job.is_cancelling:
            self._leave(context)
            desk.tell("Cancelled: nothing was changed")
            return {"CANCELLED"}
        redraw_panels()
        if not status.is_over:
            return {"PASS_THROUGH"}
        self._leave(context)
        return self._conclude(self._plan, status)

    def cancel(self, context: bpy.types.Context) -> None:
        self._job.cancel()
        self._leave(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            plan = make_plan(context, wish_of(context))
            result = run_request(plan.request, lambda _stage, _fraction: None, lambda: False)
            return self._write(plan, result)
        except MeshTalkError as error:
            return self._refuse(str(error))

    def _conclude(self, plan: Plan, status: JobStatus) -> set[str]:
        if status.result is None:
            return self._refuse(status.failure or "Cancelled.")
        try:
            return self._write(plan, status.result)
        except MeshTalkError as error:
            return self._refuse(str(error))
        except Exception as error:  # a traceback in the console alone would leave the user without a word
            logger.exception("The take could not be written")
            return self._refuse(unexpected(error))

    def _write(self, plan: Plan, result: JobResult) -> set[str]:
        done = write_result(plan, result)
        desk.tell(done)
        redraw_panels()
        self.report({"INFO"}, done)
        return {"FINISHED"}

    def _refuse(self, sentence: str) -> set[str]:
        desk.tell(sentence, is_problem=True)
        redraw_panels()
        self.report({"ERROR"}, sentence)
        return {"CANCELLED"}

    def _leave(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        if desk.job is self._job:
            desk.job = None
        redraw_panels()


def redraw_panels() -> None:
    """Let every sidebar of a 3D view show the newest state."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


CLASSES = (MESHTALK_OT_generate,)
