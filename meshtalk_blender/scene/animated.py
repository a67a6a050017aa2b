# SPDX-License-Identifier: GPL-3.0-or-later
"""Over which frames something animates a head."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import bpy

from .actions import playing_curves
from .parts import head_objects

ENDLESS = frozenset({"CYCLES", "FNGENERATOR", "GENERATOR", "NOISE"})
"""F-curve modifiers that go on beyond the keys."""


def animated_range(
    head: bpy.types.Object, scene: bpy.types.Scene, *, beside_keys: bool = False
) -> tuple[int, int] | None:
    """First and last frame of what animates a head: the Actions and NLA strips of its keys, its objects, and
    whatever deforms, carries, constrains or drives them; the scene's too where some of it never ends (cycles,
    noise, drivers that ask for the frame). None where there is nothing of the kind. `beside_keys` leaves out
    the head's own shape keys, which a take takes over."""
    things = head_objects(head)
    own = {thing.data.shape_keys for thing in things} if beside_keys else set()
    found = (block for block in behind(things) if block not in own)
    blocks = [block for block in found if getattr(block, "animation_data", None) is not None]
    spans = [span for block in blocks for span in _spans(block.animation_data)]
    if any(_never_ends(block) for block in blocks):
        spans.append((scene.frame_start, scene.frame_end))
    if not spans:
        return None
    return math.floor(min(span[0] for span in spans)), math.ceil(max(span[1] for span in spans))


def behind(things: Iterable[bpy.types.Object]) -> dict[bpy.types.ID, None]:
    """Objects, and all that has a say in where their vertices are: what carries, deforms, constrains or
    drives them, and what does so to that, with its data. Also what a graph has but doesn't list."""
    waiting: list[bpy.types.ID] = list(things)
    found: dict[bpy.types.ID, None] = {}
    while waiting:
        block = waiting.pop()
        if block in found:
            continue
        found[block] = None
        near = [*_driving(block), *(_beside(block) if isinstance(block, bpy.types.Object) else ())]
        keys = getattr(block, "shape_keys", None)
        waiting += [other for other in (*near, keys) if other is not None]
    return found


def _driving(block: bpy.types.ID) -> Iterator[bpy.types.ID | None]:
    animation = getattr(block, "animation_data", None)
    for curve in () if animation is None else animation.drivers:
        for variable in curve.driver.variables:
            yield from (target.id for target in variable.targets)


def _beside(thing: bpy.types.Object) -> Iterator[bpy.types.ID | None]:
    """Parent, data, and what modifiers and constraints point at, those of bones too."""
    yield thing.parent
    yield thing.data
    bones = () if thing.pose is None else thing.pose.bones
    constraints = [each for owner in (thing, *bones) for each in owner.constraints]
    for holder in (*thing.modifiers, *constraints):
        yield getattr(holder, "object", None)
        target = getattr(holder, "target", None)
        yield target if isinstance(target, bpy.types.ID) else None
        yield from (each.target for each in getattr(holder, "targets", ()))


def _never_ends(block: bpy.types.ID) -> bool:
    if any(
        curve.extrapolation == "LINEAR" or any(m.type in ENDLESS and not m.mute for m in curve.modifiers)
        for curve in playing_curves(block)
    ):
        return True
    drivers = (curve.driver for curve in block.animation_data.drivers)
    return any(driver.type == "SCRIPTED" and "frame" in driver.expression for driver in drivers)


def _spans(animation: bpy.types.AnimData) -> Iterator[tuple[float, float]]:
    action = animation.action
    if action is not None and any(action.curve_frame_range):  # (0, 0) where it holds no keys
        yield tuple(action.frame_range)
    for track in animation.nla_tracks:
        if not track.mute:
            for strip in track.strips:
                yield strip.frame_start, strip.frame_end
