# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels: draw() only draws."""

import bpy

from . import controls, dub, fit, landmarks, main, mapping, parts, retarget, seeds, takes

_MODULES = (main, seeds, takes, controls, dub, retarget, fit, landmarks, parts, mapping)
"""In the order of the tab; sub-panels come after `main`."""


def register() -> None:
    """Register the panels."""
    for module in _MODULES:
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)


def unregister() -> None:
    """Take the panels back."""
    for module in reversed(_MODULES):
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)
