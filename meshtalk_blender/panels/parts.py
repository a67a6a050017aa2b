# SPDX-License-Identifier: GPL-3.0-or-later
"""The head's other objects: an offer as soon as they are selected with it, and the list of them."""

from __future__ import annotations

import bpy

from ..ops.checks import chosen_head
from ..ops.job import desk
from ..ops.parts import MESHTALK_OT_add_parts, MESHTALK_OT_remove_part, offered_parts
from ..scene.parts import head_objects
from .common import InTab
from .text import sentence

OFFER = "Teeth, eyes or lashes as objects of their own? Select them together with the head:"


class MESHTALK_PT_parts_offer(InTab, bpy.types.Panel):
    """Shown while other meshes are selected together with the head"""

    bl_label = "Selected Meshes"
    bl_options = {"HIDE_HEADER"}
    bl_order = -1  # right below Generate

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return desk.job is None and bool(offered_parts(context, chosen_head(context)))

    def draw(self, context: bpy.types.Context) -> None:
        count = len(offered_parts(context, chosen_head(context)))
        layout = self.layout
        sentence(layout, context, f"{count} more mesh{'es are' if count > 1 else ' is'} selected:", "INFO")
        layout.operator(MESHTALK_OT_add_parts.bl_idname, icon="ADD")


class MESHTALK_PT_parts(InTab, bpy.types.Panel):
    """Meshes that move with the head: teeth, tongue, eyeballs, lashes"""

    bl_label = "Parts"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 12

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = chosen_head(context)
        return head is not None and head.type == "MESH"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
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


CLASSES = (MESHTALK_PT_parts_offer, MESHTALK_PT_parts)
