# SPDX-License-Identifier: GPL-3.0-or-later
"""Dub: how much of the old performance stays under the new words."""

from __future__ import annotations

import bpy

from ..ops.dub import MESHTALK_OT_dub, dub_reason
from .common import start_button, worktop
from .text import sentence


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sub-panel."""
    settings = context.scene.meshtalk_dub
    column = worktop(layout, MESHTALK_OT_dub)
    sentence(column, context, "What stays of the old performance:", "NONE")
    column.prop(settings, "upper", slider=True)
    column.prop(settings, "mouth", slider=True)
    column.prop(settings, "keep_silence")
    column.separator()
    column.prop(settings, "range")
    column.prop(settings, "stretch")
    column.prop(settings, "seed")
    column.prop(settings, "mute_old")
    start_button(column, context, MESHTALK_OT_dub, "OUTLINER_OB_SPEAKER", dub_reason(context))
