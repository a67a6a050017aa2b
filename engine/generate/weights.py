# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit weights from motion: bounded least squares on a head's own unit displacements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

RIDGE = 1e-4
"""Pull of every weight towards 0, as a part of its unit's own size; settles units that can replace each
other."""

MOST_STEPS = 500
TOLERANCE = 1e-6
"""Largest step of any scaled weight at which the solver stops."""


class UnitFit:
    """Finds weights (T, U) in 0…1 whose units come nearest to a displacement (T, V, 3), over all vertices.

    Each weight is scaled so that its unit has length 1, which makes small units (lids) as easy to find as
    large ones (the jaw). Units that move nothing get weight 0.
    """

    def __init__(self, unit_deltas: Float32) -> None:
        units = len(unit_deltas)
        self._rows = np.ascontiguousarray(unit_deltas, np.float32).reshape(units, -1)
        gram = self._rows.astype(np.float64) @ self._rows.T.astype(np.float64)
        lengths = np.sqrt(np.diag(gram))
        self._moves = lengths > 1e-9
        self._scale = np.where(self._moves, 1.0 / np.maximum(lengths, 1e-9), 0.0)
        self._gram = gram * np.outer(self._scale, self._scale) + RIDGE * np.eye(units)
        self._inverse = np.linalg.inv(self._gram)
        self._upper = np.where(self._moves, lengths, 0.0)

    def weights(self, displacement: Float32) -> Float32:
        """Weights ``(T, U)`` float32 of a displacement ``(T, V, 3)``, in the space of the unit
        displacements."""
        products = displacement.reshape(len(displacement), -1) @ self._rows.T
        target = products.astype(np.float64) * self._scale
        start = np.clip(target @ self._inverse, 0.0, self._upper)
        solved = box_least_squares(self._gram, target, self._upper, start)
        return np.clip(solved * self._scale, 0.0, 1.0).astype(np.float32)


def box_least_squares(gram: Float64, target: Float64, upper: Float64, start: Float64) -> Float64:
    """Minimise ½ xᵀ G x − bᵀ x over 0 ≤ x ≤ upper for each row b of ``target`` (T, U); ``gram`` (U, U) is G.

    Accelerated projected gradient (Beck and Teboulle 2009) with the restart of O'Donoghue and Candès (2015),
    row by row; deterministic.
    """
    pace = 1.0 / float(np.linalg.eigvalsh(gram)[-1])
    here = ahead = start
    momentum = np.ones((len(target), 1))
    for _ in range(MOST_STEPS):
        there = np.clip(ahead - pace * (ahead @ gram - target), 0.0, upper)
        step = there - here
        wrong_way = np.einsum("tu,tu->t", ahead - there, step)[:, None] > 0
        grown = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        factor = np.where(wrong_way, 0.0, (momentum - 1.0) / grown)
        momentum = np.where(wrong_way, 1.0, grown)
        here, ahead = there, there + factor * step
        if np.abs(step).max(initial=0.0) < TOLERANCE:
            break
    return here
