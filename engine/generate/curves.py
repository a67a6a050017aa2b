# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves that an animator keeps: few units, none that works against another, no motion that nobody sees.

What least squares finds frame by frame spreads what one unit does over all that resemble it. Here a whole
take is looked at, in the space of the weights alone: the units that others can stand in for are left out, and
the rest is fitted again to the same motion, with a price on every weight. The price is gone while a unit is
large, and comes back over some frames where it isn't: so units rest, exactly at 0, for stretches of time, and
come in softly. A unit that is 0 costs nothing while a scene plays. Only the price is smoothed over time,
never a curve: a closure of two frames stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..arrays import equal_parts
from .spoken import Costs, costs_of
from .steps import product
from .weights import ROWS, Float32, Float64, UnitFit

VISIBLE = 3e-4
"""Metres; a unit whose own part of the motion never reaches this far, on any vertex, isn't needed."""

LEAST, MOST = 0.001, 0.03
"""Bounds of the weight that counts as visible, so that neither the jaw nor a lid is taken too exactly."""

FADE = 3.0
"""Around weights as large as this many times what the price alone takes away it is gone, so that it bends no
large one (a minimax concave penalty: Zhang 2010, by steps of local linear approximation: Zou and Li 2008)."""

NOTHING = 0.01
"""Weights below such a part of what is visible are 0."""

AROUND = 4 / 30
"""Seconds before and after a large weight in which there is no price, and in which it then comes back."""

ROUNDS = 2
"""Steps of that approximation. *Measured*: a third one changes the number of weights above 0 by 2 %."""

DOMINANCE = 4.0
"""An opposing unit may reach this many times its lead; more would jump where two opposites change over."""

NEAR = 4e-6
"""The tolerance of the solver, metres: 1e-4 of a weight at most."""

RATE = 30.0
"""Samples a second of curves whose rate isn't told."""

OPPOSITES = (
    ("eyeLookIn{}", "eyeLookOut{}"),
    ("eyeLookUp{}", "eyeLookDown{}"),
    ("eyeBlink{}", "eyeWide{}"),
    ("mouthSmile{}", "mouthFrown{}"),
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
)
"""Units that undo each other; {} is a side."""


def clean_curves(
    fit: UnitFit,
    unit_names: Sequence[str],
    weights: Float32,
    fps: Fraction | float = RATE,
    costs: Costs | None = None,
) -> Float32:
    """The weights ``(T, U)`` of a whole take with fewer units, for nearly the same motion.

    Units that stay below what is visible are exactly 0 in every frame (on both sides of the face), others
    wherever they are for a while; of two opposites one is always 0. Without `costs` they are those of speech.
    """
    return clean_takes(fit, unit_names, [weights], fps, costs)[0]


def clean_takes(
    fit: UnitFit,
    unit_names: Sequence[str],
    takes: Sequence[Float32],
    fps: Fraction | float = RATE,
    costs: Costs | None = None,
) -> list[Float32]:
    """`clean_curves` of several takes (T, U) at once, each as if it were alone: fewer and longer passes."""
    visible, pairs = visible_weights(fit.sizes), opposite_pairs(unit_names)
    groups, ends = mirrored_groups(unit_names, pairs), np.cumsum([len(take) for take in takes])[:-1]
    costs = costs_of(unit_names) if costs is None else costs
    asked, price = costs.need * visible, costs.price * visible
    kept = [np.broadcast_to(needed_units(fit, take, asked, groups), take.shape) for take in takes]
    refit = _Refit(fit, np.concatenate(takes), np.concatenate(kept), price, pairs)
    cleaned = refit.weights(refit.dense, None)
    free = np.maximum(FADE * price, 1e-9).astype(np.float32)
    for _ in range(ROUNDS):
        parts = np.split(_of_both_sides(cleaned / free, groups), ends)
        large = np.concatenate([lasting(part, AROUND * float(fps)) for part in parts])
        cleaned = refit.weights(cleaned, costs.harder * np.maximum(1.0 - large, 0.0))
    cleaned[cleaned < NOTHING * visible] = 0.0
    return [_without_unseen(take, visible, groups) for take in np.split(cleaned, ends)]


def _without_unseen(weights: Float32, visible: Float64, groups: Sequence[tuple[int, ...]]) -> Float32:
    """The same weights (T, U), 0 where a unit is never seen on either side."""
    seen = weights.max(axis=0, initial=0.0) >= visible
    for group in map(list, groups):
        if not seen[group].any():
            weights[:, group] = 0.0
    return weights


def visible_weights(sizes: Float64) -> Float64:
    """The weight (U,) from which on a unit of a size (U,), metres, is seen."""
    return np.clip(VISIBLE / np.maximum(sizes, 1e-9), LEAST, MOST)


def opposite_pairs(unit_names: Sequence[str]) -> NDArray[np.intp]:
    """Rows (P, 2) of the opposing units that a model has."""
    names = list(unit_names)
    sided = [(one.format(side), other.format(side)) for one, other in OPPOSITES for side in ("Left", "Right")]
    found = [pair for pair in dict.fromkeys(sided) if pair[0] in names and pair[1] in names]
    rows = [[names.index(one), names.index(other)] for one, other in found]
    return np.array(rows, np.intp).reshape(-1, 2)


def mirrored_groups(unit_names: Sequence[str], opposites: NDArray[np.intp]) -> tuple[tuple[int, ...], ...]:
    """Rows of the units that stay or go together: both sides of a face, unless they undo each other."""
    names, apart = list(unit_names), {tuple(sorted(pair)) for pair in opposites.tolist()}
    groups: dict[tuple[int, ...], None] = {}
    for row, name in enumerate(names):
        stem = name.removesuffix("Left").removesuffix("Right")
        sides = tuple(sorted(names.index(stem + side) for side in ("Left", "Right") if stem + side in names))
        groups[sides if row in sides and sides not in apart else (row,)] = None
    return tuple(groups)


