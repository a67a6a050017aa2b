# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels: draw() only draws."""

import bpy

from . import main


def register() -> None:
    """Register the panels."""
    for cls in main.CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take the panels back."""
    for cls in reversed(main.CLASSES):
        bpy.utils.unregister_class(cls)
