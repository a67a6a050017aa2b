# SPDX-License-Identifier: GPL-3.0-or-later
"""Over which frames something animates a head."""

from __future__ import annotations

import math
from collections.abc import Iterator

import bpy

from .parts import head_objects


def animated_range(head: bpy.types.Object) -> tuple[int, int] | None:
    """First and last frame of what animates a head: the Actions and NLA strips of its keys, its objects, and
    whatever deforms, carries or drives them. None where there is nothing of the kind."""
    spans = [span for block in _animated_blocks(head) for span in _spans(block.animation_data)]
    if not spans:
        return None
    return math.floor(min(span[0] for span in spans)), math.ceil(max(span[1] for span in spans))


def _animated_blocks(head: bpy.types.Object) -> list[bpy.types.ID]:
    things: dict[bpy.types.Object, None] = {}
    blocks: list[bpy.types.ID] = []
    for thing in head_objects(head):
        things |= dict.fromkeys(_relatives(thing))
        keys = thing.data.shape_keys
        blocks += [] if keys is None else [keys]
        drivers = () if keys is None or keys.animation_data is None else keys.animation_data.drivers
        targets = (t.id for curve in drivers for v in curve.driver.variables for t in v.targets)
        blocks += [target for target in targets if target is not None]
    return [block for block in dict.fromkeys([*things, *blocks]) if getattr(block, "animation_data", None)]


def _relatives(thing: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """The object, its parents, and what its modifiers point at, with its parents."""
    starts = [thing, *(getattr(modifier, "object", None) for modifier in thing.modifiers)]
    for start in starts:
        while start is not None:
            yield start
            start = start.parent


def _spans(animation: bpy.types.AnimData) -> Iterator[tuple[float, float]]:
    action = animation.action
    if action is not None and any(action.curve_frame_range):  # (0, 0) where it holds no keys
        yield tuple(action.frame_range)
    for track in animation.nla_tracks:
        if not track.mute:
            for strip in track.strips:
                yield strip.frame_start, strip.frame_end
