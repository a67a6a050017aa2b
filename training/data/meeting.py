# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips that meet on any face: the teacher solves its closures for one, and training shows them on others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

NEAR, FAR = 0.0003, 0.0013
"""Metres beyond a rest's own gap up to which lips count as near, and from which on as open."""


@dataclass(frozen=True, eq=False)
class Meeting:
    """The gap between the lips' middles of all identities, metres upwards: ``rest (I,)``, ``units (I, U)``
    what each unit adds at weight 1, and which of them are ``close``, mouthClose, and ``jaw``, jawOpen."""

    rest: Floats
    units: Floats
    close: int
    jaw: int

    def carried(self, weights: Floats, own: int, other: int) -> Floats:
        """Weights ``(T, U)`` that were solved for identity ``own``, as ``other`` needs them: lips that touch
        there touch here, by mouthClose, or the jaw where they would cross, and lips at rest rest."""
        pull, drop = -self.units[other, self.close], self.units[other, self.jaw]
        if own == other or pull <= 0 or drop <= 0:
            return weights
        gap = self.rest[own] + weights @ self.units[own]
        resting = max(float(self.rest[own]), 1e-5)
        wanted = gap + np.clip(gap / resting, 0.0, 1.0) * (self.rest[other] - self.rest[own])
        there = self.rest[other] + weights @ self.units[other]
        held = np.clip((resting + FAR - gap) / (FAR - NEAR), 0.0, 1.0)
        closing, carried = weights[:, self.close], weights.copy()
        carried[:, self.close] = np.clip(closing + held * (there - wanted) / pull, 0.0, 1.0)
        crossed = wanted - there + (carried[:, self.close] - closing) * pull
        carried[:, self.jaw] += held * np.clip(crossed / drop, 0.0, None)
        return carried


def meeting_of(
    unit_names: tuple[str, ...],
    landmarks: Mapping[str, int],
    rests: Floats,
    unit_codes: Floats,
    motion_basis: Floats,
) -> Meeting | None:
    """The gaps of identities with rests (I, V, 3) and unit codes (I, U, K) in a basis (K, V, 3); None for
    faces that have no such unit or landmarks."""
    marks = [landmarks.get(name) for name in ("lip_upper_inner", "lip_lower_inner")]
    if not {"mouthClose", "jawOpen"} <= set(unit_names) or None in marks:
        return None
    upper, lower = marks
    rows = motion_basis[:, upper, 2] - motion_basis[:, lower, 2]
    rest = rests[:, upper, 2] - rests[:, lower, 2]
    units = (unit_codes @ rows).astype(np.float32)
    return Meeting(rest.astype(np.float32), units, *(unit_names.index(n) for n in ("mouthClose", "jawOpen")))
