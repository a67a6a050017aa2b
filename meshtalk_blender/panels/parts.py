# SPDX-License-Identifier: GPL-3.0-or-later
"""The head's other objects: an offer as soon as they are selected with it, and the list of them."""

from __future__ import annotations

import bpy

from ..ops.checks import chosen_head
from ..ops.desk import desk
from ..ops.parts import MESHTALK_OT_add_parts, MESHTALK_OT_remove_part, offered_parts
from ..scene.parts import head_objects
from .text import sentence

OFFER = "Teeth, eyes or lashes as objects of their own? Select them together with the head:"


def is_offered(context: bpy.types.Context) -> bool:
    """Whether other meshes are selected together with the head."""
    return desk.job is None and bool(offered_parts(context, chosen_head(context)))


def draw_offer(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sub-panel that offers to add what is selected."""
    count = len(offered_parts(context, chosen_head(context)))
    words = f"{count} more meshes are selected:" if count > 1 else "One more mesh is selected:"
    sentence(layout, context, words, "INFO")
    layout.operator(MESHTALK_OT_add_parts.bl_idname, icon="ADD")


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sub-panel with the list of them."""
    layout.enabled = desk.job is None
    parts = head_objects(chosen_head(context))[1:]
    column = layout.column(align=True)
    for part in parts:
        row = column.row(align=True)
        row.label(text=part.name, translate=False, icon="HIDE_ON" if part.hide_get() else "MESH_DATA")
        row.operator(MESHTALK_OT_remove_part.bl_idname, text="", icon="X").name = part.name
    if not parts:
        sentence(column, context, OFFER, "INFO")
    layout.operator(MESHTALK_OT_add_parts.bl_idname, icon="ADD")
