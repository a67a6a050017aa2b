# SPDX-License-Identifier: GPL-3.0-or-later
"""What a head's objects played before its first take, and where their sliders stood: kept with the head,
shown again, and given back when a take that went into the user's own Action is deleted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import bpy

from ..ids import TAG
from .actions import slot_identifier
from .placement import RANGE, show_original
from .recipe import Recipe, read_recipe
from .sliders import settle_sliders, slider_text

if TYPE_CHECKING:
    from ..take_props import MeshTalkOriginal, MeshTalkTake, MeshTalkTakeObject


def remember_original(head: bpy.types.Object, recipes: Iterable[tuple[bpy.types.Object, Recipe]]) -> None:
    """Keep what each object plays before its first take; the face comes first."""
    known = {head if original.is_face else original.object for original in head.meshtalk.originals}
    for thing in dict.fromkeys([head, *(thing for thing, _ in recipes)]):
        if thing in known:
            continue
        original = head.meshtalk.originals.add()
        original.is_face, original.object = thing == head, None if thing == head else thing
        keys = thing.data.shape_keys
        original.values = slider_text(keys)
        animation = None if keys is None else keys.animation_data
        if animation is None or animation.action is None:
            continue
        action = animation.action
        if TAG not in action:  # the user's own outlives the takes, whatever becomes of them
            action.use_fake_user = action.use_fake_user or action.users <= 1
        original.action = action
        original.slot = slot_identifier(getattr(animation, "action_slot", None))


def keep_backup_as_original(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Where a take went into the user's Action, what that was before is its copy."""
    if take.placement != RANGE:
        return
    for item in take.objects:
        for original in head.meshtalk.originals:
            if item.before is not None and _are_same(item, original) and original.action == item.action:
                original.action = item.before


def give_back_original(head: bpy.types.Object, item: MeshTalkTakeObject) -> None:
    """The user's Action takes the place of its copy: this take is out of it again, or belongs to the user."""
    for original in head.meshtalk.originals:
        if item.before is not None and original.action == item.before:
            original.action = item.action


def play_originals(head: bpy.types.Object) -> None:
    """Let each object play what it played before the first take."""
    for original in head.meshtalk.originals:
        thing = head if original.is_face else original.object
        keys = None if thing is None or thing.type != "MESH" else thing.data.shape_keys
        if keys is not None and keys.animation_data is not None:
            show_original(keys.animation_data, original.action, original.slot)
    settle(head)


def settle(head: bpy.types.Object) -> None:
    """What the take before moved, and this one doesn't, rests where it did before the first."""
    for original in head.meshtalk.originals:
        thing = head if original.is_face else original.object
        if thing is not None and thing.type == "MESH":
            names = {key for take in head.meshtalk.takes for key in _keys_of(take, original)}
            settle_sliders(thing.data.shape_keys, original.values, names)


def _keys_of(take: MeshTalkTake, original: MeshTalkOriginal) -> tuple[str, ...]:
    """The keys of an object that a take moves."""
    items = (item for item in take.objects if _are_same(item, original))
    return next((read_recipe(item.recipe).keys for item in items), ())


def _are_same(item: MeshTalkTakeObject, original: MeshTalkOriginal) -> bool:
    """Whether both are about one object."""
    return item.is_face == original.is_face and item.object == original.object
