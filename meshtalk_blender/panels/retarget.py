# SPDX-License-Identifier: GPL-3.0-or-later
"""Retarget: another head's motion on this one."""

from __future__ import annotations

import bpy

from ..ops.job import desk
from ..ops.retarget import MESHTALK_OT_retarget, retarget_reason
from .common import InTab, start_button


class MESHTALK_PT_retarget(InTab, bpy.types.Panel):
    """The motion of one head on another"""

    bl_label = "Retarget"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 5

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.meshtalk_retarget
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.enabled = desk.job is None
        column.prop(settings, "source", icon="USER")
        column.prop(settings, "range")
        column.prop(settings, "part")
        start_button(column, context, MESHTALK_OT_retarget, "MOD_MESHDEFORM", retarget_reason(context))


CLASSES = (MESHTALK_PT_retarget,)
