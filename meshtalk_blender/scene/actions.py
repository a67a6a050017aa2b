# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a take into one new Action that the add-on owns; the user's own Action is never changed.

Actions have slots from 4.4 on, and from 5.0 on F-curves are only found in the channelbag of a slot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..ids import TAG

GROUP = "MeshTalk"
SETTLE_SECONDS = Fraction(1, 4)
"""After the last sample the face goes back to rest, else a blink at the very end would stay closed for
ever."""

STILL = 1e-4
"""A curve that moves less than this gets no key on each frame. Where it rests at 0 it gets one: without any,
a slider would keep what another Action or the user's hand left in it, and the face would be wrong."""

_LINEAR, _BEZIER, _AUTO_CLAMPED = 1, 2, 4  # values of Blender's enumerations


def write_take(
    keys: bpy.types.Key,
    curves: Mapping[str, NDArray[np.float32]],
    frame: int,
    rate: Fraction,
    name: str,
    record: Mapping[str, Any],
) -> bpy.types.Action:
    """Make the Action, fill it with `curves` (RNA path → one value a frame from `frame` on) and assign it.

    F-curves of the Action before, for anything that the take doesn't animate, are carried over as copies, so
    that they play on. The Action before stays as it is, with a fake user where nothing else uses it. `record`
    becomes the tag. What only an earlier take animates comes to rest.
    """
    frames = len(next(iter(curves.values())))
    curves = {path: np.zeros(frames, np.float32) for path in earlier_paths(keys)} | dict(curves)
    animation = keys.animation_data or keys.animation_data_create()
    before = animation.action
    action, slot = _carry_over(animation, curves) if before is not None else _new_action(keys)
    action.name = name
    action[TAG] = dict(record)
    _fill(_channels(action, slot), curves, frame, max(1, round(SETTLE_SECONDS * rate)))
    if before is not None:
        before.use_fake_user = before.use_fake_user or before.users <= 1
    _assign(animation, action, slot)
    return action


def channels_of(animation: bpy.types.AnimData) -> Any:
    """What holds the F-curves that play on this datablock: the Action itself, or its slot's channelbag."""
    return _channels(animation.action, getattr(animation, "action_slot", None))


def locked_paths(keys: bpy.types.Key | None) -> frozenset[str]:
    """RNA paths whose F-curves, or their groups, the user has locked in the Action that plays now."""
    return frozenset(
        fcurve.data_path
        for fcurve in _playing(keys)
        if fcurve.lock or (fcurve.group is not None and fcurve.group.lock)
    )


def earlier_paths(keys: bpy.types.Key) -> tuple[str, ...]:
    """RNA paths that the add-on's take of before animates, apart from locked ones and keys that are gone."""
    animation = keys.animation_data
    if animation is None or animation.action is None or TAG not in animation.action:
        return ()
    locked = locked_paths(keys)
    own = [c.data_path for c in _playing(keys) if c.group is not None and c.group.name == GROUP]
    return tuple(path for path in own if path not in locked and _resolves(keys, path))


def _playing(keys: bpy.types.Key | None) -> Iterable[bpy.types.FCurve]:
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


def _resolves(keys: bpy.types.Key, path: str) -> bool:
    try:
        keys.path_resolve(path)
    except ValueError:
        return False
    return True


def _new_action(keys: bpy.types.Key) -> tuple[bpy.types.Action, Any]:
    action = bpy.data.actions.new(GROUP)
    if not hasattr(action, "slots"):
        return action, None
    slot = action.slots.new(id_type="KEY", name=keys.name)
    action.layers.new("Layer").strips.new(type="KEYFRAME").channelbag(slot, ensure=True)
    return action, slot


def _carry_over(animation: bpy.types.AnimData, curves: Mapping[str, Any]) -> tuple[bpy.types.Action, Any]:
    """A copy of the Action before, without its tag, other slots, and whatever the take animates itself."""
    slot_before = getattr(animation, "action_slot", None)
    if hasattr(animation.action, "slots") and slot_before is None:
        return _new_action(animation.id_data)
    action = animation.action.copy()
    action.use_fake_user = False
    if action.asset_data is not None:
        action.asset_clear()
    if TAG in action:
        del action[TAG]
    slot = _only_slot(action, slot_before.identifier) if slot_before is not None else None
    _drop(_channels(action, slot), curves)
    return action, slot


def _only_slot(action: bpy.types.Action, identifier: str) -> Any:
    for slot in list(action.slots):
        if slot.identifier != identifier:
            action.slots.remove(slot)
    return action.slots[0]


def _drop(channels: Any, curves: Mapping[str, Any]) -> None:
    for fcurve in list(channels.fcurves):
        if fcurve.data_path in curves:
            channels.fcurves.remove(fcurve)
    for group in [g for g in channels.groups if g.name == GROUP and len(g.channels) == 0]:
        channels.groups.remove(group)


def _channels(action: bpy.types.Action, slot: Any) -> Any:
    if slot is None:
        return action
    if not action.layers:
        action.layers.new("Layer")
    strips = action.layers[0].strips
    strip = strips[0] if strips else strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def _fill(channels: Any, curves: Mapping[str, NDArray[np.float32]], frame: int, settle: int) -> None:
    group = channels.groups.get(GROUP) or channels.groups.new(GROUP)
    for path, values in curves.items():
        fcurve = channels.fcurves.new(path)
        fcurve.group = group
        _write_keys(fcurve, *key_points(values, frame, settle))


def key_points(
    values: NDArray[np.float32], frame: int, settle: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Keys of one curve: (K, 2) frames and values, and (K,) interpolations; one key for a curve at rest, and
    none between the first and the last frame of one that stays elsewhere."""
    if np.abs(values).max() < STILL:
        return np.array([[frame, 0.0]], np.float32), np.array([_LINEAR], np.int32)
    frames = np.arange(frame, frame + len(values))
    if np.ptp(values) < STILL:
        frames, values = frames[[0, -1]][-len(values) :], values[[0, -1]][-len(values) :]
    frames = np.append(frames, frames[-1] + settle)
    points = np.stack([frames, np.append(values, 0.0)], axis=1).astype(np.float32)
    modes = np.full(len(points), _LINEAR, np.int32)
    modes[-2] = _BEZIER  # eases into rest
    return points, modes


def _write_keys(fcurve: bpy.types.FCurve, points: NDArray[np.float32], modes: NDArray[np.int32]) -> None:
    keys = fcurve.keyframe_points
    keys.add(len(points))
    keys.foreach_set("co", points.ravel())
    keys.foreach_set("interpolation", modes)
    for side in ("handle_left_type", "handle_right_type"):
        keys.foreach_set(side, np.full(len(points), _AUTO_CLAMPED, np.int32))
    for flag in ("select_control_point", "select_left_handle", "select_right_handle"):
        keys.foreach_set(flag, np.zeros(len(points), bool))
    fcurve.update()


def _assign(animation: bpy.types.AnimData, action: bpy.types.Action, slot: Any) -> None:
    animation.action = action
    if slot is not None:
        animation.action_slot = slot
