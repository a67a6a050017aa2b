# SPDX-License-Identifier: GPL-3.0-or-later
"""Which unit or viseme drives each shape key that the head has, and what is done about missing ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import bpy

from ...engine.rigs.mapping import KeyDrive
from ..ops.checks import chosen_head
from ..ops.desk import desk
from ..ops.mapping import (
    MESHTALK_OT_choose_mapping,
    MESHTALK_OT_edit_mapping,
    MESHTALK_OT_remove_mapping,
    MESHTALK_OT_save_mapping,
    mapping_problem,
)
from ..ops.mapping_state import BY_NAME, MappingState, drive_problem, mapping_state
from ..scene.made_keys import made_names
from ..scene.mapping import all_presets, driven_keys
from .text import sentence

if TYPE_CHECKING:
    from ..mapping_props import MeshTalkMapping

ROWS = 7
NAME_SHARE = 0.48


class _Shown:
    """What the list's rows need and can't ask for themselves; set at each draw of the panel."""

    def __init__(self) -> None:
        self.drives: dict[str, KeyDrive] = {}
        self.driven: frozenset[str] = frozenset()
        self.basis = ""


_shown = _Shown()


def draw_item(layout: bpy.types.UILayout, item: bpy.types.ShapeKey, mapping: MeshTalkMapping) -> None:
    """One row of the list of shape keys."""
    listed = mapping.entries.get(item.name)
    split = layout.split(factor=NAME_SHARE, align=True)
    row = split.row(align=True)
    if listed is not None and item.name not in _shown.driven:
        row.prop(listed, "on", text="")
    row.label(text=item.name, translate=False)
    _draw_drive(split, item.name, listed)


def filter_items(
    rows: bpy.types.UIList, context: bpy.types.Context, blocks: Sequence[bpy.types.ShapeKey]
) -> tuple[list[int], list[int]]:
    """Which shape keys the list shows, as Blender wants to hear it."""
    head = chosen_head(context)
    if head is None:
        return [], []
    mapping = head.meshtalk_mapping
    names = bpy.types.UI_UL_list.filter_items_by_name(rows.filter_name, rows.bitflag_filter_item, blocks)
    flags = names or [rows.bitflag_filter_item] * len(blocks)
    for number, block in enumerate(blocks):
        if block.name == _shown.basis or not (mapping.show_all or _is_moved(mapping, block.name)):
            flags[number] &= ~rows.bitflag_filter_item
    return flags, []


def draw_menu(layout: bpy.types.UILayout, _context: bpy.types.Context) -> None:
    """All mappings."""
    layout.operator(MESHTALK_OT_choose_mapping.bl_idname, text=BY_NAME, icon="FILE_REFRESH").name = ""
    layout.separator()
    for preset in all_presets()[0]:
        layout.operator(MESHTALK_OT_choose_mapping.bl_idname, text=preset.name).name = preset.name


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sub-panel."""
    head = chosen_head(context)
    if head is None:
        return
    layout.enabled = desk.job is None
    drives = ()
    if head.data.shape_keys is None:
        sentence(layout, context, mapping_problem(context) or "", "INFO")
    else:
        state = mapping_state(context, head)
        drives = () if state.mapping is None else state.mapping.used
        _draw_mapping(layout, context, head, state)
    made = made_names(head.data.shape_keys)
    _draw_making(layout, head, has_own=any(entry.key not in made for entry in drives))


def _draw_mapping(
    layout: bpy.types.UILayout, context: bpy.types.Context, head: bpy.types.Object, state: MappingState
) -> None:
    row = layout.row(align=True)
    row.menu("MESHTALK_MT_mapping", text=state.label, translate=False)
    row.operator(MESHTALK_OT_save_mapping.bl_idname, text="", icon="ADD")
    row.operator(MESHTALK_OT_remove_mapping.bl_idname, text="", icon="REMOVE")
    found = state.mapping is not None and bool(state.mapping.used)
    sentence(layout, context, state.words, "CHECKMARK" if found else "INFO")
    if state.warning:
        sentence(layout, context, state.warning, "ERROR")
    _fill_shown(head, state)
    mapping, keys = head.meshtalk_mapping, head.data.shape_keys
    layout.template_list(
        "MESHTALK_UL_keys", "", keys, "key_blocks", mapping, "active", rows=ROWS, maxrows=ROWS
    )
    layout.prop(mapping, "show_all")
    if state.edited:
        _draw_active(layout, context, head)
    if not state.edited:
        layout.operator(MESHTALK_OT_edit_mapping.bl_idname, icon="GREASEPENCIL")
    elif any(name not in mapping.entries and name not in _shown.driven for name in _own_names(keys)):
        layout.operator(MESHTALK_OT_edit_mapping.bl_idname, text="List New Shape Keys", icon="FILE_REFRESH")


def _draw_active(layout: bpy.types.UILayout, context: bpy.types.Context, head: bpy.types.Object) -> None:
    """What drives the chosen key, to change it; rows are too narrow for that."""
    mapping, blocks = head.meshtalk_mapping, head.data.shape_keys.key_blocks
    name = blocks[mapping.active].name if mapping.active < len(blocks) else ""
    entry = mapping.entries.get(name)
    if entry is None or name in _shown.driven:
        return
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(entry, "drive")
    column.prop(entry, "gain")
    problem = drive_problem(context, entry.drive)
    if problem is not None:
        sentence(layout, context, problem, "ERROR")


def _draw_making(layout: bpy.types.UILayout, head: bpy.types.Object, *, has_own: bool) -> None:
    """How keys are driven and made; grey is what means nothing to this head: matching without keys of its own
    (`has_own`), correctives beside them."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    matching = column.row()
    matching.active = has_own
    matching.prop(head.meshtalk, "use_matching")
    column.prop(head.meshtalk, "missing_units", text="Missing Ones")
    correctives = column.row()
    correctives.active = not has_own
    correctives.prop(head.meshtalk, "use_correctives")
    tolerance = column.row()
    tolerance.active = head.meshtalk.use_correctives and not has_own
    tolerance.prop(head.meshtalk, "corrective_tolerance", text="Tolerance mm")


def _draw_drive(layout: bpy.types.UILayout, name: str, listed: bpy.types.PropertyGroup | None) -> None:
    """What drives a key, at the end of its row; what doesn't count now is grey."""
    row = layout.row(align=True)
    found = _shown.drives.get(name)
    row.active = name not in _shown.driven and found is not None and found.on
    if name in _shown.driven:
        row.label(text="Has a driver", icon="DRIVER")
    elif found is not None:
        gain = f" × {found.gain:.2g}" if found.gain != 1.0 else ""
        row.label(
            text=f"{found.drive}{gain}" if found.on or listed else f"Off ({found.drive})", translate=False
        )
    elif listed is not None and listed.drive:
        row.alert = True
        row.label(text=listed.drive, translate=False)
    else:
        row.label(text="–")


def _is_moved(mapping: bpy.types.PropertyGroup, name: str) -> bool:
    """Whether a key is listed without asking for all: something drives it, or the user has it off."""
    listed = mapping.entries.get(name)
    return name in _shown.drives if listed is None else bool(listed.drive)


def _fill_shown(head: bpy.types.Object, state: MappingState) -> None:
    keys = head.data.shape_keys
    _shown.drives = {entry.key: entry for entry in state.mapping.keys} if state.mapping else {}
    _shown.driven = driven_keys(head)
    _shown.basis = keys.reference_key.name if keys.reference_key else ""


def _own_names(keys: bpy.types.Key) -> list[str]:
    return [block.name for block in keys.key_blocks if block.name != _shown.basis]
