# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a rig's own keys that show what the units would: bounded least squares around the values that
their names give.

A curve must stay readable: a key moves only where its name asks for it, up to so much more or less than the
value that makes it move as far as its units (`OwnShapes.scale`). So what is 0 stays 0, opposites stay apart,
and every frame is solved for itself with bounds that follow the curves, which keeps them as smooth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import ramp, smoothstep
from ..generate.weights import BoxProblem
from .drive import PERCENT, UNIT_RANGE, Range, drive
from .lips import LipMotion
from .mapping import UNITS, RigMapping
from .own_shapes import OwnShapes, Span

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = NDArray[np.floating]

LESS, MORE = 0.3, 0.6
"""How much less and more than its scaled value a key may have, as parts of that. Least squares would rather
weaken what was drawn a little differently: lips that tuck in for an f would hardly do it any more."""

HOLD = 0.3
"""Pull towards the scaled values, as a part of each key's own size."""

CLOSES, OPENS = "mouthClose", "jawOpen"
HELP = 0.3
"""How far the key that closes lips over an open jaw may come in unasked, never further than that is open."""

NEAR, APART = 0.6, 1.6
"""Millimetres between lips up to which it may, and from which on it may not."""

STEPS = 40
"""*Measured* on keys of three kinds: no value differs by more than 0.0001 from that of 1,000 steps."""


def matched_values(
    own: OwnShapes,
    unit_names: Sequence[str],
    weights: Floats,
    lips: LipMotion,
    ranges: Mapping[str, Range] | None = None,
    corrective_names: Sequence[str] = (),
    corrective_weights: Floats | None = None,
) -> dict[str, Float32]:
    """Values (T,) of each key that was measured, within its range, from unit weights (T, U) and what
    correctives (T, K) add to them; ranges and lips as in `drive`."""
    bounds = np.array([(ranges or {}).get(key, UNIT_RANGE) for key in own.keys], np.float64)
    slider = np.where(bounds[:, 1] > PERCENT, 100.0, 1.0)
    limits = bounds / slider[:, None]
    named = _named(own, unit_names, weights, lips, ranges)
    start = named * own.scale / slider
    box = _box(own, start, limits, _closing(unit_names, weights, lips))
    target = weights.astype(np.float64) @ _rows(own.unit_names, own.cross, unit_names)
    if corrective_weights is not None:
        extra = _rows(own.corrective_names, own.corrective_cross, corrective_names)
        target += corrective_weights.astype(np.float64) @ extra
    values = np.clip(start, *limits.T)
    if len(own.free):
        values[:, own.free] = _solve(own, values, target, box)
    _share(own, values)
    slid = np.clip(values * slider, *bounds.T).astype(np.float32)
    if own.span is not None:
        share = _share_of(own.span, len(slid))[:, None]
        slid = np.where(share > 0, named + share * (slid - named), named).astype(np.float32)
    return {key: np.ascontiguousarray(slid[:, at]) for at, key in enumerate(own.keys)}


def _share_of(span: Span, count: int) -> Float64:
    """How far each of so many samples (T,) is matched: 0 outside of the span."""
    at = np.arange(count)
    inside = np.minimum(at - span[0], span[1] - 1 - at) + 1
    share: Float64 = np.clip(inside / (span[2] + 1), 0.0, 1.0)
    return smoothstep(share)


def _named(
    own: OwnShapes,
    unit_names: Sequence[str],
    weights: Floats,
    lips: LipMotion,
    ranges: Mapping[str, Range] | None,
) -> Float64:
    """What the keys' names give (T, N)."""
    named = drive(RigMapping("", UNITS, own.drives), unit_names, weights, lips, ranges)
    rest = np.zeros(len(weights))
    return np.stack([named.get(key, rest) for key in own.keys], axis=1).astype(np.float64)


def _box(own: OwnShapes, start: Float64, limits: Float64, closing: Float64) -> tuple[Float64, Float64]:
    """Bounds (T, M) of the keys that are solved for."""
    middle, (low, high) = start[:, own.free], limits[own.free].T
    up, down = np.maximum(middle, 0.0), np.minimum(middle, 0.0)
    lowest = (1.0 - LESS) * up + (1.0 + MORE) * down
    highest = (1.0 + MORE) * up + (1.0 - LESS) * down
    for row, at in enumerate(own.free):
        if own.drives[at].drive == CLOSES:
            highest[:, row] = np.maximum(highest[:, row], closing)
    return np.clip(lowest, low, high), np.clip(highest, low, high)


def _closing(unit_names: Sequence[str], weights: Floats, lips: LipMotion) -> Float64:
    """How far (T,) the key that closes lips may come in unasked."""
    if OPENS not in unit_names or len(lips.gap) != len(unit_names):
        return np.zeros(len(weights))
    apart = weights.astype(np.float64) @ lips.gap
    near = 1.0 - ramp(apart, NEAR, APART)
    opening = weights[:, list(unit_names).index(OPENS)].astype(np.float64)
    return near * np.minimum(HELP, opening)


def _solve(own: OwnShapes, start: Float64, target: Float64, box: tuple[Float64, Float64]) -> Float64:
    """Values (T, M) of the free keys for products (T, M) with the motion that is wanted; all others stay as
    at the start (T, N)."""
    free, (low, high) = own.free, box
    gram = own.gram[:, free]
    size = np.sqrt(np.diag(gram))
    pull = HOLD * np.diag(np.diag(gram))
    others = np.delete(np.arange(len(own.drives)), free)
    wanted = target - start[:, others] @ own.gram[:, others].T + start[:, free] @ pull
    wanted -= low @ (gram + pull)
    problem = BoxProblem((gram + pull) / np.outer(size, size))
    begin = np.clip(start[:, free], low, high) - low
    solved = problem.solve(wanted / size, (high - low) * size, begin * size, STEPS, 0.0)
    return low + solved / size


def _share(own: OwnShapes, values: Float64) -> None:
    """Keep visemes (columns of (T, N)) from adding up to more than 1, in place."""
    seen = np.flatnonzero([entry.is_viseme for entry in own.drives])
    if len(seen):
        values[:, seen] /= np.maximum(values[:, seen].sum(axis=1, keepdims=True), 1.0)


def _rows(names: Sequence[str], rows: Float64, wanted: Sequence[str]) -> Float64:
    """The rows (W, M) of some names, 0 for those that aren't there."""
    found = np.zeros((len(wanted), rows.shape[1]))
    for at, name in enumerate(wanted):
        if name in names:
            found[at] = rows[names.index(name)]
    return found
