# SPDX-License-Identifier: GPL-3.0-or-later
"""A take inside frames of the user's Action: what is outside them stays, and what was inside comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from ..ids import TAG
from .actions import channels, ensure_curve, find_curve, is_locked, remove_curve, resolves, slot_named
from .fcurves import (
    BEZIER,
    CONSTANT,
    FREE,
    LINEAR,
    Keys,
    Points,
    Values,
    chained,
    key_points,
    keys_of_points,
    read_keys,
    write_keys,
    write_points,
)
from .spans import Spans, spans_of, within

if TYPE_CHECKING:
    from ..take_props import MeshTalkTakeObject

MOST_BACKUPS = 160
"""Curves of backups that are kept in memory, of 200 kB for a minute each."""

_backups: dict[tuple[int, str], Keys] = {}


def backup(action: bpy.types.Action, name: str) -> bpy.types.Action:
    """A copy of the user's Action as it is now, tagged as the add-on's."""
    copy = action.copy()
    copy.name = f"{action.name} before {name}"
    copy.use_fake_user = False
    if copy.asset_data is not None:
        copy.asset_clear()
    copy[TAG] = {"format": 1, "before": name}
    return copy


def write(
    keys: bpy.types.Key,
    item: MeshTalkTakeObject,
    holder: Any,
    curves: Mapping[str, Sequence[Values]],
    blend: int,
) -> Spans:
    """Write curves into their frames of an Action; `blend` frames before and after them lead over from and to
    what is there, also between stretches that leave room for it. Gives the frames."""
    if not curves:
        return ()
    runs = _runs(next(iter(curves.values())), blend)
    for path, values in curves.items():
        if not resolves(keys, path):
            continue
        there = find_curve(holder, path)
        if there is not None and is_locked(there):
            continue
        resting = float(keys.path_resolve(path)) if there is None else 0.0
        fcurve = ensure_curve(holder, path)
        base = _restored(item, path, fcurve)
        parts = [(key_points(values[run], blend, hold=True), span) for run, span in runs]
        if len(base):
            for points, span in parts:
                base = _inside(base, points, span, _ends(fcurve, base, span))
            write_keys(fcurve, base)
        else:
            write_points(fcurve, chained([_between(points, span, resting) for points, span in parts]))
    return [span for _, span in runs]


def _runs(stretches: Sequence[Values], blend: int) -> list[tuple[slice, tuple[int, int]]]:
    """Which stretches follow each other so closely that nothing else plays between them, and each such run's
    first and last frame with what leads over."""
    spans = [(each.frame - blend, each.frame + len(each.values) - 1 + blend) for each in stretches]
    begins = [0] + [at for at in range(1, len(spans)) if spans[at][0] > spans[at - 1][1]]
    ends = [*begins[1:], len(spans)]
    return [
        (slice(begin, end), (spans[begin][0], spans[end - 1][1]))
        for begin, end in zip(begins, ends, strict=True)
    ]


def _between(points: Points, span: tuple[float, float], resting: float) -> Points:
    """Keys of a curve that was not there: at both ends the value that the slider has outside."""
    ends = [np.array([[frame, resting]], np.float32) for frame in span]
    linear = np.array([LINEAR], np.int32)
    modes = [linear, points.modes, linear]
    return Points(np.concatenate([ends[0], points.co, ends[1]]), np.concatenate(modes))


def _ends(fcurve: bpy.types.FCurve, base: Keys, span: tuple[float, float]) -> list[float]:
    """The values that a curve with these keys has at two frames."""
    values = [_value(base, frame) for frame in span]
    if fcurve.extrapolation == "CONSTANT" and None not in values:
        return [value for value in values if value is not None]
    write_keys(fcurve, base)  # a kind that Blender knows better
    return [fcurve.evaluate(frame) for frame in span]


def _value(base: Keys, frame: float) -> float | None:
    """The value of a curve at a frame; None where it isn't constant, linear or Bézier there."""
    at = int(np.searchsorted(base.frames, frame, side="right")) - 1
    values, mode = base.fields["co"][:, 1], base.fields["interpolation"]
    if at < 0 or at == len(base) - 1 or base.frames[at] == frame or mode[at] == CONSTANT:
        return float(values[max(at, 0)])
    if mode[at] == LINEAR:
        return float(np.interp(frame, base.frames[at : at + 2], values[at : at + 2]))
    halves = _split(base, at, frame)
    return None if halves is None else float(halves[0][3, 1])


def renew_backup(item: MeshTalkTakeObject) -> None:
    """What is in the Action now, without the take, is what comes back when the take goes."""
    if item.before is None:  # there was no Action before the take
        return
    tag, old = item.before.get(TAG), item.before
    name = old.name
    item.before = item.action.copy()
    item.before.use_fake_user = False
    item.before[TAG] = {} if tag is None else tag.to_dict()
    if old.users - int(old.use_fake_user) <= 0:
        bpy.data.actions.remove(old)
    item.before.name = name


def restore(item: MeshTalkTakeObject, holder: Any) -> None:
    """Take a take's keys out of its Action again, and put back what was in their frames."""
    for fcurve in list(holder.fcurves):
        if is_locked(fcurve):
            continue
        base = _restored(item, fcurve.data_path, fcurve)
        if len(base):
            write_keys(fcurve, base)
        else:
            remove_curve(holder, fcurve)
    item.first, item.last, item.spans = 0.0, 0.0, ""


