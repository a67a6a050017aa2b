# SPDX-License-Identifier: GPL-3.0-or-later
"""What drives a head's own shape keys: choose, edit, save and remove mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from ..mapping_props import model_units
from ..scene.errors import SceneError
from .checks import chosen_head, need_head
from .clicks import at_once, can_press
from .desk import desk
from .presets import RemovesPreset, SavesPreset

if TYPE_CHECKING:
    from pathlib import Path


def mapping_problem(context: bpy.types.Context) -> str | None:
    """Why nothing about shape keys can be set now, as a sentence; None when it can."""
    head = chosen_head(context)
    if desk.job is not None:
        return "MeshTalk is at work: wait, or press Cancel."
    if head is None or head.type != "MESH":
        return "Choose a mesh as the head first."
    if head.data.shape_keys is None:
        return f"“{head.name}” has no shape keys yet: MeshTalk makes its own."
    return None


class _OnHead:
    """Works on the head of the panel, where that has shape keys."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return can_press(cls, mapping_problem(context))


class MESHTALK_OT_choose_mapping(_OnHead, bpy.types.Operator):
    """Let this mapping decide what drives the head's shape keys; what was edited by hand is dropped"""

    bl_idname = "meshtalk.choose_mapping"
    bl_label = "Choose Mapping"

    name: StringProperty(name="Mapping", description="Empty: by the shape keys' names", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        return at_once(self, lambda: self._choose(context))

    def _choose(self, context: bpy.types.Context) -> str:
        from ..scene.mapping import all_presets, choose_mapping
        from .mapping_state import mapping_state

        if self.name and all(preset.name != self.name for preset in all_presets()[0]):
            raise SceneError(f"There is no mapping “{self.name}”.")
        head = chosen_head(context)
        choose_mapping(head, self.name)
        return mapping_state(context, head).words


class MESHTALK_OT_edit_mapping(_OnHead, bpy.types.Operator):
    """List the head's shape keys with what drives them, to change it; also adds keys that are new"""

    bl_idname = "meshtalk.edit_mapping"
    bl_label = "Edit Mapping"

    def execute(self, context: bpy.types.Context) -> set[str]:
        return at_once(self, lambda: self._list(context))

    def _list(self, context: bpy.types.Context) -> str:
        from ..scene.mapping import edit_mapping, free_keys

        head = need_head(context)
        if not free_keys(head):
            raise SceneError(f"All shape keys of “{head.name}” have drivers: there is nothing to map.")
        count = edit_mapping(head, model_units(context.scene.meshtalk.model))
        return f"{count} shape keys listed" if count else "All shape keys are listed already"


class MESHTALK_OT_save_mapping(SavesPreset, _OnHead, bpy.types.Operator):
    """Save what drives the shape keys as a mapping of your own, for other heads with the same names"""

    bl_idname = "meshtalk.save_mapping"
    bl_label = "Save Mapping"
    bl_options = {"REGISTER"}

    def suggested(self, context: bpy.types.Context) -> str:
        from ..scene.mapping import all_presets
        from .mapping_state import own_mapping_of

        taken = {preset.name.lower() for preset in all_presets()[0]}
        head = need_head(context)
        fresh = f"My {head.name}" if head.name.lower() in taken else head.name
        return own_mapping_of(context) or fresh

    def save(self, context: bpy.types.Context) -> Path:
        from ..scene.mapping import save_preset

        return save_preset(need_head(context), self.name, model_units(context.scene.meshtalk.model))


class MESHTALK_OT_remove_mapping(RemovesPreset, _OnHead, bpy.types.Operator):
    """Delete this mapping of your own from this computer; heads that used it go by the names of their keys"""

    bl_idname = "meshtalk.remove_mapping"
    bl_label = "Remove Mapping"

    refusal = "Only mappings that you saved yourself can be removed."

    @classmethod
    def chosen(cls, context: bpy.types.Context) -> str:
        from .mapping_state import own_mapping_of

        return own_mapping_of(context)

    def remove(self, context: bpy.types.Context, name: str) -> None:
        from ..scene.mapping import remove_preset

        remove_preset(name)
        need_head(context).meshtalk.mapping = ""


CLASSES = (
    MESHTALK_OT_choose_mapping,
    MESHTALK_OT_edit_mapping,
    MESHTALK_OT_save_mapping,
    MESHTALK_OT_remove_mapping,
)
