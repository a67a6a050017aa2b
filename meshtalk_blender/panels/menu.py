# SPDX-License-Identifier: GPL-3.0-or-later
"""Object ▸ MeshTalk in the 3D views: the jobs again, because Blender's search (F3) finds what is in menus."""

from __future__ import annotations

import bpy

from ..ops.add_sound import MESHTALK_OT_add_sound
from ..ops.controls import MESHTALK_OT_bake
from ..ops.dub import MESHTALK_OT_dub
from ..ops.fit import MESHTALK_OT_fit_head
from ..ops.generate import MESHTALK_OT_generate
from ..ops.landmarks import MESHTALK_OT_place_landmarks
from ..ops.parts import MESHTALK_OT_add_parts
from ..ops.retarget import MESHTALK_OT_retarget
from ..ops.seeds import MESHTALK_OT_sample_seeds

_JOBS = (
    MESHTALK_OT_generate,
    MESHTALK_OT_sample_seeds,
    MESHTALK_OT_dub,
    MESHTALK_OT_retarget,
    MESHTALK_OT_bake,
)
_PREPARING = (MESHTALK_OT_add_sound, MESHTALK_OT_add_parts, MESHTALK_OT_place_landmarks, MESHTALK_OT_fit_head)


def draw_menu(layout: bpy.types.UILayout, _context: bpy.types.Context) -> None:
    """The sub-menu."""
    layout.operator_context = "INVOKE_DEFAULT"
    for operator in _JOBS:
        layout.operator(operator.bl_idname)
    layout.separator()
    for operator in _PREPARING:
        layout.operator(operator.bl_idname)
