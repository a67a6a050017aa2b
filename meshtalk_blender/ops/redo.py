# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender's redo panel (F9) offers of an operator: not the arguments that are for scripts alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy


class Redone:
    """Base of an operator that offers only the properties `redone` there; without any, its name alone."""

    if TYPE_CHECKING:
        layout: bpy.types.UILayout

    redone: tuple[str, ...] = ()

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in self.redone:
            self.layout.prop(self, name)
