# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a take's F-curves from its raw curves and its controls, without the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from ...engine.generate.control_values import Controls
from ...engine.rigs.drive import PERCENT
from ...engine.takes.compose import Stretch, compose
from ...engine.takes.curves import RawCurves, pack_curves
from ..control_props import controls_of, copy_controls
from ..ids import TAG
from . import sharing
from .actions import channels, slot_named
from .by_hand import retouch, retouched
from .fcurves import Keys, Values
from .mapping import key_ranges
from .placement import RANGE, write_curves
from .ranges import renew_backup, restore
from .recipe import Recipe, read_recipe, recipe_values
from .renamed import follow_renames
from .spans import Spans, spans_of
from .take_content import gaps_of, segments_of
from .take_list import find_take, item_object, number_of, take_problem

if TYPE_CHECKING:
    from ...engine.generate.lip_gaps import LipGaps
    from ..take_props import MeshTalkTake, MeshTalkTakeObject


def rewrite_take(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Write a take's curves again, from its raw ones by its controls; nothing where it can't be
    written (`take_problem`). Raises TakeError where its raw curves are damaged."""
    if take_problem(head, take) is not None:
        return
    follow_renames(head)
    sharing.own_actions(head, take)
    with lifted(head, take):
        _write(head, take)
    _tell_twins(head, take)


def _tell_twins(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Heads that share the mesh have the take too: it is for all of them what was written for one."""
    for twin in sharing.twins_of(head):
        same = find_take(twin, take.uid)
        if same is None or len(same.objects) != len(take.objects):
            continue
        copy_controls(take.controls, same.controls)
        while len(same.segments) > len(take.segments):
            same.segments.remove(len(same.segments) - 1)
        while len(same.segments) < len(take.segments):
            same.segments.add()
        for segment, other in zip(take.segments, same.segments, strict=True):
            _copy(segment, other, _OF_SEGMENTS)
        for item, other in zip(take.objects, same.objects, strict=True):
            _copy(item, other, _OF_OBJECTS)


def _copy(source: Any, target: Any, names: Iterable[str]) -> None:
    for name in names:
        if getattr(target, name) != getattr(source, name):
            setattr(target, name, getattr(source, name))


_OF_SEGMENTS = ("frame", "sound", "strip", "model", "seed", "temperature", "data")
_OF_OBJECTS = (
    *("action", "slot", "track", "before", "below", "below_slot"),
    *("first", "last", "spans", "recipe", "sums", "by_hand", "gone"),
)


@contextmanager
def lifted(head: bpy.types.Object, take: MeshTalkTake) -> Iterator[None]:
    """Take those takes off the Action that went into frames of it after this one, and put them back after,
    with what was changed in them by hand."""
    above = [each.uid for each in _above(head, take)]
    changed: dict[str, list[dict[str, Keys]]] = {}
    for uid in reversed(above):
        rooms = _rooms(head, find_take(head, uid))
        changed[uid] = [retouched(item, holder) for item, holder in rooms]
        for item, holder in rooms:
            restore(item, holder)
    try:
        yield
    finally:
        for uid in above:
            _put_back(head, find_take(head, uid), changed[uid])


def _put_back(head: bpy.types.Object, take: MeshTalkTake | None, changed: list[dict[str, Keys]]) -> None:
    """Write a take into its frames of what the Action holds now."""
    if take is None or take_problem(head, take) is not None:
        return
    rooms = _rooms(head, take)
    for item, _ in rooms:
        renew_backup(item)
    _write(head, take)
    for (item, holder), keys in zip(rooms, changed, strict=True):
        retouch(item, holder, keys)


def _above(head: bpy.types.Object, take: MeshTalkTake) -> list[MeshTalkTake]:
    """Takes that were written into frames of this one's Action after it."""
    takes = list(head.meshtalk.takes)
    actions = {item.action for item in take.objects} - {None}
    return [
        other
        for other in takes[number_of(head, take.uid) + 1 :]
        if other.placement == RANGE and any(item.action in actions for item in other.objects)
    ]


def _rooms(head: bpy.types.Object, take: MeshTalkTake | None) -> list[tuple[MeshTalkTakeObject, Any]]:
    """A take's items with what holds their F-curves."""
    items = [] if take is None else list(take.objects)
    return [
        (item, channels(item.action, slot_named(item.action, item.slot)))
        for number, item in enumerate(items)
        if item.action is not None and item_object(head, take, number) is not None
    ]


def _write(head: bpy.types.Object, take: MeshTalkTake) -> None:
    controls, rate, gaps = controls_of(take.controls), Fraction(take.rate), gaps_of(take)
    stretches = _stretches(segments_of(take), controls, gaps, rate)
    for number, item in enumerate(take.objects):
        thing = item_object(head, take, number)
        if thing is not None:
            curves = _curves(thing, read_recipe(item.recipe), stretches, gaps, controls.tolerance)
            write_curves(thing, item, take.placement, curves, rate)
            _note_controls(item, controls)


def replace_segments(
    head: bpy.types.Object, take: MeshTalkTake, segments: Sequence[tuple[int, RawCurves]]
) -> None:
    """Give a take other raw curves, in its place; where they came from stays as far as there are as many."""
    while len(take.segments) > len(segments):
        take.segments.remove(len(take.segments) - 1)
    while len(take.segments) < len(segments):
        take.segments.add()
    for segment, (frame, curves) in zip(take.segments, segments, strict=True):
        segment.frame, segment.data = frame, pack_curves(curves)
    rewrite_take(head, take)


@dataclass(frozen=True, eq=False)
class WrittenCurves:
    """Where a take's curves are on one object: `fcurves` of an Action's `slot`, held by `holder` (the Action,
    or the slot's channelbag), with keys in `spans` of frames."""

    thing: bpy.types.Object
    action: bpy.types.Action
    slot: Any
    holder: Any
    fcurves: tuple[bpy.types.FCurve, ...]
    spans: Spans


def written_curves(head: bpy.types.Object, take: MeshTalkTake) -> tuple[WrittenCurves, ...]:
    """Where a take's curves are, object by object; objects and Actions that are gone are left out."""
    found = []
    for number, item in enumerate(take.objects):
        thing = item_object(head, take, number)
        if thing is None or item.action is None:
            continue
        slot = slot_named(item.action, item.slot)
        holder = channels(item.action, slot)
        paths = frozenset(read_recipe(item.recipe).paths)
        fcurves = tuple(fcurve for fcurve in holder.fcurves if fcurve.data_path in paths)
        found.append(WrittenCurves(thing, item.action, slot, holder, fcurves, spans_of(item)))
    return tuple(found)


def written_with(take: MeshTalkTake) -> str:
    """The fingerprint of the controls that a take's keys were written with; "" where that isn't known."""
    tags = (_tag_of(item) for item in take.objects)
    return next((str(tag.get("controls", "")) for tag in tags if tag is not None), "")


def _note_controls(item: MeshTalkTakeObject, controls: Controls) -> None:
    tag = _tag_of(item)
    if tag is not None:
        tag["controls"] = controls.fingerprint


def _tag_of(item: MeshTalkTakeObject) -> Any:
    """The tag of an item's Action; of its backup where the take is in the user's own."""
    holder = item.before if item.before is not None else item.action
    return None if holder is None else holder.get(TAG)


def _stretches(
    segments: Sequence[tuple[int, RawCurves]], controls: Controls, gaps: LipGaps | None, rate: Fraction
) -> tuple[Stretch, ...]:
    from ...engine.generate.controls import shape_curves  # late: Blender starts without it

    stretches = []
    for frame, curves in segments:
        shaped = shape_curves(curves, controls, gaps)
        names, correctives = curves.corrective_names, shaped.corrective_weights
        stretches.append(Stretch(frame, curves.unit_names, shaped.weights, names, correctives, shaped.keep))
    return compose(stretches, rate)


def _curves(
    thing: bpy.types.Object,
    recipe: Recipe,
    stretches: Sequence[Stretch],
    gaps: LipGaps | None,
    tolerance: float,
) -> dict[str, list[Values]]:
    """The stretches of each curve of an object, by RNA path, with the samples that get keys."""
    from ...engine.generate.reduce import reduce_curves  # late, too

    ranges = key_ranges(thing)
    lips = None if gaps is None else gaps.motion
    curves: dict[str, list[Values]] = {path: [] for path in recipe.paths}
    moves_lips = np.isin(list(curves), list(recipe.lip_paths))
    for stretch in stretches:
        values = recipe_values(recipe, stretch, lips, ranges)
        samples: Sequence[Any] = [None] * len(values)
        if tolerance > 0 and values:
            stacked = np.stack(list(values.values()), axis=1)
            percent = np.abs(stacked).max(axis=0, initial=0.0) > PERCENT
            keep = None if stretch.keep is None else stretch.keep[:, None] & moves_lips
            samples = reduce_curves(stacked, np.where(percent, 100.0, 1.0) * tolerance, keep)
        for (path, each), chosen in zip(values.items(), samples, strict=True):
            curves[path].append(Values(stretch.frame, each, chosen))
    return curves
