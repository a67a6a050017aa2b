# SPDX-License-Identifier: GPL-3.0-or-later
"""Saving and removing presets of the user's own, of whatever kind: live controls, mappings."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import StringProperty

from ...engine.errors import MeshTalkError
from ..translations import say


class SavesPreset:
    """Base of an operator that asks for a name and saves a preset under it."""

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
        try:
            path = self.save(context)
        except MeshTalkError as error:
            self.report({"ERROR"}, say(str(error)))
            return {"CANCELLED"}
        self.report({"INFO"}, say(f"Saved as {path}"))
        return {"FINISHED"}


class RemovesPreset:
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
        chosen = cls.chosen(context)
        if not chosen:
            cls.poll_message_set(say(cls.refusal))
        return bool(chosen)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        name = self.chosen(context)
        try:
            self.remove(context, name)
        except MeshTalkError as error:
            self.report({"ERROR"}, say(str(error)))
            return {"CANCELLED"}
        self.report({"INFO"}, say(f"“{name}” was removed"))
        return {"FINISHED"}
