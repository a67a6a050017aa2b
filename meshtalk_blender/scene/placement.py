# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a take's curves are: in an Action of its own, in frames of the user's Action, or on an NLA track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import bpy

from ..ids import TAG
from . import ranges
from .actions import (
    assign,
    carried_over,
    channels,
    ensure_curve,
    is_locked,
    new_action,
    resolves,
    slot_identifier,
    slot_named,
)
from .by_hand import changed_among, note_written, places_in, sum_of, written_places
from .errors import SceneError
from .fcurves import Values, key_points, write_points
from .nla import (
    add_strip,
    fit_strip,
    is_above,
    lift,
    mute_below,
    pull_up,
    pull_up_highest,
    push_down,
    remove_leftovers,
    remove_strips,
    strips_of,
)
from .sliders import ensure_rest, mute_rest, remove_rest
from .spans import note_spans, spans_of

if TYPE_CHECKING:
    from ..take_props import MeshTalkTake, MeshTalkTakeObject

NEW, RANGE, NLA = "NEW", "RANGE", "NLA"

SETTLE_SECONDS = Fraction(1, 4)
"""After the last sample the face goes back to rest, else a blink at the very end would stay closed for
ever."""

Curves = Mapping[str, Sequence[Values]]
"""Stretches of each curve, by RNA path."""


@dataclass(frozen=True)
class Room:
    """Where an object's curves go: `placement`, and what the Action is called."""

    placement: str
    name: str


def placement_problem(thing: bpy.types.Object, placement: str) -> str | None:
    """Why a take can't be placed so on an object, as a sentence; None where it can."""
    keys = thing.data.shape_keys
    animation = None if keys is None else keys.animation_data
    if animation is None:
        return None
    action = animation.action
    if placement == RANGE and action is not None and not action.is_editable:
        return f"The Action “{action.name}” of “{thing.name}” is linked: choose New Action, or make it local."
    if placement == NLA and not animation.use_nla and len(animation.nla_tracks) > 0:
        return f"The NLA tracks of “{thing.name}” are switched off: switch them on in the NLA editor first."
    return None


def make_room(thing: bpy.types.Object, item: MeshTalkTakeObject, room: Room, paths: Sequence[str]) -> None:
    """Give a take's object its Action, and let that play. `paths` are those that the take animates."""
    keys = thing.data.shape_keys
    animation = keys.animation_data or keys.animation_data_create()
    if room.placement == RANGE and animation.action is not None:
        action, slot = animation.action, getattr(animation, "action_slot", None)
        if slot is None and hasattr(action, "slots"):
            slot = slot_named(action, "") or action.slots.new(id_type="KEY", name=keys.name)
        item.before = ranges.backup(action, room.name)
    elif room.placement == NLA:
        ensure_rest(keys, [path for path in paths if resolves(keys, path)])
        action, slot = new_action(keys, room.name)
    else:
        action, slot = carried_over(animation, room.name, paths)
    item.action, item.slot = action, slot_identifier(slot)
    if room.placement != NLA:
        assign(animation, action, slot)


def write_curves(
    thing: bpy.types.Object, item: MeshTalkTakeObject, placement: str, curves: Curves, rate: Fraction
) -> None:
    """Write a take's curves on one object, in place of those that it had before; locked ones are left."""
    keys, settle = thing.data.shape_keys, max(1, round(SETTLE_SECONDS * rate))
    holder = channels(item.action, slot_named(item.action, item.slot))
    first, last = _span(curves)
    item.gone = sum(not resolves(keys, path) for path in curves)
    there, sums = written_places(item, holder, placement == RANGE), {}
    changed = changed_among(item, there)
    if placement == RANGE:
        ours = {path: stretches for path, stretches in curves.items() if path not in changed}
        spans = ranges.write(keys, item, holder, ours, settle) or spans_of(item)
        item.first, item.last = first - settle, last + settle
        note_spans(item, spans)
        note_written(item, {path: sum_of(places_in(holder, path, item)) for path in ours}, changed)
        return
    for path, stretches in curves.items():
        if not resolves(keys, path):  # the key was deleted since
            continue
        fcurve = ensure_curve(holder, path)
        if not is_locked(fcurve) and path not in changed:
            points = key_points(stretches, settle, hold=placement == NLA)
            write_points(fcurve, points, there.get(path))
            sums[path] = sum_of(points.co)
    note_written(item, sums, changed)
    item.first, item.last = first, last + settle
    if placement == NLA:
        item.first = first - settle
        _lay_strip(keys.animation_data, item, settle)


def spoken_frames(take: MeshTalkTake) -> tuple[int, int]:
    """The frames of a take's first and last sample: before and after them the face comes from rest, and goes
    back to it."""
    settle = max(1, round(SETTLE_SECONDS * Fraction(take.rate)))
    lead = 0 if take.placement == NEW else settle
    first = min((round(item.first) for item in take.objects), default=0)
    last = max((round(item.last) for item in take.objects), default=settle)
    return first + lead, last - settle


