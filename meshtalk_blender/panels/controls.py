# SPDX-License-Identifier: GPL-3.0-or-later
"""Live controls of the take that plays: sliders, presets, and Bake."""

from __future__ import annotations

import bpy

from ...engine.control_limits import LIMITS
from ...engine.generate.control_values import Controls
from ..control_props import controls_of, last_problem
from ..ops.controls import (
    MESHTALK_OT_bake,
    MESHTALK_OT_choose_controls,
    MESHTALK_OT_remove_controls,
    MESHTALK_OT_reset_controls,
    MESHTALK_OT_save_controls,
    controlled_take,
    controls_problem,
    is_layer,
    is_turned,
    preset_label,
)
from ..scene.control_presets import all_presets
from .text import sentence

GROUPS = (
    ("mouth", "jaw", "brow", "blink", "gaze"),
    ("smooth_mouth", "smooth_upper"),
    ("closure",),
    ("offset", "tolerance"),
)
"""The sliders, with some air between the groups."""

STRENGTHS = ("mouth", "closure")
LAYER_NOTE = "This take only changes what plays below it: strengths have no effect."

BY_HAND = "Curves changed by hand, which stay as they are: {}. Delete them to have them written anew."
GONE = "Shape keys of this take that were deleted or renamed: {}. Generate again to have them move."

PLAIN = ("offset",)
"""Numbers with no end to slide to."""


def draw_menu(layout: bpy.types.UILayout, _context: bpy.types.Context) -> None:
    """All presets."""
    for preset in all_presets()[0]:
        entry = layout.operator(MESHTALK_OT_choose_controls.bl_idname, text=preset.name)
        entry.name = preset.name


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sub-panel."""
    take, problem = controlled_take(context), controls_problem(context)
    if problem is not None:
        sentence(layout, context, problem, "INFO")
    if take is None:
        return
    controls = controls_of(take.controls)
    column = layout.column()
    column.enabled = problem is None
    _draw_presets(column, controls)
    column.use_property_split = True
    column.use_property_decorate = False
    layer = is_layer(take)
    if layer:
        sentence(column, context, LAYER_NOTE, "INFO")
    for names in GROUPS:
        group = column.column(align=True)
        group.active = not layer or names[0] not in STRENGTHS
        _draw_group(group, take.controls, controls, names)
    for words, attribute in ((BY_HAND, "by_hand"), (GONE, "gone")):
        count = sum(getattr(item, attribute) for item in take.objects)
        if count:
            sentence(layout, context, words.format(count), "INFO")
    if last_problem():
        sentence(layout, context, last_problem(), "ERROR")
    column.operator(MESHTALK_OT_bake.bl_idname, icon="ACTION")


def _draw_presets(layout: bpy.types.UILayout, controls: Controls) -> None:
    row = layout.row(align=True)
    row.menu("MESHTALK_MT_controls", text=preset_label(controls))
    row.operator(MESHTALK_OT_save_controls.bl_idname, text="", icon="ADD")
    row.operator(MESHTALK_OT_remove_controls.bl_idname, text="", icon="REMOVE")
    reset = row.row(align=True)
    reset.enabled = any(is_turned(controls, name) for name in LIMITS)
    reset.operator(MESHTALK_OT_reset_controls.bl_idname, text="", icon="LOOP_BACK").control = ""


def _draw_group(
    layout: bpy.types.UILayout,
    group: bpy.types.PropertyGroup,
    controls: Controls,
    names: tuple[str, ...],
) -> None:
    """Sliders, each with its way back at the end of the row, greyed where it is where it was."""
    for name in names:
        row = layout.row(align=True)
        row.prop(group, name, slider=name not in PLAIN)
        back = row.row(align=True)
        back.enabled = is_turned(controls, name)
        back.operator(
            MESHTALK_OT_reset_controls.bl_idname, text="", icon="LOOP_BACK", emboss=False
        ).control = name
