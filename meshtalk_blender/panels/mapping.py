# SPDX-License-Identifier: GPL-3.0-or-later
"""Which unit or viseme drives each shape key that the head has, and what is done about missing ones."""

from __future__ import annotations

import bpy

from ...engine.rigs.mapping import KeyDrive
from ..ops.checks import chosen_head
from ..ops.job import desk
from ..ops.mapping import (
    BY_NAME,
    MappingState,
    MESHTALK_OT_choose_mapping,
    MESHTALK_OT_edit_mapping,
    MESHTALK_OT_remove_mapping,
    MESHTALK_OT_save_mapping,
    drive_problem,
    mapping_problem,
    mapping_state,
)
from ..scene.mapping import all_presets, driven_keys
from .common import InTab
from .text import sentence

ROWS = 7
NAME_SHARE = 0.48


class _Shown:
    """What the list's rows need and can't ask for themselves; set at each draw of the panel."""

    def __init__(self) -> None:
        self.drives: dict[str, KeyDrive] = {}
        self.driven: frozenset[str] = frozenset()
        self.basis = ""


_shown = _Shown()


class MESHTALK_UL_keys(bpy.types.UIList):
    """The head's shape keys, each with what drives it"""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.Key,
        item: bpy.types.ShapeKey,
        icon: int,
        active_data: bpy.types.MeshTalkMapping,
        active_property: str,
        index: int = 0,
        flt_flag: int = 0,
    ) -> None:
        listed = active_data.entries.get(item.name)
        split = layout.split(factor=NAME_SHARE, align=True)
        row = split.row(align=True)
        if listed is not None and item.name not in _shown.driven:
            row.prop(listed, "on", text="")
        row.label(text=item.name, translate=False)
        _draw_drive(split, item.name, listed)

    def filter_items(
        self, context: bpy.types.Context, data: bpy.types.Key, property: str
    ) -> tuple[list[int], list[int]]:
        head, blocks = chosen_head(context), getattr(data, property)
        if head is None:
            return [], []
        mapping = head.meshtalk_mapping
        names = bpy.types.UI_UL_list.filter_items_by_name(self.filter_name, self.bitflag_filter_item, blocks)
        flags = names or [self.bitflag_filter_item] * len(blocks)
        for number, block in enumerate(blocks):
            if block.name == _shown.basis or not (mapping.show_all or _is_moved(mapping, block.name)):
                flags[number] &= ~self.bitflag_filter_item
        return flags, []


class MESHTALK_MT_mapping(bpy.types.Menu):
    """Mappings: by the names of the shape keys, your own, and those that come with MeshTalk"""

    bl_label = "Mapping"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator(MESHTALK_OT_choose_mapping.bl_idname, text=BY_NAME, icon="FILE_REFRESH").name = ""
        layout.separator()
        for preset in all_presets()[0]:
            layout.operator(MESHTALK_OT_choose_mapping.bl_idname, text=preset.name).name = preset.name


class MESHTALK_PT_mapping(InTab, bpy.types.Panel):
    """Shape keys that the head already has, what drives each, and whether missing ones are made"""

    bl_label = "Shape Keys"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 13

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = chosen_head(context)
        return head is not None and head.type == "MESH"

    def draw(self, context: bpy.types.Context) -> None:
        from ..scene.made_keys import made_names  # late: Blender starts without numpy

        layout, head = self.layout, chosen_head(context)
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


CLASSES = (MESHTALK_UL_keys, MESHTALK_MT_mapping, MESHTALK_PT_mapping)