def needed_units(
    fit: UnitFit, weights: Float32, visible: Float64, groups: Sequence[tuple[int, ...]]
) -> NDArray[np.bool_]:
    """Which units (U,) a take (T, U) needs.

    One after the other the group goes whose own part is the least visible: what is left of a weight once the
    others have taken over what they can, which is weight / √(G⁻¹)ᵤᵤ. They do take it over (a step of backward
    elimination), inside their bounds.
    """
    left = _Left(fit, weights)
    sides = np.array([(group[0], group[-1]) for group in groups])  # a unit alone is both of its sides
    is_open = np.ones(len(groups), bool)
    while is_open.any():
        seen = np.where(is_open, (left.own_part() / visible)[sides].max(axis=1), np.inf)
        least = int(seen.argmin())
        if seen[least] >= 1.0:
            break
        is_open[least] = False
        for unit in sides[least].tolist():
            if left.kept[unit]:
                left.hand_over(unit)
    return left.kept


class _Left:
    """What is left of a take (T, U) while units go: ``kept`` (U,) still do, and the inverse (U, U) of their
    gram matrix is 0 in the rows of the others."""

    def __init__(self, fit: UnitFit, weights: Float32) -> None:
        self._lengths, self.kept = fit.lengths, fit.lengths > 0
        self._shares = np.divide(1.0, fit.lengths, out=np.zeros(len(fit.lengths)), where=self.kept)
        self._weights = weights.astype(np.float32, copy=True)
        self._most = weights.max(axis=0, initial=0.0)
        self._inverse, both = np.zeros_like(fit.problem.gram), np.ix_(self.kept, self.kept)
        self._inverse[both] = np.linalg.inv(fit.problem.gram[both])

    def own_part(self) -> Float64:
        """The largest weight (U,) of each kept unit over a take that no other kept unit can stand in for; 0
        for the others."""
        own = np.zeros(len(self.kept))
        return np.divide(self._most, np.sqrt(np.diag(self._inverse)), out=own, where=self.kept)

    def hand_over(self, gone: int) -> None:
        """Give the motion of one unit to the other kept ones, inside their bounds."""
        row = self._inverse[gone].copy()
        share = row / -row[gone]  # of the unit's motion that each takes over, −1 of the unit itself
        self._inverse += share[:, None] * row
        self._inverse[gone] = self._inverse[:, gone] = 0.0
        self.kept[gone] = False
        change, most = (share * self._lengths[gone] * self._shares).astype(np.float32), []
        for rows in equal_parts(len(self._weights), -(-len(self._weights) // ROWS)):
            part = self._weights[rows]
            part += part[:, gone, None] * change
            np.maximum(part, 0.0, out=part)
            np.minimum(part, 1.0, out=part)
            most.append(part.max(axis=0))
        self._most = np.max(most, axis=0, initial=0.0)


@dataclass(frozen=True, eq=False)
class _Refit:
    """The motion of takes, which `dense` weights (T, U) stand for, from `kept` units (T, U) at a price."""

    fit: UnitFit
    dense: Float32
    kept: NDArray[np.bool_]
    price: Float64
    pairs: NDArray[np.intp]

    def weights(self, start: Float32, priced: NDArray[np.floating] | None) -> Float32:
        """Weights (T, U), the solver begins at `start`; at the full price and with no regard to opposites, or
        at parts `priced` (T, U) of it and with the bounds that follow from who leads at the start."""
        fit, found = self.fit, np.zeros_like(self.dense)
        price = self.price * fit.lengths
        for rows in equal_parts(len(found), -(-len(found) // ROWS)):
            upper = np.where(self.kept[rows], fit.lengths, 0.0)
            target = product(fit.scaled(self.dense[rows]), fit.problem.gram)
            target -= price if priced is None else price * priced[rows]
            most = upper if priced is None else upper * _lead(start[rows], self.pairs)
            solved = fit.problem.solve(target, most, fit.scaled(start[rows]), tolerance=NEAR)
            found[rows] = fit.unscaled(solved)
        return found


def lasting(values: Float32, reach: float) -> Float32:
    """What is largest in `values` (T, K) from `reach` samples before to as many after, then the mean of that
    over as many: it rises before a peak comes and falls after it has gone."""
    steps = max(1, round(reach))
    return _over(_over(values, steps, np.maximum), steps, np.add) / np.float32(2 * steps + 1)


def _over(values: Float32, steps: int, join: np.ufunc) -> Float32:
    """The samples around each of `values` (T, K), joined: whole passes, much quicker than windows."""
    padded = np.pad(values, [(steps, steps), (0, 0)], mode="edge")
    joined = padded[: len(values)].copy()
    for shift in range(1, 2 * steps + 1):
        join(joined, padded[shift : shift + len(values)], out=joined)
    return joined


def _of_both_sides(weights: Float32, groups: Sequence[tuple[int, ...]]) -> Float32:
    """The larger weight (T, U) of both sides of a face."""
    sides = np.arange(weights.shape[1])
    for group in groups:
        sides[list(group)] = group[::-1]
    return np.maximum(weights, weights[:, sides])


def _lead(weights: Float32, pairs: NDArray[np.intp]) -> Float64:
    """Largest weights (T, U) that keep opposites apart: none for the weaker, and for the stronger a bound
    that grows with its lead, so that a change from one to the other passes through 0."""
    most = np.ones(weights.shape)
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    most[:, one] = np.clip(DOMINANCE * (weights[:, one] - weights[:, other]), 0.0, 1.0)
    return most
