# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips that touch still touch, whatever an animator turns: where they do, and what is changed to hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import ramp
from .lip_gaps import LipGaps

Floats = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]
Asked = tuple[Float64, Float64, Float64]

CLOSERS = ("mouthClose", "mouthShrugLower", "mouthRollLower", "mouthRollUpper", "mouthPucker")
SIDED_CLOSERS = ("mouthPress{}",)
OPENERS = ("jawOpen", "mouthFunnel", "mouthShrugUpper")
SIDED_OPENERS = ("mouthUpperUp{}", "mouthLowerDown{}")
"""Units that close and open lips; {} is a side. Smiles and cheeks do it too, but would be seen elsewhere."""

HELPERS = ("mouthClose",)
"""Units that may come in although the take never uses them."""

TOUCHING, APART = 0.15, 0.6
"""Millimetres beyond rest at which the widest of the middle pairs counts as closed, and as open."""

PRESSED, SHUT = 0.3, 0.8
"""Parts of the distance at rest: nearer than the first lips would overlap; at the second they are closed."""

NEAR, FAR = 1.0, 3.0
"""Millimetres up to which a narrow passing of the lips is meant as a closure, and from which it isn't."""

SHALLOW, LEVEL = 0.35, 0.7
"""A narrow place is meant when it is below the first part of the openings around it, not when above the
second."""

ALWAYS = (0.4, 1.0)
"""Lips as near as this count as meant to touch even with no opening before and after."""

AROUND = 0.3
"""Seconds before and after, in which these openings lie."""

UNSEEN = 0.05
"""Millimetres; what is less isn't corrected."""

HOLD = 30.0
"""How much a square millimetre of a gap counts against one of skin that is moved to get there."""

ANY = 100.0
"""Millimetres; lips that are free to open."""

CROSSED = 8.0
"""How much more it counts where lips pass through each other than where they stay apart."""

RIDGE = 1e-3
STEPS, ENOUGH = 20, 1e-4
"""Steps of the solver at most, and the largest step of a weight after which it is done."""

SHARES = (1.0, 0.5, 0.2, 0.05, 0.0)
"""Parts of a step that are tried, besides the one that goes as far as the first bound."""

TURNS = 4
"""How often a step is worked out anew without the weights that it would take out of their bounds."""

PASSES = 2
"""How often lips are held: those that had to be parted at one place may gape beside it."""

TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Mouth:
    """Weights (T, U) of a take at one stage, and its correctives' (T, K)."""

    unit_names: tuple[str, ...]
    weights: Floats
    corrective_names: tuple[str, ...]
    corrective_weights: Floats | None
    _known: dict[int, Float64] = field(default_factory=dict, init=False, repr=False)

    def gaps(self, lips: LipGaps) -> Float64:
        """The distances (T, P), mm, of the lips' pairs; worked out once."""
        if id(lips) not in self._known:
            extra = self.corrective_names, self.corrective_weights
            self._known[id(lips)] = lips.gaps(self.unit_names, self.weights, *extra)
        return self._known[id(lips)]


def closedness(lips: LipGaps, gaps: Float64) -> Float64:
    """How closed the lips are (T,) at distances (T, P): 1 where they touch, 0 where they are apart."""
    if not lips.centre.any():
        return np.zeros(len(gaps))
    beyond = (gaps - np.maximum(lips.rest, 0.0))[:, lips.centre].max(axis=1)
    return 1.0 - ramp(beyond, TOUCHING, APART)


def hold(lips: LipGaps, spoken: Mouth, changed: Mouth) -> Floats:
    """The changed weights (T, U) with lips that touch where they touched as spoken, and that overlap nowhere
    more than they did."""
    before, extra = spoken.gaps(lips), (changed.corrective_names, changed.corrective_weights)
    lowest = np.minimum(before, np.where(lips.rest > 0, PRESSED * lips.rest, lips.rest))
    closed = closedness(lips, before)[:, None]
    for _ in range(PASSES):
        after = changed.gaps(lips)
        highest = np.where(after > before, after - closed * (after - before), before + (1.0 - closed) * ANY)
        weights = move_lips(lips, changed, lowest, highest, _used(spoken))
        changed = Mouth(changed.unit_names, weights, *extra)
    return changed.weights


