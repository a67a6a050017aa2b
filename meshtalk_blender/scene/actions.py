# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions that a head's shape keys play: their slots and F-curves, and new ones that the add-on owns.

Actions have slots from 4.4 on, and from 5.0 on F-curves are only found in the channelbag of a slot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import bpy

from ..ids import TAG

GROUP = "MeshTalk"


def channels_of(animation: bpy.types.AnimData) -> Any:
    """What holds the F-curves that play on this datablock: the Action itself, or its slot's channelbag."""
    return channels(animation.action, getattr(animation, "action_slot", None))


def channels(action: bpy.types.Action, slot: Any) -> Any:
    """What holds an Action's F-curves for a slot; made where it is missing."""
    if slot is None:
        return action
    if not action.layers:
        action.layers.new("Layer")
    strips = action.layers[0].strips
    strip = strips[0] if strips else strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def slot_named(action: bpy.types.Action | None, identifier: str) -> Any:
    """The slot of this identifier, else the Action's first one for shape keys; None where it has none, or
    Blender knows no slots."""
    slots = [] if action is None else list(getattr(action, "slots", ()))
    named = next((slot for slot in slots if slot.identifier == identifier), None)
    if named is not None:
        return named
    return next((slot for slot in slots if slot.target_id_type in ("KEY", "UNSPECIFIED")), None)


def slot_identifier(slot: Any) -> str:
    """What finds a slot again; "" for none."""
    return "" if slot is None else slot.identifier


def find_curve(holder: Any, path: str) -> bpy.types.FCurve | None:
    """The F-curve for an RNA path."""
    return holder.fcurves.find(path)


def ensure_curve(holder: Any, path: str) -> bpy.types.FCurve:
    """The F-curve for an RNA path, made in the add-on's group where it is missing."""
    fcurve = holder.fcurves.find(path)
    if fcurve is None:
        fcurve = holder.fcurves.new(path)
        fcurve.group = holder.groups.get(GROUP) or holder.groups.new(GROUP)
    return fcurve


def remove_curve(holder: Any, fcurve: bpy.types.FCurve) -> None:
    """Remove an F-curve, and the add-on's group with its last one."""
    holder.fcurves.remove(fcurve)
    for group in [g for g in holder.groups if g.name == GROUP and len(g.channels) == 0]:
        holder.groups.remove(group)


def is_locked(fcurve: bpy.types.FCurve) -> bool:
    """Whether the user has locked an F-curve, or its group."""
    return fcurve.lock or (fcurve.group is not None and fcurve.group.lock)


def locked_paths(keys: bpy.types.Key | None) -> frozenset[str]:
    """RNA paths whose F-curves, or their groups, the user has locked in the Action that plays now."""
    return frozenset(fcurve.data_path for fcurve in playing_curves(keys) if is_locked(fcurve))


def earlier_paths(keys: bpy.types.Key | None) -> tuple[str, ...]:
    """RNA paths that the add-on's take of before animates, apart from locked ones and keys that are gone."""
    animation = None if keys is None else keys.animation_data
    if animation is None or animation.action is None or TAG not in animation.action:
        return ()
    locked = locked_paths(keys)
    own = [c.data_path for c in playing_curves(keys) if c.group is not None and c.group.name == GROUP]
    return tuple(path for path in own if path not in locked and resolves(keys, path))


def playing_curves(keys: bpy.types.Key | None) -> Iterable[bpy.types.FCurve]:
    """The F-curves of the Action that plays now."""
    animation = None if keys is None else keys.animation_data
    if animation is None or animation.action is None:
        return ()
    slot = getattr(animation, "action_slot", None)
    if slot is None:
        return () if hasattr(animation.action, "slots") else animation.action.fcurves
    bags = (
        strip.channelbag(slot)
        for layer in animation.action.layers
        for strip in layer.strips
        if strip.type == "KEYFRAME"
    )
    return [fcurve for bag in bags if bag is not None for fcurve in bag.fcurves]


def all_curves(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    """The F-curves of all of an Action's slots."""
    if not hasattr(action, "layers") or not hasattr(action, "slots"):
        return list(action.fcurves)
    strips = [strip for layer in action.layers for strip in layer.strips if strip.type == "KEYFRAME"]
    return [fcurve for strip in strips for bag in strip.channelbags for fcurve in bag.fcurves]


def resolves(keys: bpy.types.Key, path: str) -> bool:
    """Whether there is something at an RNA path."""
    try:
        keys.path_resolve(path)
    except ValueError:
        return False
    return True


def new_action(keys: bpy.types.Key, name: str) -> tuple[bpy.types.Action, Any]:
    """An empty Action for these keys, and its slot."""
    action = bpy.data.actions.new(name)
    if not hasattr(action, "slots"):
        return action, None
    slot = action.slots.new(id_type="KEY", name=keys.name)
    action.layers.new("Layer").strips.new(type="KEYFRAME").channelbag(slot, ensure=True)
    return action, slot


def carried_over(
    animation: bpy.types.AnimData, name: str, without: Collection[str]
) -> tuple[bpy.types.Action, Any]:
    """A copy of the Action that plays now, without its tag, other slots, and these paths: all else plays
    on."""
    slot_before = getattr(animation, "action_slot", None)
    if animation.action is None or (hasattr(animation.action, "slots") and slot_before is None):
        return new_action(animation.id_data, name)
    action = animation.action.copy()
    action.name = name
    action.use_fake_user = False
    if action.asset_data is not None:
        action.asset_clear()
    if TAG in action:
        del action[TAG]
    slot = _only_slot(action, slot_before.identifier) if slot_before is not None else None
    holder = channels(action, slot)
    for fcurve in [each for each in holder.fcurves if each.data_path in without]:
        remove_curve(holder, fcurve)
    return action, slot


def _only_slot(action: bpy.types.Action, identifier: str) -> Any:
    for slot in list(action.slots):
        if slot.identifier != identifier:
            action.slots.remove(slot)
    return action.slots[0]


def assign(animation: bpy.types.AnimData, action: bpy.types.Action | None, slot: Any) -> None:
    """Let an Action play; None: nothing. What played before is kept with a fake user where nothing else uses
    it."""
    before = animation.action
    if before is not None and before != action:
        before.use_fake_user = before.use_fake_user or before.users <= 1
    if before != action:
        animation.action = action
    if slot is not None:
        animation.action_slot = slot
