# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the lips meet? Gaps between facing vertices of the upper and the lower lip, linear in the unit weights.

Every corpus face moves linearly, so each pair's vertical gap is the rest's gap plus weights times the gap
that each unit adds; this turns "the lips must meet" into an equation that the teacher can solve exactly for
every identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR_AT_REST, FAR_APART, SUNK = 0.003, 0.015, 0.012
"""Metres: facing lip vertices are this near at rest, this far apart with the jaw open, no deeper than the
front ones."""


@dataclass(frozen=True)
class LipGaps:
    """Gaps in metres for I identities, U units and P pairs; pair 0 is the middle of the mouth.

    ``pairs (P, 2)`` upper and lower vertex, ``rest (I, P)``, ``units (I, U, P)`` the gap that each unit
    adds at weight 1; negative is pressed together.
    """

    unit_names: tuple[str, ...]
    pairs: NDArray[np.int64]
    rest: NDArray[np.float64]
    units: NDArray[np.float64]

    def gaps(self, identity: int, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """Gaps ``(T, P)`` of one identity under unit ``weights (T, U)``."""
        return self.rest[identity] + weights.astype(np.float64) @ self.units[identity]


def facing_pairs(
    rest: NDArray[np.floating], jaw: NDArray[np.floating], upper: int, lower: int
) -> NDArray[np.int64]:
    """Pairs ``(P, 2)`` of vertices that touch at ``rest (V, 3)`` and part when the jaw opens by ``jaw (V,
    3)``.

    The first pair is the given middle of the lips; the others follow from left to right.
    """
    travel = jaw[:, 2] - jaw[upper, 2]
    front = rest[:, 1] < rest[upper, 1] + SUNK
    level = np.abs(rest[:, 2] - rest[upper, 2]) < 0.02
    still = np.flatnonzero(front & level & (np.abs(travel) < 0.004))
    moving = np.flatnonzero(front & level & (travel < -FAR_APART))
    found = [(upper, lower)]
    for low in moving[np.argsort(rest[moving, 0])]:
        distance = np.linalg.norm(rest[still] - rest[low], axis=1)
        if distance.min() < NEAR_AT_REST and low != lower:
            found.append((int(still[distance.argmin()]), int(low)))
    return np.array(found, np.int64)


def lip_gaps(faces: dict[str, NDArray], count: int | None = None) -> LipGaps:
    """Gaps of the first ``count`` identities of a corpus' ``faces.npz`` arrays."""
    names = tuple(str(name) for name in faces["unit_names"])
    marks = {str(n): int(v) for n, v in zip(faces["landmark_names"], faces["landmark_vertices"], strict=True)}
    jaw = faces["unit_deltas"][names.index("jawOpen")]
    pairs = facing_pairs(faces["rest"], jaw, marks["lip_upper_inner"], marks["lip_lower_inner"])
    height = (faces["rests"][:count, pairs[:, 0], 2] - faces["rests"][:count, pairs[:, 1], 2]).astype(
        np.float64
    )
    motion = (faces["motion_basis"][:, pairs[:, 0], 2] - faces["motion_basis"][:, pairs[:, 1], 2]).astype(
        np.float64
    )
    return LipGaps(names, pairs, height, faces["unit_codes"][:count].astype(np.float64) @ motion)
