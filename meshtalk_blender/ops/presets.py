# SPDX-License-Identifier: GPL-3.0-or-later
"""Saving and removing presets of the user's own, of whatever kind: live controls, mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .clicks import at_once, can_press

if TYPE_CHECKING:
    from pathlib import Path


class SavesPreset:
    """Base of an operator that asks for a name and saves a preset under it."""

    if TYPE_CHECKING:
        layout: bpy.types.UILayout

    name: StringProperty(name="Name", description="One of your own of this name is replaced", default="")

    def suggested(self, context: bpy.types.Context) -> str:
        """The name that is offered."""
        raise NotImplementedError

    def save(self, context: bpy.types.Context) -> Path:
        """Save it as `self.name`; the file. Raises MeshTalkError."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.name = self.suggested(context)
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.activate_init = True  # the name can be typed at once
        self.layout.prop(self, "name")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return at_once(self, lambda: f"Saved as {self.save(context)}")


if TYPE_CHECKING:

    class _Button:
        """What stands beside the next class in an operator: it knows whether its head is there."""

        @classmethod
        def poll(cls, context: bpy.types.Context) -> bool: ...
else:
    _Button = object


class RemovesPreset(_Button):
    """Base of an operator that removes the preset that is chosen, if it is the user's own."""

    refusal: str
    """Why it can't be pressed where none of the user's own is chosen."""

    @classmethod
    def chosen(cls, context: bpy.types.Context) -> str:
        """The name of the user's own preset that is chosen, "" where none is."""
        raise NotImplementedError

    def remove(self, context: bpy.types.Context, name: str) -> None:
        """Remove it. Raises MeshTalkError."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        return can_press(cls, None if cls.chosen(context) else cls.refusal)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return at_once(self, lambda: self._remove(context))

    def _remove(self, context: bpy.types.Context) -> str:
        name = self.chosen(context)
        self.remove(context, name)
        return f"“{name}” was removed"
