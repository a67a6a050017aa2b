# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape keys that go below 0, each as two that don't: glTF, USD and game engines cut negative values off.

The second key holds the mirrored shape, and plays what was negative. With a key on each frame and straight
lines between them both together are what the one was, also where it goes through 0.
"""

from __future__ import annotations

import bpy
import numpy as np

from .actions import ensure_curve, is_locked
from .fcurves import LINEAR, STILL, Floats, Keys, Points, keys_of_points, read_keys, write_keys
from .made_keys import read_displacements, read_shape, remember
from .placement import NLA, RANGE
from .shape_keys import value_path
from .sliders import ensure_rest
from .spans import Spans, within
from .take_writing import WrittenCurves

MIRRORED = " Negative"
"""What follows a key's name in that of its second one."""

SAME = 1e-5
"""A second key that is there serves again when its shape differs by no more than this part of the mesh's
size."""


def split_below_zero(where: WrittenCurves, placement: str, step: int) -> dict[str, str]:
    """Split every curve of a take on one object that goes below 0; gives the RNA path of each one's second
    curve by its own. Curves that the user locked stay."""
    keys = where.thing.data.shape_keys
    blocks = {value_path(block.name): block for block in keys.key_blocks}
    second: dict[str, str] = {}
    for fcurve in where.fcurves:
        block, values = blocks.get(fcurve.data_path), _values(fcurve, where, step)
        if block is None or is_locked(fcurve) or values[:, 1].min(initial=0.0) > -STILL:
            continue
        path = second[fcurve.data_path] = value_path(_mirrored(where.thing, block))
        if placement == NLA:
            ensure_rest(keys, [path])
        _write(fcurve, np.maximum(values, [-np.inf, 0.0]), _outside(fcurve, where))
        below = np.stack([values[:, 0], np.maximum(-values[:, 1], 0.0)], axis=1)
        rests = _rests(where.spans) if placement == RANGE else None
        _write(ensure_curve(where.holder, path), below, rests)
    return second


def _values(fcurve: bpy.types.FCurve, where: WrittenCurves, step: int) -> Floats:
    """Frames and values (N, 2) of a curve in the take's frames, on each of them or on each `step`-th."""
    if len(fcurve.keyframe_points) < 2:
        return np.zeros((0, 2), np.float32)
    each = [np.append(np.arange(first, last, max(1, step)), last) for first, last in where.spans]
    frames = np.unique(np.concatenate([np.zeros(0), *each]))
    return np.array([(frame, fcurve.evaluate(frame)) for frame in frames.tolist()], np.float32)


def _outside(fcurve: bpy.types.FCurve, where: WrittenCurves) -> Keys:
    keys = read_keys(fcurve)
    return keys.where(~within(keys.frames, where.spans))


def _rests(spans: Spans) -> Keys:
    """Keys at 0 before and after: there, what isn't the take's plays on the first key alone."""
    frames = [frame for first, last in spans for frame in (first - 1, last + 1)]
    points = np.array([(frame, 0.0) for frame in frames], np.float32)
    return keys_of_points(Points(points, np.full(len(points), LINEAR, np.int32)))


def _write(fcurve: bpy.types.FCurve, values: Floats, others: Keys | None = None) -> None:
    keys = keys_of_points(Points(values.astype(np.float32), np.full(len(values), LINEAR, np.int32)))
    write_keys(fcurve, keys if others is None else others.joined(keys))


def _mirrored(thing: bpy.types.Object, block: bpy.types.ShapeKey) -> str:
    """The name of the key with the opposite shape, which is made where it isn't there yet."""
    keys, name = thing.data.shape_keys, block.name + MIRRORED
    rest, wanted = read_shape(block.relative_key), -read_displacements(keys, [block.name])[0]
    there = keys.key_blocks.get(name)
    if there is not None and np.abs(read_shape(there) - rest - wanted).max() <= SAME * np.ptp(rest):
        return name
    made = thing.shape_key_add(name=name, from_mix=False)
    made.relative_key, made.vertex_group = block.relative_key, block.vertex_group
    made.points.foreach_set("co", np.ascontiguousarray(rest + wanted, np.float32).ravel())
    made.slider_min, made.slider_max = 0.0, max(1.0, -block.slider_min)
    made.value = 0.0  # 5.0 and later make new keys at 1
    remember(keys, {made.name: wanted})
    return made.name
