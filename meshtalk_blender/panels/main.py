# SPDX-License-Identifier: GPL-3.0-or-later
"""The MeshTalk tab in the 3D view's sidebar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import bpy

from ..ops.add_head import MESHTALK_OT_add_head
from ..ops.add_sound import MESHTALK_OT_add_sound, MESHTALK_OT_fit_range, last_sound_frame
from ..ops.cancel import MESHTALK_OT_cancel
from ..ops.checks import chosen_head, chosen_heads, chosen_strips, disabled_reason, overlapping_strips
from ..ops.desk import desk
from ..ops.generate import MESHTALK_OT_generate
from ..ops.head_state import HeadState, Kind, state_of
from ..scene.strips import sequencer_scene, sound_strips
from ..translations import say
from .common import start_button
from .fit import icon_of
from .text import note, sentence

if TYPE_CHECKING:
    from ..ops.job import Job

MOST_NAMES = 3


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The panel above the others."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    column = layout.column()
    column.enabled = desk.job is None
    _draw_head(column, context)
    _draw_sound(column, context)
    _draw_model(column, context)
    if desk.job is not None:
        _draw_progress(layout, desk.job)
    else:
        _draw_generate(layout, context)


def _draw_head(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.meshtalk
    layout.prop(settings, "head", icon="USER")
    head = chosen_head(context)
    if settings.head is None and head is not None:
        note(layout, f"Active object: {head.name}")
    if head is None:
        layout.operator(MESHTALK_OT_add_head.bl_idname, text="Add MeshTalk Head", icon="ADD")
    elif head.type == "MESH":
        _draw_state(layout, state_of(head, settings.model))
    _draw_heads(layout, context)


def _draw_heads(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Whether all selected heads speak; asked only where several are selected."""
    settings = context.scene.meshtalk
    several = sum(thing.type == "MESH" for thing in context.selected_objects) > 1
    if not several and settings.heads != "SELECTED":
        return
    layout.row().prop(settings, "heads", expand=True)
    if settings.heads == "SELECTED":
        note(layout, listed([head.name for head in chosen_heads(context)], "head"))


def _draw_state(layout: bpy.types.UILayout, state: HeadState) -> None:
    """At a glance: whether the head is known, or how well it fits."""
    row = layout.row()
    row.alignment = "RIGHT"
    row.active = state.is_poor
    row.label(text=say(state.words), icon=icon_of(state) if state.kind is not Kind.LOOKING else "NONE")


def _draw_sound(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.meshtalk
    layout.separator()
    row = layout.row()
    row.use_property_split = False  # three words are cut off in what a label leaves of a narrow sidebar
    row.prop(settings, "sound_source", expand=True)
    if settings.sound_source == "FILE":
        layout.prop(settings, "sound_file")
        return
    if settings.sound_source == "SELECTED":
        _draw_strips(layout, context)
        return
    strips = sound_strips(sequencer_scene(context))
    if not strips and not settings.strip:
        layout.operator(MESHTALK_OT_add_sound.bl_idname, text="Add Sound…", icon="FILE_FOLDER")
        return
    row = layout.row(align=True)
    row.prop(settings, "strip", icon="SOUND")
    row.operator(MESHTALK_OT_add_sound.bl_idname, text="", icon="FILE_FOLDER")
    if not settings.strip and len(strips) == 1:
        note(layout, f"Only strip: {strips[0].name}")
    last = last_sound_frame(context)
    if last is not None and last > context.scene.frame_end:
        layout.operator(MESHTALK_OT_fit_range.bl_idname, text=say(f"Extend the Scene to Frame {last}"))


def _draw_strips(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The selected strips, and which of them overlap."""
    names = chosen_strips(context)
    if names:
        note(layout, listed(names, "strip"))
    for one, two, frame in overlapping_strips(context):
        sentence(layout, context, f"“{two}” takes over from “{one}” at frame {frame}", "INFO")


def _draw_model(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.meshtalk
    layout.separator()
    layout.prop(settings, "model")
    layout.prop(settings, "seed")
    layout.prop(settings, "temperature")
    layout.separator()
    layout.prop(settings, "placement")


def _draw_generate(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    reason = disabled_reason(context)
    start_button(layout, context, MESHTALK_OT_generate, "PLAY", reason, 1.5)
    if desk.message and desk.message != reason:
        sentence(layout, context, desk.message, "ERROR" if desk.is_problem else "CHECKMARK")


def _draw_progress(layout: bpy.types.UILayout, job: Job) -> None:
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


def listed(names: Sequence[str], what: str) -> str:
    """How many there are, and as many of their names as fit."""
    count = f"{len(names)} {what}{'s' if len(names) != 1 else ''}"
    if not names:
        return count
    shown = ", ".join(names[:MOST_NAMES])
    return f"{count}: {shown}{', …' if len(names) > MOST_NAMES else ''}"
