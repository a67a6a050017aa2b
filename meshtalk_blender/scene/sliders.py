# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of shape keys that nothing animates: without curves a slider would keep what the last take left in
it, and NLA strips would reset it to Blender's default, which is 1 from 5.0 on."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

import bpy
import numpy as np

from ..ids import TAG
from .actions import all_curves, channels, ensure_curve, new_action
from .fcurves import LINEAR, Points, write_points
from .made_keys import made_names
from .nla import add_strip, strips_of
from .shape_keys import value_path

REST = "MeshTalk rest"


def slider_text(keys: bpy.types.Key | None) -> str:
    """The values of all keys that nothing animates, to be kept."""
    if keys is None:
        return ""
    animated = animated_paths(keys)
    return json.dumps(
        {block.name: block.value for block in keys.key_blocks if value_path(block.name) not in animated}
    )


def settle_sliders(keys: bpy.types.Key | None, values: str, names: Iterable[str]) -> None:
    """Let those of the keys `names`, and of those that the add-on made, that nothing animates now rest at the
    `values` of before, new ones at 0."""
    if keys is None:
        return
    before: Mapping[str, float] = json.loads(values) if values else {}
    animated = animated_paths(keys)
    for name in {*names, *made_names(keys)}:
        block = keys.key_blocks.get(name)
        if block is not None and value_path(name) not in animated:
            block.value = before.get(name, 0.0)


def animated_paths(keys: bpy.types.Key) -> frozenset[str]:
    """RNA paths that Actions, NLA strips that can be heard, or drivers move."""
    animation = keys.animation_data
    if animation is None:
        return frozenset()
    return _paths(_playing(animation)) | {driver.data_path for driver in animation.drivers}


def ensure_rest(keys: bpy.types.Key, paths: Collection[str]) -> None:
    """Below all NLA takes lies where the sliders rest outside of them, as far as the user animates nothing
    there; to be called while the user's Action still plays."""
    animation = keys.animation_data
    users = _paths(action for action in _playing(animation) if TAG not in action)
    moved = animated_paths(keys)
    action = rest_action(animation)
    if action is None:
        action, slot = new_action(keys, REST)
        action[TAG] = {"format": 1, "rest": True}
        _write(action, slot, keys, [path for path in paths if path not in users], moved)
        add_strip(animation, action, slot, REST, (1.0, 2.0), extrapolation="HOLD")
        return
    slot = getattr(strips_of(animation, action)[0][1], "action_slot", None)
    known = {curve.data_path for curve in all_curves(action)}
    _write(action, slot, keys, [path for path in paths if path not in users | known], moved)


def rest_action(animation: bpy.types.AnimData) -> bpy.types.Action | None:
    """The Action that holds where sliders rest; None where there is none yet."""
    strips = (strip for track in animation.nla_tracks for strip in track.strips)
    return next((strip.action for strip in strips if _is_rest(strip.action)), None)


def mute_rest(animation: bpy.types.AnimData, mute: bool) -> None:
    """Only NLA takes need it."""
    for track, _ in strips_of(animation, rest_action(animation)):
        track.mute = mute


def remove_rest(animation: bpy.types.AnimData) -> None:
    """Remove it where no NLA take is left."""
    action = rest_action(animation)
    if action is None or _is_needed(animation):
        return
    for track, _ in strips_of(animation, action):
        animation.nla_tracks.remove(track)
    if action.users - int(action.use_fake_user) <= 0:
        bpy.data.actions.remove(action)


def release_rest(animation: bpy.types.AnimData | None) -> None:
    """Where the last NLA take became the user's own, what lies below it does, too."""
    action = None if animation is None else rest_action(animation)
    if animation is not None and action is not None and not _is_needed(animation):
        del action[TAG]
        action.name = "Rest"


def _is_needed(animation: bpy.types.AnimData) -> bool:
    """Whether a take is on the tracks."""
    others = [s.action for t in animation.nla_tracks for s in t.strips if s.action is not None]
    return any(TAG in other and not _is_rest(other) for other in others)


def _is_rest(action: bpy.types.Action | None) -> bool:
    tag = None if action is None else action.get(TAG)
    return tag is not None and "rest" in tag


def _playing(animation: bpy.types.AnimData) -> Iterable[bpy.types.Action]:
    if animation.action is not None:
        yield animation.action
    for track in animation.nla_tracks if animation.use_nla else ():
        for strip in track.strips:
            if not track.mute and strip.action is not None:
                yield strip.action


def _paths(actions: Iterable[bpy.types.Action]) -> frozenset[str]:
    return frozenset(curve.data_path for action in actions for curve in all_curves(action))


def _write(
    action: bpy.types.Action, slot: object, keys: bpy.types.Key, paths: Iterable[str], moved: Collection[str]
) -> None:
    """A key for each path, where the slider stands; at 0 where another take moves it now."""
    holder = channels(action, slot)
    for path in paths:
        value = 0.0 if path in moved else float(keys.path_resolve(path))
        points = Points(np.array([[1.0, value]], np.float32), np.array([LINEAR], np.int32))
        write_points(ensure_curve(holder, path), points)
