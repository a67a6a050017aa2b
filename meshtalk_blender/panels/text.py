# SPDX-License-Identifier: GPL-3.0-or-later
"""Words in a panel: notes, and sentences that are broken into lines."""

from __future__ import annotations

import blf
import bpy

from ..translations import say

MARGIN = 85
"""Room that a label's icon and the sidebar's edges and tabs take, in pixels at scale 1."""


def note(layout: bpy.types.UILayout, text: str) -> None:
    """A few words to the property above them."""
    row = layout.row()
    row.active = False
    row.alignment = "RIGHT"
    row.label(text=say(text), translate=False)


def sentence(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str) -> None:
    """A sentence, broken into lines that fit the sidebar."""
    column = layout.column(align=True)
    for number, line in enumerate(_lines(context, say(text))):
        column.label(text=line, translate=False, icon=icon if number == 0 or icon == "NONE" else "BLANK1")


def _lines(context: bpy.types.Context, text: str) -> list[str]:
    scale = context.preferences.system.ui_scale
    blf.size(0, context.preferences.ui_styles[0].widget.points * scale)
    room = max(80.0, context.region.width - MARGIN * scale)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if blf.dimensions(0, longer)[0] <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line]
