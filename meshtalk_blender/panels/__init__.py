# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels: draw() only draws."""

import bpy

from . import tab


def register() -> None:
    """Register the panels, and the entry in the Object menu."""
    for cls in tab.CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.VIEW3D_MT_object.append(tab.draw_entry)


def unregister() -> None:
    """Take the panels back."""
    bpy.types.VIEW3D_MT_object.remove(tab.draw_entry)
    for cls in reversed(tab.CLASSES):
        bpy.utils.unregister_class(cls)
