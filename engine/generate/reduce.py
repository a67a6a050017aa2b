# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer keys: the samples of a curve that straight lines between them need, to a tolerance that is kept.

One pass over time for all curves at once. From its last key a curve sees each later sample through a window
of slopes, its tolerance; where the next sample lies outside what all windows have in common, the one before
becomes a key (the "swinging door" of Bristol, 1990). So every sample in between is within the tolerance of
the line, whatever the curve does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError

Floats = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]
Rows = NDArray[np.intp]

SAFETY = 1e-6
"""What Blender's float32 may be off, in parts of the curve's largest value; taken off the tolerance."""


def reduce_keys(values: Floats, tolerance: float, keep: NDArray[np.bool_] | None = None) -> Rows:
    """Indices of the samples of one curve (T,) that become keys (see `reduce_curves`)."""
    return reduce_curves(np.asarray(values)[:, None], tolerance, keep)[0]


def reduce_curves(
    values: Floats, tolerance: float | Floats, keep: NDArray[np.bool_] | None = None
) -> list[Rows]:
    """For each of C curves (T, C) the ascending indices of the samples that become keys, lines between them.

    No sample is further than `tolerance`, one for all or (C,), from its line. The first and the last sample,
    those in `keep` (T,) or (T, C), and all turning points of more than the tolerance are keys: peaks of
    blinks and bottoms of closures lose nothing. With tolerance 0 every sample is one.
    """
    values = np.asarray(values, np.float64)
    limits = np.broadcast_to(np.asarray(tolerance, np.float64), values.shape[1:])
    if not (limits >= 0).all() or not np.isfinite(values).all():  # NaN is neither
        raise OptionError("The tolerance of key reduction must be 0 or more, and the curves must be numbers.")
    limits = np.maximum(limits - SAFETY * np.abs(values).max(axis=0, initial=0.0), 0.0)
    keys = np.zeros(values.shape, bool)
    if keep is not None:
        keys |= keep if keep.ndim == 2 else keep[:, None]
    keys[:1] = keys[-1:] = True
    keys[:, limits == 0.0] = True
    spans = values.max(axis=0, initial=-np.inf) - values.min(axis=0, initial=np.inf)
    open_curves = np.flatnonzero((limits > 0.0) & (spans > limits))  # of the others their ends are enough
    if len(open_curves):
        found = keys[:, open_curves] | _turns(values[:, open_curves], limits[open_curves])
        keys[:, open_curves] = _doors(values[:, open_curves], limits[open_curves], found)
    return [np.flatnonzero(column) for column in keys.T]


def _turns(values: Float64, limits: Float64) -> NDArray[np.bool_]:
    """The extremes (T, C) that a curve leaves again by more than its limit (C,)."""
    turns = np.zeros(values.shape, bool)
    slopes = np.sign(np.diff(values, axis=0))
    for column, limit in enumerate(limits.tolist()):
        moving = np.flatnonzero(slopes[:, column])
        signs = slopes[moving, column]
        bends = moving[1:][signs[1:] != signs[:-1]]  # the last sample of each local extreme
        if len(bends):
            heights = values[bends, column].tolist()
            first, last = float(values[0, column]), float(values[-1, column])
            kept = _large_turns([first, *heights, last], limit)
            turns[bends[[at - 1 for at in kept if 0 < at <= len(bends)]], column] = True
    return turns


def _large_turns(heights: list[float], limit: float) -> list[int]:
    """Where a zigzag turns back by more than a limit: the highest and lowest places in turn."""
    kept, top, bottom, direction = [], 0, 0, 0
    high = low = heights[0]
    for at, here in enumerate(heights):
        if here > high:
            top, high = at, here
        elif here < low:
            bottom, low = at, here
        if direction >= 0 and high - here > limit:
            kept.append(top)
            direction, top, bottom, high, low = -1, at, at, here, here
        elif direction <= 0 and here - low > limit:
            kept.append(bottom)
            direction, top, bottom, high, low = 1, at, at, here, here
    return kept


def _doors(values: Float64, limits: Float64, fixed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The keys (T, C) with those that the corridor needs beside the `fixed` ones.

    What lies between two fixed keys doesn't depend on anything else: all such stretches go on together.
    """
    flat, keys, count = values.T.ravel(), fixed.T.copy(), len(values)
    places = np.flatnonzero(keys.ravel())
    begins, lengths = places[:-1], np.diff(places)
    inside = begins % count != count - 1  # not from the end of one curve to the next one
    order = np.argsort(-lengths[inside], kind="stable")
    begins, lengths = begins[inside][order], lengths[inside][order]
    corridor = _Corridor(flat, begins, limits[begins // count])
    found = keys.reshape(-1)
    for step in range(1, int(lengths.max(initial=0)) + 1):
        found[corridor.advance(step, int(np.searchsorted(-lengths, -step, side="right")))] = True
    return found.reshape(keys.shape).T


class _Corridor:
    """Stretches (L,) of a row of samples that are walked along at the same time, the longest ones first."""

    def __init__(self, flat: Float64, begins: Rows, limits: Float64) -> None:
        self._flat, self._begins, self._limits = flat, begins, limits
        self._anchor, self._since = flat[begins], np.zeros(len(begins))
        self._lowest, self._highest = np.full(len(begins), -np.inf), np.full(len(begins), np.inf)

    def advance(self, step: int, count: int) -> Rows:
        """Go to sample `step` of the first `count` stretches; gives the samples that became keys on the
        way."""
        here = self._flat[self._begins[:count] + step]
        lowest, highest = self._lowest[:count], self._highest[:count]
        slope = (here - self._anchor[:count]) / (step - self._since[:count])
        outside = np.flatnonzero((slope < lowest) | (slope > highest))
        keys = self._begins[outside] + step - 1
        if len(outside):
            self._anchor[outside], self._since[outside] = self._flat[keys], step - 1
            slope[outside] = here[outside] - self._flat[keys]
            lowest[outside], highest[outside] = -np.inf, np.inf
        margin = self._limits[:count] / (step - self._since[:count])
        np.maximum(lowest, slope - margin, out=lowest)
        np.minimum(highest, slope + margin, out=highest)
        return keys
