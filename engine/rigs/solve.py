# SPDX-License-Identifier: GPL-3.0-or-later
"""Viseme weights from unit weights: bounded least squares on the mouth's motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import ramp
from ..generate.weights import BoxProblem
from .lips import Float64, LipMotion
from .visemes import CLOSED, SILENCE, aside_rows, pattern_rows

GAP = 0.2
"""What a millimetre between the lips counts beside what it already counts as a part of the mouth, in mm²: the
lips stay as far apart as the units have them where few visemes can't meet all else too."""

TINY = 1e-9
RIDGE = 0.02
"""Pull of every viseme towards 0, in mm² (PP at 1 moves about 0.5 mm²): settles those that look alike."""

SUM = 5.0
"""What a sum of 2 costs, in mm²; what is left above 1 is scaled away."""

FROM, UNTIL = 0.25, 0.55
"""Lips that press together this much (as a part of PP) are on the way to a closure, and are in one."""

NEAR, APART = 0.6, 1.6
"""Millimetres between lips that count as closed, and from which on they count as open."""

SLACK = 0.2
"""Millimetres by which visemes may leave the lips further apart than the units do."""

NEIGHBOUR = 0.1
"""Part of each frame's neighbours in it, which calms what flickers between visemes that look alike.
*Measured* at 30 frames a second: a fifth less flicker for 0.05 mm more between the lips. Closures don't take
part."""

PRICE, FADE = 0.05, 0.6
"""What a viseme costs near 0, in mm², and the weight at which that has faded: of what looks alike one viseme
leads, and the others are 0. A minimax concave penalty by steps of linear approximation, as in
`generate/curves.py`."""

ROUNDS = 1
STEPS, MORE_STEPS = 80, 40
ROWS = 512
"""Frames at a time, which bounds the memory."""


def viseme_weights(
    limits: Mapping[str, float],
    unit_names: Sequence[str],
    weights: NDArray[np.floating],
    lips: LipMotion,
) -> dict[str, NDArray[np.float32]]:
    """Weights (T,) of each viseme of `limits`, from 0 to its limit (at most 1), from unit weights (T, U).

    Together they are never more than 1, so that no two open the mouth twice; silence has what is left over.
    """
    names = [name for name in limits if name != SILENCE]
    rows = pattern_rows(names, unit_names)
    wanted = weights.astype(np.float64)
    found = _fit(rows, aside_rows(unit_names), wanted, lips, np.array([limits[name] for name in names]))
    found /= np.maximum(found.sum(axis=1, keepdims=True), 1.0)
    calm = _smooth(found)
    calm *= _shut(rows, calm, wanted, lips)
    if CLOSED in names:
        at, limit = names.index(CLOSED), limits[CLOSED]
        pressed = ramp(found[:, at] / max(limit, 1e-9), FROM, UNTIL)
        _press(calm, at, pressed * (1.0 - ramp(wanted @ lips.gap, NEAR, APART)), limit)
    result = {name: calm[:, at].astype(np.float32) for at, name in enumerate(names)}
    if SILENCE in limits:
        rest = np.clip(1.0 - calm.sum(axis=1), 0.0, limits[SILENCE])
        result[SILENCE] = rest.astype(np.float32)
    return result


def _fit(rows: Float64, aside: Float64, wanted: Float64, lips: LipMotion, limits: Float64) -> Float64:
    """Weights (T, K) of patterns (K, U) whose motion, with that of the patterns (A, U) that nobody asks for,
    comes nearest to that of the units (T, U).

    A last unknown is what a sum of 1 leaves over: it makes the bound on the sum a part of the squares, so
    that the solver needs only a box.
    """
    count, both = len(rows), np.concatenate([rows, aside])
    products = both @ (lips.metric + GAP * np.outer(lips.gap, lips.gap))
    gram = np.zeros((len(both) + 1, len(both) + 1))
    gram[:-1, :-1] = products @ both.T
    gram[np.diag_indices(count)] += RIDGE
    gram[np.diag_indices(len(gram))] += TINY
    summed = np.r_[np.ones(count), np.zeros(len(aside)), 1.0]
    gram += SUM * np.outer(summed, summed)
    target = np.c_[wanted @ products.T, np.zeros(len(wanted))] + SUM * summed
    fit = _Box(gram, np.r_[limits, np.ones(len(aside) + 1)])
    parts = [fit.lead(target[at : at + ROWS], count) for at in range(0, len(target), ROWS)]
    return np.concatenate([np.zeros((0, count)), *parts])


class _Box:
    """Least squares in a box from 0 to ``upper`` (N,), with every unknown scaled to be as stiff as the
    others."""

    def __init__(self, gram: Float64, upper: Float64) -> None:
        self._scale = 1.0 / np.sqrt(np.diag(gram))
        self._upper = upper / self._scale
        scaled = gram * np.outer(self._scale, self._scale)
        self._problem = BoxProblem(0.5 * (scaled + scaled.T))

    def lead(self, target: Float64, count: int) -> Float64:
        """Solutions (T, count) for targets (T, N) in which few of the first ``count`` unknowns work."""
        target = target * self._scale
        here = self._problem.solve(target, self._upper, steps=STEPS, tolerance=0.0)
        prices = np.zeros(target.shape)
        for _ in range(ROUNDS):
            weights = (here * self._scale)[:, :count]
            prices[:, :count] = PRICE * np.clip(1.0 - weights / FADE, 0.0, 1.0) * self._scale[:count]
            here = self._problem.solve(target - prices, self._upper, here, MORE_STEPS, 0.0)
        return (here * self._scale)[:, :count]


def _smooth(found: Float64) -> Float64:
    """Means of neighbouring frames: what was within its bounds and had a sum of at most 1 stays so."""
    padded = np.pad(found, ((1, 1), (0, 0)), mode="edge")
    return NEIGHBOUR * (padded[:-2] + padded[2:]) + (1.0 - 2.0 * NEIGHBOUR) * found


def _shut(rows: Float64, found: Float64, wanted: Float64, lips: LipMotion) -> Float64:
    """Factors (T, K) that close what opens the lips further than the units do; 1 for what closes them."""
    gaps = rows @ lips.gap
    opening = found @ np.maximum(gaps, 0.0)
    allowed = np.maximum(wanted @ lips.gap, 0.0) + SLACK
    factor = np.minimum(1.0, allowed / np.maximum(opening, 1e-9))
    return np.where(gaps > 0.0, factor[:, None], 1.0)


def _press(calm: Float64, closed: int, firm: Float64, limit: float) -> None:
    """Give closures, where ``firm`` (T,) is 1, to PP alone, in place in ``calm`` (T, K): rounding next to it
    would part the lips."""
    highest = np.maximum(calm[:, closed], limit * firm)
    calm *= (1.0 - firm)[:, None]
    calm[:, closed] = highest
