# SPDX-License-Identifier: GPL-3.0-or-later
"""Retarget: another head's motion on this one."""

from __future__ import annotations

import bpy

from ..ops.job import desk
from ..ops.retarget import MESHTALK_OT_retarget, retarget_reason
from .text import sentence


class MESHTALK_PT_retarget(bpy.types.Panel):
    """The motion of one head on another"""

    bl_label = "Retarget"
    bl_category = "MeshTalk"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_parent_id = "MESHTALK_PT_main"
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
        reason = retarget_reason(context)
        row = column.row()
        row.scale_y = 1.25
        row.enabled = reason is None
        row.operator_context = "INVOKE_DEFAULT"
        row.operator(MESHTALK_OT_retarget.bl_idname, icon="MOD_MESHDEFORM")
        if reason is not None and desk.job is None:  # Cancel and the progress above say it while one runs
            sentence(layout, context, reason, "INFO")


CLASSES = (MESHTALK_PT_retarget,)
