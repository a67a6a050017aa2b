# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels: draw() only draws."""

import bpy

from . import controls, dub, fit, landmarks, main, mapping, menu, parts, retarget, seeds, takes

_MODULES = (main, seeds, takes, controls, dub, retarget, fit, landmarks, parts, mapping, menu)
"""In the order of the tab; sub-panels come after `main`."""


def register() -> None:
    """Register the panels, and the entry in the Object menu."""
    for module in _MODULES:
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)
    bpy.types.VIEW3D_MT_object.append(menu.draw_entry)


def unregister() -> None:
    """Take the panels back."""
    bpy.types.VIEW3D_MT_object.remove(menu.draw_entry)
    for module in reversed(_MODULES):
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)
