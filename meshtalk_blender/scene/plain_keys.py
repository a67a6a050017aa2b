# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads that nothing but the F-curves of their shape keys moves: known at any frame without
evaluating a scene, which would have every window drawn anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

from .actions import playing_curves
from .aside import has_frame_handlers
from .shape_keys import value_path

Floats = NDArray[np.float32]

MOVES_NOTHING = frozenset(
    {"EDGE_SPLIT", "MULTIRES", "NORMAL_EDIT", "SUBSURF", "TRIANGULATE", "WEIGHTED_NORMAL"}
)
"""Modifiers before which the vertices are where the keys put them."""

_VALUE = '"].value'


def only_keys_move(scene: bpy.types.Scene, things: Sequence[bpy.types.Object]) -> bool:
    """Whether F-curves of their keys alone move these objects of one head, relative to each other."""
    if not _curves_count(scene):
        return False
    if len(things) > 1 and any(_may_go(each) for thing in things for each in _with_parents(thing)):
        return False
    return all(thing.visible_get() and _is_plain(thing) for thing in things)


def curves_tell_values(scene: bpy.types.Scene, things: Sequence[bpy.types.Object]) -> bool:
    """Whether the values of these objects' keys are known at any frame, whatever else moves them."""
    return _curves_count(scene) and all(_has_plain_values(thing) for thing in things)


def _curves_count(scene: bpy.types.Scene) -> bool:
    """Whether F-curves play at the scene's own frames, and nobody changes what they say."""
    return not has_frame_handlers() and scene.render.frame_map_old == scene.render.frame_map_new


def key_values(thing: bpy.types.Object, names: Iterable[str], frames: Sequence[float]) -> Floats:
    """What an object's keys play (n, K) at frames, subframes included; 0 where they are muted."""
    keys = thing.data.shape_keys
    curves = {curve.data_path: curve for curve in playing_curves(keys) if _plays(curve)}
    columns = [_values(keys.key_blocks[name], curves.get(value_path(name)), frames) for name in names]
    return np.array(columns, np.float32).reshape(-1, len(frames)).T


def _values(
    block: bpy.types.ShapeKey, curve: bpy.types.FCurve | None, frames: Sequence[float]
) -> list[float] | Floats:
    if block.mute:
        return [0.0] * len(frames)
    if curve is None:
        return [block.value] * len(frames)
    found = np.array([curve.evaluate(frame) for frame in frames], np.float32)
    return np.clip(found, np.float32(block.slider_min), np.float32(block.slider_max))


def _plays(curve: bpy.types.FCurve) -> bool:
    silent = curve.mute or (curve.group is not None and curve.group.mute)
    return not (silent or curve.is_empty or not curve.is_valid)


def _is_plain(thing: bpy.types.Object) -> bool:
    if any(m.show_viewport and m.type not in MOVES_NOTHING for m in thing.modifiers):
        return False
    if thing.show_only_shape_key:
        return False
    if thing.parent is not None and thing.parent_type in ("ARMATURE", "LATTICE"):
        return False
    return _has_plain_values(thing)


def _has_plain_values(thing: bpy.types.Object) -> bool:
    keys = thing.data.shape_keys
    animation = None if keys is None else keys.animation_data
    if animation is None:
        return True
    if (
        animation.drivers
        or animation.nla_tracks
        or animation.use_tweak_mode
        or animation.action_influence < 1
    ):
        return False
    return all(curve.data_path.endswith(_VALUE) for curve in playing_curves(keys))


def _may_go(thing: bpy.types.Object) -> bool:
    """Whether an object may move as a whole."""
    return thing.animation_data is not None or len(thing.constraints) > 0


def _with_parents(thing: bpy.types.Object) -> Iterable[bpy.types.Object]:
    while thing is not None:
        yield thing
        thing = thing.parent