def close_lips(lips: LipGaps, mouth: Mouth, strength: float, fps: float) -> Floats:
    """The weights (T, U) with the lips pulled shut, by `strength` 0…1, where they nearly touch."""
    gaps = mouth.gaps(lips)
    lowest = np.minimum(gaps, np.where(lips.rest > 0, SHUT * lips.rest, lips.rest))
    beyond = (gaps - lowest)[:, lips.centre].max(axis=1, initial=0.0)
    meant = strength * _meant(beyond, max(1, round(AROUND * fps)))[:, None]
    return move_lips(lips, mouth, lowest, gaps - meant * (gaps - lowest), _used(mouth))


def move_lips(
    lips: LipGaps, mouth: Mouth, lowest: Float64, highest: Float64, used: NDArray[np.bool_]
) -> Floats:
    """The weights (T, U) with the distances of the middle pairs between bounds (T, P), mm, by the least
    motion of the skin. To close, closing units rise and opening ones fall; to part, closing ones fall.
    Nothing but `used` units (U,) and HELPERS moves."""
    names, middle = mouth.unit_names, lips.centre
    closes, opens = _sides(names)
    free = np.flatnonzero((closes | opens) & (used | np.isin(names, HELPERS)))
    gaps = mouth.gaps(lips)[:, middle]
    least, most = lowest[:, middle] - gaps, np.maximum(highest, lowest)[:, middle] - gaps
    lift, drop = np.maximum(least, 0.0), np.maximum(-most, 0.0)
    rows = np.flatnonzero(np.maximum(lift, drop).max(axis=1, initial=0.0) > UNSEEN)
    if not len(free) or not len(rows):
        return mouth.weights
    here = mouth.weights[np.ix_(rows, free)].astype(np.float64)
    closing = drop[rows].max(axis=1, keepdims=True) >= lift[rows].max(axis=1, keepdims=True)
    bounds = (
        np.where(closing & opens[free], 0.0, np.where(closing | opens[free], here, 0.0)),
        np.where(closing & closes[free], 1.0, here),
    )
    motion = _LeastMotion(lips, [names[unit] for unit in free])
    moved = mouth.weights.copy()
    moved[np.ix_(rows, free)] = np.clip(motion.solve(here, bounds, (least[rows], most[rows])), 0.0, 1.0)
    return moved


