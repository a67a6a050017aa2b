# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a take's curves the user's own: ordinary keys that nothing of MeshTalk's changes any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np

from .actions import is_locked
from .errors import SceneError
from .fcurves import BEZIER, LINEAR, Keys, Points, keys_of_points, read_keys, write_keys
from .spans import Spans, within
from .splitting import split_below_zero
from .takes import release_take, take_problem, written_curves

if TYPE_CHECKING:
    from ..take_props import MeshTalkTake

HALF_A_FRAME = 0.5


def bake_take(
    head: bpy.types.Object, take: MeshTalkTake, step: int = 0, *, for_export: bool = False
) -> tuple[int, int]:
    """Give a take's keys to the user, and take it off the list; gives how many keys there are, and how many
    shape keys went below 0 and were split.

    With a `step` there is a key on each so many frames, from the take's first one on, and on its last; 0
    leaves the keys as they are. They are split only `for_export`. Raises SceneError before anything is
    changed.
    """
    problem = take_problem(head, take)
    if problem is not None:
        raise SceneError(problem)
    count = split = 0
    for where in written_curves(head, take):
        second = split_below_zero(where, take.placement, step) if for_export else {}
        for fcurve in where.fcurves:
            if step > 0 and fcurve.data_path not in second and not is_locked(fcurve):
                _key_each(fcurve, where.spans, step)
        paths = {fcurve.data_path for fcurve in where.fcurves} | set(second.values())
        count += sum(len(each.keyframe_points) for each in where.holder.fcurves if each.data_path in paths)
        split += len(second)
    release_take(head, take)
    return count, split


def _key_each(fcurve: bpy.types.FCurve, spans: Spans, step: int) -> None:
    """Key a curve on each `step`-th of a take's frames; keys outside stay. A curve at rest keeps its one
    key."""
    keys = read_keys(fcurve)
    inside = [within(keys.frames, [(first - HALF_A_FRAME, last + HALF_A_FRAME)]) for first, last in spans]
    moving = [each for each in inside if each.sum() > 1]
    if moving:
        fresh = [_sampled(fcurve, keys.where(each), step) for each in moving]
        write_keys(fcurve, keys.where(~np.any(moving, axis=0)).joined(*fresh))


def _sampled(fcurve: bpy.types.FCurve, before: Keys, step: int) -> Keys:
    begin, end = float(before.frames.min()), float(before.frames.max())
    frames = np.unique(np.append(np.arange(begin, end, step), end))
    values = [fcurve.evaluate(frame) for frame in frames.tolist()]
    modes = np.full(len(frames), LINEAR if step == 1 else BEZIER, np.int32)
    return keys_of_points(Points(np.stack([frames, values], axis=1).astype(np.float32), modes))
