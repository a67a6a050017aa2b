# SPDX-License-Identifier: GPL-3.0-or-later
"""The head's takes: which one plays, and what it was made of."""

from __future__ import annotations

import bpy

from ..ops.add_sound import MESHTALK_OT_fit_range, last_sound_frame, last_take_frame
from ..ops.checks import chosen_head
from ..ops.takes import (
    ORIGINAL,
    MESHTALK_OT_duplicate_take,
    MESHTALK_OT_remove_take,
    MESHTALK_OT_show_take,
    plays_original,
    takes_reason,
)
from ..scene.placement import spoken_frames
from ..scene.take_list import active_take, is_playing, take_problem
from ..take_props import MeshTalkTake
from ..translations import say
from .text import note, sentence

ROWS = 3
ON, OFF = "RADIOBUT_ON", "RADIOBUT_OFF"
KIND_ICONS = {"GENERATE": "SOUND", "DUB": "OUTLINER_OB_SPEAKER", "RETARGET": "MOD_ARMATURE"}


def draw_item(layout: bpy.types.UILayout, item: MeshTalkTake) -> None:
    """One row of the list of takes; the one with the dot plays."""
    head = item.id_data
    broken = take_problem(head, item) is not None
    row = layout.row(align=True)
    row.label(text="", icon="ERROR" if broken else ON if is_playing(head, item) else OFF)
    row.prop(item, "name", text="", emboss=False, icon=KIND_ICONS[item.kind])
    if item.preview:
        side = row.row()
        side.active = False
        side.alignment = "RIGHT"
        side.label(text="Preview")


def draw_header_preset(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """How many there are, at the end of the sub-panel's heading."""
    head = chosen_head(context)
    if head is not None:
        row = layout.row()
        row.active = False
        row.label(text=str(len(head.meshtalk.takes)), translate=False)


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sub-panel."""
    head = chosen_head(context)
    if head is None:
        return
    reason = takes_reason(context)
    column = layout.column()
    column.enabled = reason is None
    _draw_original(column, head)
    _draw_list(column, head)
    if reason is not None:
        sentence(layout, context, reason, "INFO")
    take = active_take(head)
    if take is not None:
        _draw_take(layout, context, head, take)


def _draw_original(layout: bpy.types.UILayout, head: bpy.types.Object) -> None:
    """The row above the list: what was there before the first take."""
    originals = head.meshtalk.originals
    action = originals[0].action if len(originals) else None
    row = layout.row()
    row.alignment = "LEFT"
    shown = row.operator(
        MESHTALK_OT_show_take.bl_idname,
        text="Original" if action is None else f"Original: {action.name}",
        icon=ON if plays_original(head) else OFF,
        emboss=False,
        translate=action is None,
    )
    shown.head, shown.take = head.name, ORIGINAL


def _draw_list(layout: bpy.types.UILayout, head: bpy.types.Object) -> None:
    row = layout.row()
    settings = head.meshtalk
    row.template_list("MESHTALK_UL_takes", "", settings, "takes", settings, "active_take", rows=ROWS)
    buttons = row.column(align=True)
    buttons.enabled = active_take(head) is not None
    buttons.operator(MESHTALK_OT_duplicate_take.bl_idname, text="", icon="DUPLICATE")
    buttons.operator(MESHTALK_OT_remove_take.bl_idname, text="", icon="REMOVE")


def _draw_take(
    layout: bpy.types.UILayout, context: bpy.types.Context, head: bpy.types.Object, take: MeshTalkTake
) -> None:
    problem = take_problem(head, take)
    if problem is not None:
        sentence(layout, context, problem, "ERROR")
        return
    column = layout.column(align=True)
    for line in told_of(take):
        note(column, line)
    last, end = last_take_frame(context), context.scene.frame_end
    if last is not None and last > end + 1 and (last_sound_frame(context) or 0) <= end:  # which has a button
        layout.operator(MESHTALK_OT_fit_range.bl_idname, text=say(f"Extend the Scene to Frame {last}"))


def told_of(take: MeshTalkTake) -> list[str]:
    """What a take is, in two short lines: its frames and sounds, where it is and how it was sampled."""
    item, first = take.objects[0], take.segments[0]
    count = len(take.segments)
    sounds = first.strip or bpy.path.basename(first.sound)
    sounds = f"{count} strips" if count > 1 else sounds
    begin, end = spoken_frames(take)
    frames = f"{begin}–{end}"
    place = {"NEW": "own Action", "RANGE": f"in “{item.action.name}”", "NLA": "NLA strip"}[take.placement]
    return [f"Frames {frames}{', ' + sounds if sounds else ''}", f"Seed {first.seed}, {place}"]