class _LeastMotion:
    """The least motion of u units that brings the distances of P pairs into bounds.

    Least squares in a box, in which a distance counts only outside its bounds; found by projected Newton
    steps (Bertsekas 1982) with a choice of lengths, each frame for itself.
    """

    def __init__(self, lips: LipGaps, names: Sequence[str]) -> None:
        self._slopes = lips.slopes_of(names)[:, lips.centre]
        self._metric = lips.metric_of(names)
        self._metric += RIDGE * np.diag(np.diag(self._metric)) + TINY * np.eye(len(self._metric))

    def solve(
        self, here: Float64, bounds: tuple[Float64, Float64], wanted: tuple[Float64, Float64]
    ) -> Float64:
        """Weights (n, u) between bounds (n, u), near `here`, whose distances change by what is between
        `wanted` (n, P)."""
        found, left = here.copy(), np.arange(len(here))
        for _ in range(STEPS):
            now, box = found[left], (bounds[0][left], bounds[1][left])
            asked = here[left], wanted[0][left], wanted[1][left]
            newton = self._direction(now, box, asked)
            shares = [np.full((len(now), 1), share) for share in SHARES]
            tries = [np.clip(now - share * newton, *box) for share in [*shares, _inside(now, newton, box)]]
            best = np.argmin([self._cost(there, asked) for there in tries], axis=0)
            found[left] = np.choose(best[:, None], tries)
            left = left[np.abs(found[left] - now).max(axis=1) > ENOUGH]
            if not len(left):
                break
        return found

    def _direction(self, now: Float64, box: tuple[Float64, Float64], asked: Asked) -> Float64:
        """Newton's step (n, u), of the weights that the box leaves free."""
        gradient, curvature = self._slope(now, asked)
        low, high = now <= box[0], now >= box[1]
        free = ~((low & (gradient > 0)) | (high & (gradient < 0)))
        newton = _newton(gradient, curvature, free)
        for _ in range(TURNS):
            leaves = free & ((low & (newton > 0)) | (high & (newton < 0)))
            if not leaves.any():
                break
            free &= ~leaves
            newton = _newton(gradient, curvature, free)
        return newton

    def _cost(self, there: Float64, asked: Asked) -> Float64:
        """What is minimised (n,)."""
        moved = there - asked[0]
        beyond = self._beyond(moved, asked)
        missed = (_weight(beyond) * np.square(beyond)).sum(axis=1)
        return ((moved @ self._metric) * moved).sum(axis=1) + missed

    def _slope(self, there: Float64, asked: Asked) -> tuple[Float64, Float64]:
        """Half of its first (n, u) and second derivatives (n, u, u)."""
        moved = there - asked[0]
        beyond = self._beyond(moved, asked)
        weight = _weight(beyond)
        first = moved @ self._metric + (weight * beyond) @ self._slopes.T
        return first, self._metric + (weight[:, None, :] * self._slopes) @ self._slopes.T

    def _beyond(self, moved: Float64, asked: Asked) -> Float64:
        """How far the distances (n, P), mm, are above (positive) or below what is wanted."""
        change = moved @ self._slopes
        return change - np.clip(change, *asked[1:])


def _weight(beyond: Float64) -> Float64:
    """How much the square of a distance outside its bounds counts."""
    return (HOLD * ((beyond > 0) + CROSSED * (beyond < 0))).astype(np.float64, copy=False)


def _newton(gradient: Float64, curvature: Float64, free: NDArray[np.bool_]) -> Float64:
    """The step (n, u) that ends where the free weights' gradient does; 0 for the others."""
    held = curvature * (free[:, :, None] & free[:, None, :])
    held[:, *np.diag_indices(free.shape[1])] += ~free
    return np.linalg.solve(held, (gradient * free)[:, :, None])[:, :, 0].astype(np.float64, copy=False)


def _inside(now: Float64, newton: Float64, box: tuple[Float64, Float64]) -> Float64:
    """The largest part (n, 1) of a step up to which no weight meets its bound."""
    room = np.where(newton > 0, now - box[0], box[1] - now)
    return (room / np.maximum(np.abs(newton), TINY)).min(axis=1, initial=1.0, keepdims=True)


def _meant(apart: Float64, reach: int) -> Float64:
    """Which frames (T,) are meant as closures, 0…1, by how far (T,) the lips are apart, mm."""
    padded = np.pad(apart, reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach + 1).max(axis=1)
    peaks = np.minimum(windows[: len(apart)], windows[reach:])  # the lower of those before and after
    dip = 1.0 - ramp(apart / np.maximum(peaks, 1e-6), SHALLOW, LEVEL)
    return (1.0 - ramp(apart, NEAR, FAR)) * np.maximum(dip, 1.0 - ramp(apart, *ALWAYS))


def _used(mouth: Mouth) -> NDArray[np.bool_]:
    """The units that a take uses: others may have no shape key."""
    return np.asarray(mouth.weights.any(axis=0))


def _sides(names: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which units (U,) close and which open the lips."""
    closers = [*CLOSERS, *(unit.format(side) for unit in SIDED_CLOSERS for side in ("Left", "Right"))]
    openers = [*OPENERS, *(unit.format(side) for unit in SIDED_OPENERS for side in ("Left", "Right"))]
    return np.isin(names, closers), np.isin(names, openers)
