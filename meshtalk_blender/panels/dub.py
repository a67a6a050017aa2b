# SPDX-License-Identifier: GPL-3.0-or-later
"""Dub: how much of the old performance stays under the new words."""

from __future__ import annotations

import bpy

from ..ops.dub import MESHTALK_OT_dub, dub_reason
from ..ops.job import desk
from .text import sentence


class MESHTALK_PT_dub(bpy.types.Panel):
    """New words for a head that moves already"""

    bl_label = "Dub"
    bl_category = "MeshTalk"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_parent_id = "MESHTALK_PT_main"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 4

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.meshtalk_dub
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.enabled = desk.job is None
        column.label(text="What stays of the old performance:")
        column.prop(settings, "upper", slider=True)
        column.prop(settings, "mouth", slider=True)
        column.prop(settings, "keep_silence")
        column.separator()
        column.prop(settings, "range")
        column.prop(settings, "stretch")
        column.prop(settings, "seed")
        column.prop(settings, "mute_old")
        reason = dub_reason(context)
        row = column.row()
        row.scale_y = 1.25
        row.enabled = reason is None
        row.operator_context = "INVOKE_DEFAULT"
        row.operator(MESHTALK_OT_dub.bl_idname, icon="OUTLINER_OB_SPEAKER")
        if reason is not None and desk.job is None:  # Cancel and the progress above say it while one runs
            sentence(layout, context, reason, "INFO")


CLASSES = (MESHTALK_PT_dub,)
