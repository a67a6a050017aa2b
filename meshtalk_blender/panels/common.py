# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tab's panels share: the button that starts a job, and how far the job is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..ops.cancel import MESHTALK_OT_cancel
from ..ops.desk import desk
from ..translations import say
from .text import sentence

if TYPE_CHECKING:
    from ..ops.job import Job


def worktop(layout: bpy.types.UILayout, *operators: type[bpy.types.Operator]) -> bpy.types.UILayout:
    """The layout of a sub-panel from which these operators start jobs: while one of theirs runs, Cancel and
    how far it is stand above all else, for the tab may be scrolled; the rest is greyed while any runs."""
    if desk.job is not None and desk.operator in {operator.bl_idname for operator in operators}:
        draw_progress(layout, desk.job)
    column = layout.column()
    column.enabled = desk.job is None
    column.use_property_split = True
    column.use_property_decorate = False
    return column


def start_button(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    operator: type[bpy.types.Operator],
    icon: str,
    reason: str | None,
    height: float = 1.25,
) -> None:
    """A large button that starts a job; where there is a reason against it, it is greyed out and the reason
    stands below it."""
    row = layout.row()
    row.scale_y = height
    row.enabled = reason is None
    row.operator_context = "INVOKE_DEFAULT"
    row.operator(operator.bl_idname, icon=icon)
    why_not(layout, context, reason)


def why_not(layout: bpy.types.UILayout, context: bpy.types.Context, reason: str | None) -> None:
    """Why the button above is greyed out; while a job runs, Cancel and the progress say it."""
    if reason is not None and desk.job is None:
        sentence(layout, context, reason, "INFO")


def draw_progress(layout: bpy.types.UILayout, job: Job) -> None:
    """Cancel, and how far a job is."""
    # Cancel has Generate's place: the mouse is still there, and Blender redraws a button under the mouse
    # only where it became another one.
    row = layout.row()
    row.scale_y = 1.5
    row.operator(MESHTALK_OT_cancel.bl_idname, icon="CANCEL")
    if job.is_waiting:
        layout.progress(factor=1.0, text=say("Done, once you are back in Object Mode"))
        return
    status = job.status
    left = job.seconds_left
    words = "" if left is None else f",  {say(left_words(left))}"
    layout.progress(
        factor=status.fraction, text=f"{say(status.stage)}  {round(100 * status.fraction)} %{words}"
    )


def left_words(seconds: float) -> str:
    """How long something takes yet, at a glance; in steps, so that the words don't flicker."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s left"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s left"
    return f"{round(seconds / 60)} min left"