def _restored(item: MeshTalkTakeObject, path: str, fcurve: bpy.types.FCurve) -> Keys:
    """A curve's keys without the take's: outside its frames those of now, inside those of before."""
    now, spans = read_keys(fcurve), spans_of(item)
    if not spans:  # nothing was written yet
        return now
    outside, before = now.where(~within(now.frames, spans)), _before(item, path)
    inside = within(before.frames, spans)
    whole = outside.joined(before.where(inside))
    # The keys next to the frames got free handles: theirs of before, unless the user changed something there.
    for frame in _neighbours(outside, spans):
        if _is_as_before(whole, before, frame):
            mine = np.isclose(whole.frames, frame)
            whole = whole.where(~mine).joined(before.where(np.isclose(before.frames, frame)))
    return whole


def _is_as_before(now: Keys, before: Keys, frame: float) -> bool:
    """Whether the key at a frame and those next to it, which shape its handles, are where they were."""
    if not len(before):
        return False
    here, there = (_around(keys, frame) for keys in (now, before))
    return here.shape == there.shape and np.allclose(here, there)


def _around(keys: Keys, frame: float) -> Any:
    at = int(np.argmin(np.abs(keys.frames - frame)))
    return keys.fields["co"][max(0, at - 1) : at + 2]


def _before(item: MeshTalkTakeObject, path: str) -> Keys:
    """The keys of before; kept in memory, for nobody changes a backup."""
    if item.before is None:
        return read_keys(None)
    known = (item.before.session_uid, path)
    if known not in _backups:
        curve = find_curve(channels(item.before, slot_named(item.before, item.slot)), path)
        if len(_backups) >= MOST_BACKUPS:
            _backups.clear()
        _backups[known] = read_keys(curve)
    return _backups[known]


def _neighbours(keys: Keys, spans: Spans) -> list[float]:
    found: set[float] = set()
    for first, last in spans:
        left, right = keys.frames[keys.frames < first], keys.frames[keys.frames > last]
        found.update([*left[-1:].tolist(), *right[:1].tolist()])
    return sorted(found)


def _inside(base: Keys, points: Points, span: tuple[float, float], ends: Sequence[float]) -> Keys:
    """`base` with its keys between the frames of `span` replaced by `points`; the values at the `ends` are
    those that the curve has there."""
    left = base.where(base.frames < span[0])
    right = base.where(base.frames > span[1])
    left, opening = _cut(base, left, span[0], ends[0])
    right, closing = _cut_right(base, right, span[1], ends[1])
    return left.joined(opening, keys_of_points(points), closing, right)


def _border(frame: float, value: float, mode: int) -> Keys:
    border = keys_of_points(Points(np.array([[frame, value]], np.float32), np.array([mode], np.int32)))
    for name in ("handle_left_type", "handle_right_type"):
        border.fields[name][:] = FREE
    return border


def _cut(base: Keys, left: Keys, frame: float, value: float) -> tuple[Keys, Keys]:
    """The keys before a frame, and one on it, so that what is before keeps its shape."""
    border = _border(frame, value, LINEAR)
    if not len(left) or len(left) == len(base):
        return left, border
    halves = _split(base, len(left) - 1, frame)
    if halves is None:
        return left, border
    left = left.where(np.arange(len(left)))
    _free(left, len(left) - 1)
    left.fields["handle_right"][-1] = halves[0][1]
    border.fields["handle_left"][0] = halves[0][2]
    return left, border


def _cut_right(base: Keys, right: Keys, frame: float, value: float) -> tuple[Keys, Keys]:
    """The keys after a frame, and one on it, so that what is after keeps its shape."""
    at = len(base) - len(right) - 1  # the key whose segment the frame lies in
    mode = int(base.fields["interpolation"][at]) if 0 <= at and len(right) else LINEAR
    border = _border(frame, value, mode)
    if not len(right) or at < 0:
        return right, border
    halves = _split(base, at, frame)
    if halves is None:
        return right, border
    right = right.where(np.arange(len(right)))
    _free(right, 0)
    border.fields["handle_right"][0] = halves[1][1]
    right.fields["handle_left"][0] = halves[1][2]
    return right, border


def _free(keys: Keys, number: int) -> None:
    for name in ("handle_left_type", "handle_right_type"):
        keys.fields[name][number] = FREE


def _split(base: Keys, at: int, frame: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Control points (4, 2) of both halves of the Bézier segment from key `at` on, cut at a frame; None where
    it is of another kind, or the frame lies on one of its ends."""
    if base.fields["interpolation"][at] != BEZIER or not base.frames[at] < frame < base.frames[at + 1]:
        return None
    one, four = (base.fields["co"][number].astype(np.float64) for number in (at, at + 1))
    two, three = _corrected(one, base.fields["handle_right"][at], base.fields["handle_left"][at + 1], four)
    part = _parameter(np.array([one[0], two[0], three[0], four[0]]), frame)
    a, b, c = (p + part * (q - p) for p, q in ((one, two), (two, three), (three, four)))
    d, e = a + part * (b - a), b + part * (c - b)
    middle = d + part * (e - d)
    return np.array([one, a, d, middle]), np.array([middle, e, c, four])


def _corrected(one: Any, two: Any, three: Any, four: Any) -> tuple[Any, Any]:
    """Handles as Blender uses them: none reaches beyond the other key in time."""
    length = four[0] - one[0]
    out, back = two.astype(np.float64) - one, four - three.astype(np.float64)
    out *= min(1.0, length / max(abs(out[0]), 1e-12))
    back *= min(1.0, length / max(abs(back[0]), 1e-12))
    return one + out, four - back


def _parameter(times: Any, frame: float) -> float:
    """Where a cubic with these times, which only rises, reaches a frame."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        rest = 1.0 - middle
        weights = np.array([rest**3, 3 * rest**2 * middle, 3 * rest * middle**2, middle**3])
        low, high = (middle, high) if float(weights @ times) < frame else (low, middle)
    return 0.5 * (low + high)