def _span(curves: Curves) -> tuple[float, float]:
    stretches = next(iter(curves.values()))
    return stretches[0].frame, stretches[-1].frame + len(stretches[-1].values) - 1


def _lay_strip(animation: bpy.types.AnimData, item: MeshTalkTakeObject, settle: int) -> None:
    """Put the strip where the keys are, with all that played before below it."""
    span = (item.first, item.last)
    found = strips_of(animation, item.action)
    if not found:
        item.below_slot = slot_identifier(getattr(animation, "action_slot", None))
        item.below = push_down(animation, span)
        slot = slot_named(item.action, item.slot)
        item.track = add_strip(animation, item.action, slot, item.action.name, span)
        animation.use_nla = True
        found = strips_of(animation, item.action)
    for _, strip in found:
        fit_strip(strip, span, settle)


def is_shown(thing: bpy.types.Object, item: MeshTalkTakeObject, placement: str) -> bool:
    """Whether a take plays on this object."""
    keys = thing.data.shape_keys
    animation = None if keys is None else keys.animation_data
    if animation is None or item.action is None:
        return False
    if placement == NLA:
        return any(not track.mute for track, _ in strips_of(animation, item.action))
    return animation.action == item.action


def show(thing: bpy.types.Object, item: MeshTalkTakeObject, placement: str) -> None:
    """Let a take play on this object. Raises SceneError where its Action or track is gone."""
    animation = thing.data.shape_keys.animation_data or thing.data.shape_keys.animation_data_create()
    slot = slot_named(item.action, item.slot)
    mute_rest(animation, placement != NLA)
    if placement != NLA:
        if not pull_up(animation, item.action, item.slot):  # it was below another take
            assign(animation, item.action, slot)
        return
    tracks = strips_of(animation, item.action)
    if not tracks:
        raise SceneError(f"The NLA track of this take on “{thing.name}” is gone: undo, or generate again.")
    _put_below(animation, item)
    if not is_above(animation, item.action, item.below):
        lift(animation, item.action)
    for track, _ in strips_of(animation, item.action):
        track.mute = False
    mute_below(animation, item.below)


def _put_below(animation: bpy.types.AnimData, item: MeshTalkTakeObject) -> None:
    """Let that play below a take which did when it was made, or what the user has put there since."""
    if animation.action is not None and TAG not in animation.action:
        item.below, item.below_slot = (
            animation.action,
            slot_identifier(getattr(animation, "action_slot", None)),
        )
    if item.below is not None and not strips_of(animation, item.below):
        assign(animation, item.below, slot_named(item.below, item.below_slot))
        push_down(animation, (item.first, item.last))
    assign(animation, None, None)


def hide(thing: bpy.types.Object, item: MeshTalkTakeObject, placement: str) -> None:
    """Silence a take's NLA track; other placements give way to what is assigned next."""
    keys = thing.data.shape_keys
    animation = None if keys is None else keys.animation_data
    if placement == NLA:
        for track, _ in strips_of(animation, item.action):
            track.mute = True


def clear_room(thing: bpy.types.Object | None, item: MeshTalkTakeObject, placement: str) -> None:
    """Take a take's keys or its track away again; its Action is left to the caller."""
    animation = _animation_of(thing)
    if animation is None:
        return
    if item.action is None:  # deleted by the user, but what lay below it is still there
        if placement == NLA:
            remove_rest(animation)
        return
    if placement == NLA:
        remove_strips(animation, item.action)
        pull_up_highest(animation)
        remove_rest(animation)
    elif placement == RANGE:
        ranges.restore(item, channels(item.action, slot_named(item.action, item.slot)))
    elif animation.action == item.action:
        animation.action = None


def clear_below(thing: bpy.types.Object | None) -> None:
    """Leave nothing below on an object's NLA tracks that was of a take; for where none is left."""
    animation = _animation_of(thing)
    if animation is not None:
        remove_leftovers(animation)


def clear_rest(thing: bpy.types.Object | None) -> None:
    """Remove what holds the sliders below NLA takes, where there is none any more."""
    animation = _animation_of(thing)
    if animation is not None:
        remove_rest(animation)


def _animation_of(thing: bpy.types.Object | None) -> bpy.types.AnimData | None:
    keys = None if thing is None or thing.type != "MESH" else thing.data.shape_keys
    return None if keys is None else keys.animation_data


def show_original(animation: bpy.types.AnimData, action: bpy.types.Action | None, slot: str) -> None:
    """Let that play which was there before the first take."""
    mute_rest(animation, True)
    mute_below(animation, action)
    if not pull_up(animation, action, slot):
        assign(animation, action, slot_named(action, slot))
