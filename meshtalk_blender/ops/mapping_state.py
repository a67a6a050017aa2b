# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel tells of the mapping of a head's own shape keys."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ...engine.rigs.mapping import RigMapping, drive_names, is_mixed, sides_of
from ..mapping_props import model_units
from ..scene.mapping import all_presets, driven_keys, is_edited, is_missing, mapping_of, own_presets
from ..translations import say
from .checks import chosen_head

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
        """What stands in the menu's button, in the interface's language."""
        if self.edited:
            return say(f"{self.chosen} (Edited)" if self.chosen else "Edited")
        return self.chosen or say(BY_NAME)

    @property
    def words(self) -> str:
        """At a glance: what was found."""
        left = (
            f"; {self.driven} {'has a driver' if self.driven == 1 else 'have drivers'}" if self.driven else ""
        )
        if self.mapping is None or not self.mapping.used:
            return f"No shape keys that speech moves{left}"
        count = len(self.mapping.used)
        return f"{self.mapping.name}: {count} {'shape keys' if count != 1 else 'shape key'}{left}"


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


def own_mapping_of(context: bpy.types.Context) -> str:
    """The name of the user's own mapping that the head uses; "" where it uses none."""
    head = chosen_head(context)
    chosen = "" if head is None else head.meshtalk.mapping
    return chosen if any(preset.name == chosen for preset in own_presets()[0]) else ""
