# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds: the gallery, what is done with the seed that is looked at, takes combined, a range sampled again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..gallery_props import MeshTalkSeeds
from ..ops.checks import chosen_head, disabled_reason
from ..ops.desk import desk
from ..ops.preview import gallery_of
from ..ops.seeds import (
    MESHTALK_OT_combine_takes,
    MESHTALK_OT_discard_seed,
    MESHTALK_OT_keep_seed,
    MESHTALK_OT_preview_seed,
    MESHTALK_OT_range_from_scene,
    MESHTALK_OT_sample_range,
    MESHTALK_OT_sample_seeds,
    combine_reason,
    range_reason,
    seeds_reason,
)
from ..scene.take_list import find_preview
from ..translations import say
from .common import why_not, worktop
from .text import sentence

if TYPE_CHECKING:
    from ..ops.gallery import Gallery, SeedTake

EDGES, BORDER = 45, 10
"""Room beside the gallery in the sidebar, and beside each picture in it, in pixels at scale 1."""

UNIT = 20.0
"""Pixels of an icon's scale 1, at the interface's scale 1."""

SMALL = 140
"""Width of a picture where many are side by side, in pixels at scale 1."""

COMFORTABLE = 190
"""Width of a picture, in pixels at scale 1: as many are side by side as have nearly so much room."""


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sub-panel."""
    layout = worktop(layout, MESHTALK_OT_sample_seeds, MESHTALK_OT_sample_range)
    head, settings = chosen_head(context), context.scene.meshtalk_seeds
    _draw_sampling(layout, context, settings)
    gallery = gallery_of(head)
    shown = None if head is None else find_preview(head)
    if shown is not None:
        _draw_choice(layout, shown.name)
    if head is not None and len(head.meshtalk.takes) > 1:
        _draw_combining(layout, context, head)
    if head is not None and len(head.meshtalk.takes) > 0:
        _draw_range(layout, context)
    if gallery is not None:  # at the end, for it is long
        _draw_gallery(layout, context, gallery, is_shown=shown is not None)


def draw_gallery(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """All seeds side by side, however narrow the sidebar is."""
    head = chosen_head(context)
    gallery = gallery_of(head)
    if gallery is None or head is None:
        layout.label(text="There is no gallery: sample seeds first.")
        return
    layout.enabled = desk.job is None
    shown = find_preview(head)
    columns, width = _side_by_side(len(gallery.seeds))
    layout.ui_units_x = columns * (width + BORDER) / UNIT + 1
    _draw_pictures(layout, gallery, columns, width, is_shown=shown is not None)
    _draw_choice(layout, "" if shown is None else shown.name)  # always: no picture may move under the mouse


def _draw_sampling(layout: bpy.types.UILayout, context: bpy.types.Context, settings: MeshTalkSeeds) -> None:
    column = layout.column()
    column.prop(settings, "count")
    row = column.row(heading="Upper Face")
    row.prop(settings, "use_upper_temperature", text="")
    own = row.row()
    own.active = settings.use_upper_temperature
    own.prop(settings, "upper_temperature", text="")
    reason = seeds_reason(context)
    row = column.row()
    row.enabled = reason is None
    row.operator_context = "INVOKE_DEFAULT"
    row.operator(MESHTALK_OT_sample_seeds.bl_idname, icon="OUTLINER_OB_POINTCLOUD").count = settings.count
    if reason not in (None, disabled_reason(context)):  # that one stands above, below Generate
        sentence(column, context, reason, "INFO")


def _draw_choice(layout: bpy.types.UILayout, name: str) -> None:
    """The seed that is looked at, to keep or to give up; greyed where there is none."""
    words, icon = (name, "HIDE_OFF") if name else (say("Click on a seed to see it on the head"), "INFO")
    layout.label(text=words, translate=False, icon=icon)
    row = layout.row(align=True)
    row.enabled = bool(name)
    row.operator(MESHTALK_OT_keep_seed.bl_idname, icon="CHECKMARK")
    row.operator(MESHTALK_OT_discard_seed.bl_idname, icon="X")


def _draw_gallery(
    layout: bpy.types.UILayout, context: bpy.types.Context, gallery: Gallery, *, is_shown: bool
) -> None:
    scale = context.preferences.system.ui_scale
    room = max(120.0, context.region.width / scale - EDGES)
    columns = max(1, round(room / COMFORTABLE))
    if columns == 1 and len(gallery.seeds) > 1:
        layout.popover("MESHTALK_PT_gallery", text="Side by Side", icon="IMGDISPLAY")
    _draw_pictures(layout, gallery, columns, room / columns - BORDER, is_shown=is_shown)


def _draw_pictures(
    layout: bpy.types.UILayout, gallery: Gallery, columns: int, width: float, *, is_shown: bool
) -> None:
    """All seeds in so many columns, each picture of this width, in pixels at scale 1."""
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, align=False)
    for number, (seed, icon) in enumerate(zip(gallery.seeds, gallery.pictures, strict=False)):
        cell = grid.column(align=True)
        cell.template_icon(icon_value=icon, scale=width / UNIT)
        chosen = is_shown and number == gallery.shown
        mark = "RADIOBUT_ON" if chosen else "RADIOBUT_OFF"
        operator = MESHTALK_OT_preview_seed.bl_idname
        cell.operator(operator, text=_words(seed), translate=False, icon=mark, depress=chosen).index = number


def _side_by_side(count: int) -> tuple[int, int]:
    """Columns of the gallery side by side for so many seeds, and the width of a picture: not too high for the
    window, and all rows as full as they can be, as Blender makes them."""
    most, width = (4, COMFORTABLE) if count <= 8 else (6, SMALL)
    rows = -(-count // most)
    return -(-count // rows), width


def _words(seed: SeedTake) -> str:
    """A seed in a few words."""
    blinks = len(seed.overview.blinks)
    count = "no blink" if blinks == 0 else f"{blinks} blink{'s' if blinks > 1 else ''}"
    return say(f"Seed {seed.seed}  {count}  brows {seed.overview.liveliness:.1f} mm")


def _draw_combining(layout: bpy.types.UILayout, context: bpy.types.Context, head: bpy.types.Object) -> None:
    settings = context.scene.meshtalk_seeds
    column = _section(layout, "combine", "Mouth of One, Eyes of Another")
    if column is None:
        return
    column.prop_search(settings, "mouth_take", head.meshtalk, "takes", icon="ACTION")
    column.prop_search(settings, "upper_take", head.meshtalk, "takes", icon="ACTION")
    reason = combine_reason(context)
    row = column.row()
    row.enabled = reason is None
    row.operator(MESHTALK_OT_combine_takes.bl_idname, icon="MOD_BOOLEAN")
    why_not(column, context, reason)


def _draw_range(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings, reason = context.scene.meshtalk_seeds, range_reason(context)
    body = _section(layout, "range", "Sample a Range Again")
    if body is None:
        return
    column = body.column(align=True)
    column.enabled = reason is None
    row = column.row(align=True)
    row.prop(settings, "range_start")
    row.operator(MESHTALK_OT_range_from_scene.bl_idname, text="", icon="PREVIEW_RANGE")
    column.prop(settings, "range_end")
    column.prop(settings, "range_seed")
    row = column.row()
    row.operator_context = "INVOKE_DEFAULT"
    row.operator(MESHTALK_OT_sample_range.bl_idname, icon="FILE_REFRESH")
    why_not(body, context, reason)


def _section(layout: bpy.types.UILayout, name: str, title: str) -> bpy.types.UILayout | None:
    """A part of the panel that is closed at first; None while it is."""
    header, body = layout.panel(f"MESHTALK_seeds_{name}", default_closed=True)
    header.label(text=say(title))
    if body is None:
        return None
    body.use_property_split = True
    body.use_property_decorate = False
    return body.column(align=True)
