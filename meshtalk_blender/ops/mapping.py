# SPDX-License-Identifier: GPL-3.0-or-later
"""What drives a head's own shape keys: choose, edit, save and remove mappings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.props import StringProperty

from ...engine.rigs.mapping import RigMapping, drive_names, is_mixed, sides_of
from ..mapping_props import model_units
from ..scene.errors import SceneError
from ..scene.mapping import (
    all_presets,
    choose_mapping,
    driven_keys,
    edit_mapping,
    free_keys,
    is_edited,
    is_missing,
    mapping_of,
    own_presets,
    remove_preset,
    save_preset,
)
from .checks import chosen_head, need_head
from .clicks import at_once, can_press
from .job import desk
from .presets import RemovesPreset, SavesPreset

BY_NAME = "By Names"


@dataclass(frozen=True)
class MappingState:
    """What the panel tells of a head: its mapping in effect, what is chosen, whether it is edited by hand,
    and a sentence about what isn't as it should be."""

    mapping: RigMapping | None
    chosen: str
    edited: bool
    driven: int = 0
    warning: str = ""

    @property
    def label(self) -> str:
        """What stands in the menu's button."""
        if self.edited:
            return f"{self.chosen} (Edited)" if self.chosen else "Edited"
        return self.chosen or BY_NAME

    @property
    def words(self) -> str:
        """At a glance: what was found."""
        left = (
            f"; {self.driven} {'has a driver' if self.driven == 1 else 'have drivers'}" if self.driven else ""
        )
        if self.mapping is None or not self.mapping.used:
            return f"No shape keys that speech moves{left}"
        count = len(self.mapping.used)
        return f"{self.mapping.name}: {count} shape key{'s' if count != 1 else ''}{left}"


def mapping_state(context: bpy.types.Context, head: bpy.types.Object) -> MappingState:
    """What drives this head's keys with the panel's model."""
    found = mapping_of(head, model_units(context.scene.meshtalk.model))
    chosen, edited = head.meshtalk.mapping, is_edited(head)
    warning = next(iter(all_presets()[1]), "")
    if not edited and is_missing(head):
        warning = f"“{chosen}” is not on this computer: names decide."
    return MappingState(found, chosen, edited, len(driven_keys(head)), warning)


def drive_problem(context: bpy.types.Context, drive: str) -> str | None:
    """Why a key can't be driven by this, as a sentence; None when it can, or by nothing."""
    known = drive_names(model_units(context.scene.meshtalk.model))
    unknown = next((name for side in sides_of(drive) for name in side if name not in known), None)
    if unknown is not None:
        return f"“{unknown}” is neither a viseme nor a unit of this model."
    if is_mixed(drive):
        return "Visemes can't be added to others: let one drive the key."
    return None


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
        taken = {preset.name.lower() for preset in all_presets()[0]}
        head = need_head(context)
        fresh = f"My {head.name}" if head.name.lower() in taken else head.name
        return own_mapping_of(context) or fresh

    def save(self, context: bpy.types.Context) -> Path:
        return save_preset(need_head(context), self.name, model_units(context.scene.meshtalk.model))


class MESHTALK_OT_remove_mapping(RemovesPreset, _OnHead, bpy.types.Operator):
    """Delete this mapping of your own from this computer; heads that used it go by the names of their keys"""

    bl_idname = "meshtalk.remove_mapping"
    bl_label = "Remove Mapping"

    refusal = "Only mappings that you saved yourself can be removed."

    @classmethod
    def chosen(cls, context: bpy.types.Context) -> str:
        return own_mapping_of(context)

    def remove(self, context: bpy.types.Context, name: str) -> None:
        remove_preset(name)
        need_head(context).meshtalk.mapping = ""


def own_mapping_of(context: bpy.types.Context) -> str:
    """The name of the user's own mapping that the head uses; "" where it uses none."""
    head = chosen_head(context)
    chosen = "" if head is None else head.meshtalk.mapping
    return chosen if any(preset.name == chosen for preset in own_presets()[0]) else ""


CLASSES = (
    MESHTALK_OT_choose_mapping,
    MESHTALK_OT_edit_mapping,
    MESHTALK_OT_save_mapping,
    MESHTALK_OT_remove_mapping,
)
