# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators that work in a thread share: start, progress, Esc and Cancel, writing the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import bpy

from ...engine.errors import MeshTalkError
from ..fit_overlay import hide_fit
from ..models import job_ended
from ..scene.handles import is_being_edited
from ..translations import say
from .again import run_again
from .checks import busy_reason, tooltip
from .clicks import can_press
from .desk import desk

if TYPE_CHECKING:
    from ..scene.handles import HeadHandle
    from .job import Gathering, Work

POLL_SECONDS = 0.1
DRAW_SECONDS = 0.2
"""Between two drawings of how far the job is: each holds the window up for a moment."""

GATHER_SECONDS = 0.01
"""Between two steps of what is read on the main thread: long enough for a click, a key and a redraw."""

SHOW_MOTION = {"VIEW_3D", "GRAPH_EDITOR", "DOPESHEET_EDITOR", "NLA_EDITOR"}


class InBackground:
    """Base of an operator whose work takes seconds.

    `prepare` copies everything out of bpy and gives the work, which may not touch it, or first a Gathering,
    which reads more of bpy in small steps; `write` puts the work's result into the file and says what was
    done. All may raise MeshTalkError with the sentence for the user. Nothing is written when the work fails
    or is cancelled. Without a window all of it happens at once.
    """

    if TYPE_CHECKING:
        options: bpy.types.OperatorOptions

        bl_idname: str

        def report(self, kinds: set[str], text: str) -> None:
            """Operator.report."""

    shows_done = True
    """Whether the panel says what was done until something else is; not where it shows that elsewhere."""

    _about: int | None = None
    """The panel's head when the job began."""

    _told: tuple[str, int, int | None] | None = None
    """What the panels showed of the job the last time."""

    def prepare(self, context: bpy.types.Context) -> Work | Gathering:
        """Look everything up. Raises MeshTalkError."""
        raise NotImplementedError

    def write(self, context: bpy.types.Context, result: Any, /) -> str:
        """Write the work's result, and say what was done. Raises MeshTalkError before anything is changed."""
        raise NotImplementedError

    def written_heads(self) -> Iterable[HeadHandle]:
        """What the result is written to: it waits until none of them is being edited."""
        return ()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        from .job import Job

        try:
            work = self.prepare(context)
        except MeshTalkError as error:
            return self._refuse(str(error))
        desk.tell("")
        self._about = desk.about
        desk.job, desk.operator = Job(work), type(self).bl_idname
        self._job = desk.job
        self._job.start()
        self._drawn, self._has_read, self._told = 0.0, False, None
        self._set_timer(context, GATHER_SECONDS if self._job.is_gathering else POLL_SECONDS)
        context.window_manager.modal_handler_add(self)
        redraw_panels()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self._job.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        self._gather_or_draw(context)
        status = self._job.status
        if self._job.is_cancelling:
            self._leave(context)
            job_ended()
            desk.tell("Cancelled: nothing was changed", about=self._about)
            return {"CANCELLED"}
        waits = status.result is not None and any(map(is_being_edited, self.written_heads()))
        if waits != self._job.is_waiting:
            self._job.is_waiting = waits
            redraw_panels()
        if not status.is_over or self._job.is_waiting:
            return {"PASS_THROUGH"}
        self._leave(context)
        if status.result is None:
            return self._refuse(status.failure or "Cancelled.")
        return self._conclude(context, status.result)

    def cancel(self, context: bpy.types.Context) -> None:
        self._job.cancel()
        self._leave(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.options.is_repeat and not bpy.app.background and context.window is not None:
            run_again(self)
            return {"CANCELLED"}
        from .job import Gathering

        try:
            work = self.prepare(context)
            work = work.at_once(desk.progress) if isinstance(work, Gathering) else work
            result = work(desk.progress, lambda: False)
        except MeshTalkError as error:
            return self._refuse(str(error))
        return self._conclude(context, result)

    def _gather_or_draw(self, context: bpy.types.Context) -> None:
        """Read a little more of the scene where there is more to read, or have the panels drawn: never both
        in one turn of the window, which would hold it up for as long as both. Where a turn takes longer than
        the panels may wait, as in heavy scenes, they take turns: else nothing would ever be read."""
        is_due = time.monotonic() - self._drawn > DRAW_SECONDS
        if is_due and (self._has_read or not self._job.is_gathering):
            self._drawn, self._has_read = time.monotonic(), False
            self._draw()
            return
        if not self._job.is_gathering:
            return
        self._has_read = True
        self._job.gather()
        if not self._job.is_gathering:
            context.window_manager.event_timer_remove(self._timer)
            self._set_timer(context, POLL_SECONDS)

    def _draw(self) -> None:
        """Have the panels drawn, where they would show something else than before."""
        status, left = self._job.status, self._job.seconds_left
        told = (status.stage, round(100 * status.fraction), None if left is None else round(left))
        if told != self._told:
            self._told = told
            redraw_panels()

    def _set_timer(self, context: bpy.types.Context, seconds: float) -> None:
        self._timer = context.window_manager.event_timer_add(seconds, window=context.window)

    def _conclude(self, context: bpy.types.Context, result: Any) -> set[str]:
        hide_fit()  # a head that moves, or a fit of before, would be seen through it
        try:
            done = self.write(context, result)
        except MeshTalkError as error:
            return self._refuse(str(error))
        except Exception as error:  # a traceback in the console alone would leave the user without a word
            from .job import logger, unexpected

            logger.exception("The result could not be written")
            return self._refuse(unexpected(error))
        desk.tell(done if self.shows_done else "", about=self._about)
        job_ended()
        redraw_motion()
        self.report({"INFO"}, say(done))
        return {"FINISHED"}

    def _refuse(self, sentence: str) -> set[str]:
        desk.tell(sentence, is_problem=True, about=self._about)
        job_ended()
        redraw_panels()
        self.report({"ERROR"}, say(sentence))
        return {"CANCELLED"}

    def _leave(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        if desk.job is self._job:
            desk.job = None
        redraw_panels()


class ToldByPanel:
    """Base of a job's operator to which scripts may give what the panel's settings lack: it can be run
    whenever nothing else runs, and its tooltip says why the panel's button is greyed out."""

    if TYPE_CHECKING:
        poll_message_set: Callable[[str], None]

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str | None:
        """Why the panel's button is greyed out, as a sentence; None when it can be pressed. Cheap."""
        raise NotImplementedError

    @classmethod
    def description(cls, context: bpy.types.Context, _properties: bpy.types.OperatorProperties) -> str:
        return tooltip(cls, cls.reason(context))

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return can_press(cls, busy_reason())


def redraw_motion() -> None:
    """Let all be drawn that shows how a head moves: Blender evaluates new keys of an F-curve, but draws them
    only when something else asks for it."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in SHOW_MOTION:
                area.tag_redraw()


def redraw_panels() -> None:
    """Let every sidebar of a 3D view show the newest state."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
