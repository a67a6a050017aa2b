# SPDX-License-Identifier: GPL-3.0-or-later
"""Retarget: another head's motion on this one."""

from __future__ import annotations

import bpy

from ..ops.retarget import MESHTALK_OT_retarget, retarget_reason
from .common import start_button, worktop


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sub-panel."""
    settings = context.scene.meshtalk_retarget
    column = worktop(layout, MESHTALK_OT_retarget)
    column.prop(settings, "source", icon="USER")
    column.prop(settings, "range")
    column.prop(settings, "part")
    start_button(column, context, MESHTALK_OT_retarget, "MOD_MESHDEFORM", retarget_reason(context))
