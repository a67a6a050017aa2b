# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of F-curves as arrays: those that a take needs, and those that somebody else made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STILL = 1e-4
"""A curve that moves less than this gets no key on each frame. Where it rests at 0 it gets one: without any,
a slider would keep what another Action or the user's hand left in it, and the face would be wrong."""

CONSTANT, LINEAR, BEZIER = 0, 1, 2
FREE, AUTO_CLAMPED = 0, 4
"""Values of Blender's enumerations."""

_PAIRS = ("co", "handle_left", "handle_right")
_NUMBERS = ("amplitude", "back", "period")
_CHOICES = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")
_FLAGS = ("select_control_point", "select_left_handle", "select_right_handle")


@dataclass(frozen=True, eq=False)
class Points:
    """Keys of a curve: `co` (K, 2) frames and values, and `modes` (K,), how each goes on to the next."""

    co: Floats
    modes: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Values:
    """Values (T,) of one curve from `frame` on, a frame each, and the `samples` (K,) of them that get keys;
    None: all."""

    frame: int
    values: Floats
    samples: NDArray[np.intp] | None = None


def key_points(stretches: Sequence[Values], settle: int, hold: bool = False) -> Points:
    """Keys of one curve that comes to rest within `settle` frames after each stretch, and from rest to the
    next; one key for a curve at rest, and none between the first and the last frame of one that stays
    elsewhere. With `hold` it stays as it is after the last."""
    if all(np.abs(each.values).max() < STILL for each in stretches):
        return Points(np.array([[stretches[0].frame, 0.0]], np.float32), np.array([LINEAR], np.int32))
    parts = [_keys_of(each) for each in stretches]
    joined: list[Floats] = []
    modes: list[NDArray[np.int32]] = []
    for number, part in enumerate(parts):
        following = parts[number + 1][0, 0] if number + 1 < len(parts) else None
        rest = [] if following is None and hold else _rests(float(part[-1, 0]), following, settle)
        joined += [part, np.array([[frame, 0.0] for frame in rest], np.float32).reshape(-1, 2)]
        modes.append(np.full(len(part) + len(rest), LINEAR, np.int32))
        if rest:
            modes[-1][len(part) - 1] = BEZIER  # eases into rest
            modes[-1][-1] = BEZIER if len(rest) > 1 else LINEAR
    return Points(np.concatenate(joined), np.concatenate(modes))


def chained(parts: Sequence[Points]) -> Points:
    """The keys of all parts, which follow each other."""
    return Points(np.concatenate([each.co for each in parts]), np.concatenate([each.modes for each in parts]))


def _keys_of(each: Values) -> Floats:
    count = len(each.values)
    samples = np.arange(count) if each.samples is None else each.samples
    if np.ptp(each.values) < STILL:
        samples = np.unique([0, count - 1])
    return np.stack([each.frame + samples, each.values[samples]], axis=1).astype(np.float32)


def _rests(last: float, following: float | None, settle: int) -> list[float]:
    """Frames at rest between a last key and the first one of the next stretch."""
    if following is None:
        return [last + settle]
    if following - last <= 2 * settle:
        return []
    return [last + settle, following - settle]


def write_points(fcurve: bpy.types.FCurve, points: Points, there: Floats | None = None) -> None:
    """Give an F-curve these keys and no others. `there` (K, 2) are those that it has, where they were written
    so before: then nothing is written again that is there, and how keys go on to the next stays too where
    only their values change."""
    keys = fcurve.keyframe_points
    count = len(points.co)
    if there is not None and len(there) == count:
        if np.array_equal(there, points.co):
            return
        if np.ptp(points.co[:, 0] - there[:, 0]) == 0:
            keys.foreach_set("co", np.ascontiguousarray(points.co, np.float32).ravel())
            fcurve.update()
            return
    _resize(keys, count)
    keys.foreach_set("co", np.ascontiguousarray(points.co, np.float32).ravel())
    keys.foreach_set("interpolation", points.modes)
    for side in ("handle_left_type", "handle_right_type"):
        keys.foreach_set(side, np.full(count, AUTO_CLAMPED, np.int32))
    for flag in _FLAGS:
        keys.foreach_set(flag, np.zeros(count, bool))
    fcurve.update()


def _resize(keys: Any, count: int) -> None:
    if len(keys) != count:
        keys.clear()
        keys.add(count)


@dataclass(frozen=True, eq=False)
class Keys:
    """All keys of an F-curve with all that they have, by property: nothing is lost between reading and
    writing."""

    fields: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.fields["co"])

    @property
    def frames(self) -> Floats:
        """The frames (K,) of the keys."""
        return self.fields["co"][:, 0]

    def where(self, chosen: NDArray[Any]) -> Keys:
        """Some of the keys: a mask (K,) or numbers."""
        return Keys({name: values[chosen] for name, values in self.fields.items()})

    def joined(self, *others: Keys) -> Keys:
        """These keys and others, in order of time."""
        every = (self, *others)
        fields = {name: np.concatenate([each.fields[name] for each in every]) for name in self.fields}
        order = np.argsort(fields["co"][:, 0], kind="stable")
        return Keys({name: values[order] for name, values in fields.items()})


def read_keys(fcurve: bpy.types.FCurve | None, without: tuple[float, float] | None = None) -> Keys:
    """The keys of an F-curve, but for those from one frame `without` to the other; none of one that isn't
    there."""
    keys: Any = () if fcurve is None else fcurve.keyframe_points
    places = _read(keys, "co", np.float32, 2)
    chosen = np.ones(len(places), bool)
    if without is not None:
        chosen = (places[:, 0] < without[0]) | (places[:, 0] > without[1])
    if not chosen.any():  # nothing to read
        keys, chosen = (), chosen[:0]
    fields: dict[str, NDArray[Any]] = {}
    for names, kind, width in (
        (_PAIRS, np.float32, 2),
        (_NUMBERS, np.float32, 1),
        (_CHOICES, np.int32, 1),
        (_FLAGS, np.bool_, 1),
    ):
        for name in names:
            fields[name] = _read(keys, name, kind, width)[chosen]
    return Keys(fields)


def _read(keys: Any, name: str, kind: Any, width: int) -> NDArray[Any]:
    """One property of all keys, (K,) or (K, width)."""
    values = np.zeros(len(keys) * width, kind)
    if len(keys):
        keys.foreach_get(name, values)
    return values.reshape(-1, width) if width > 1 else values


def write_keys(fcurve: bpy.types.FCurve, keys: Keys) -> None:
    """Give an F-curve these keys and no others, handles as they are."""
    _resize(fcurve.keyframe_points, len(keys))
    for name, values in keys.fields.items():
        fcurve.keyframe_points.foreach_set(name, np.ascontiguousarray(values).ravel())
    fcurve.update()


def keys_of_points(points: Points) -> Keys:
    """New keys with automatic handles."""
    count = len(points.co)
    fields: dict[str, NDArray[Any]] = {name: points.co.astype(np.float32) for name in _PAIRS}
    fields |= {name: np.full(count, 1.0, np.float32) for name in _NUMBERS}
    fields |= {name: np.zeros(count, np.int32) for name in _CHOICES}
    fields |= {name: np.zeros(count, bool) for name in _FLAGS}
    fields["interpolation"] = points.modes.astype(np.int32)
    for side in ("handle_left_type", "handle_right_type"):
        fields[side] = np.full(count, AUTO_CLAMPED, np.int32)
    return Keys(fields)
