# SPDX-License-Identifier: GPL-3.0-or-later
"""The MeshTalk tab in the 3D view's sidebar."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ..ops.add_head import MESHTALK_OT_add_head
from ..ops.add_sound import MESHTALK_OT_add_sound, MESHTALK_OT_fit_range, last_sound_frame
from ..ops.checks import chosen_head, chosen_heads, chosen_strips, disabled_reason, overlapping_strips
from ..ops.desk import desk
from ..ops.generate import MESHTALK_OT_generate
from ..ops.head_state import HeadState, Kind, state_of
from ..scene.strips import sequencer_scene, sound_strips
from ..translations import say
from .common import draw_progress, start_button
from .fit import icon_of
from .text import note, sentence

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
        draw_progress(layout, desk.job)
    else:
        _draw_generate(layout, context)


def _draw_head(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.meshtalk
    layout.prop(settings, "head", icon="USER")
    head = chosen_head(context)
    if settings.head is None and head is not None:
        _draw_meant(layout, context, head)
    if head is None:
        layout.operator(MESHTALK_OT_add_head.bl_idname, text="Add MeshTalk Head", icon="ADD")
    elif head.type == "MESH":
        _draw_state(layout, state_of(head, settings.model))
    _draw_heads(layout, context)


def _draw_meant(layout: bpy.types.UILayout, context: bpy.types.Context, head: bpy.types.Object) -> None:
    """Which object is the head where none was picked."""
    active = context.view_layer.objects.active
    if active is not None and active.type == "ARMATURE" and head != active:
        note(layout, f"Head of “{active.name}”: {head.name}")
    else:
        note(layout, f"Active object: {head.name}")


def _draw_heads(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Whether all selected heads speak; asked only where several are selected."""
    settings = context.scene.meshtalk
    kinds = [thing.type for thing in context.selected_objects]
    several = kinds.count("MESH") > 1 or kinds.count("ARMATURE") > 1
    if not several and settings.heads != "SELECTED":
        return
    row = layout.row()
    row.use_property_split = False  # as below: two words are cut off in what a label leaves
    row.prop(settings, "heads", expand=True)
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
    if desk.message and desk.message != reason and desk.is_about(chosen_head(context)):
        sentence(layout, context, desk.message, "ERROR" if desk.is_problem else "CHECKMARK")


def listed(names: Sequence[str], what: str) -> str:
    """How many heads or strips (`what`) there are, and as many of their names as fit."""
    if not names:
        return "No heads" if what == "head" else "No strips"
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    if what == "head":
        return f"1 head: {shown}" if len(names) == 1 else f"{len(names)} heads: {shown}"
    return f"1 strip: {shown}" if len(names) == 1 else f"{len(names)} strips: {shown}"
