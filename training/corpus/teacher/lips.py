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

from engine.geometry.attached import EDGE_FROM_LIP, teeth_edge
from engine.template import template_from_arrays

NEAR_AT_REST, FAR_APART, SUNK = 0.003, 0.015, 0.012
"""Metres: facing lip vertices are this near at rest, this far apart with the jaw open, no deeper than the
front ones."""


@dataclass(frozen=True)
class LipGaps:
    """Gaps in metres for I identities, U units and P pairs; pair 0 is the middle of the mouth.

    ``pairs (P, 2)`` upper and lower vertex, ``rest (I, P)``, ``units (I, U, P)`` the gap that each unit
    adds at weight 1; negative is pressed together. ``tuck_rest (I, 2)`` and ``tuck_units (I, U, 2)`` are how
    far the lower lip's inner middle lies behind (y) and above (z) the upper incisors' edge, at rest and for
    each unit. ``over_rest (I,)`` and ``over_units (I, U)``: how far the upper lip's middle lies behind the
    lower's.
    """

    unit_names: tuple[str, ...]
    pairs: NDArray[np.int64]
    rest: NDArray[np.float64]
    units: NDArray[np.float64]
    tuck_rest: NDArray[np.float64]
    tuck_units: NDArray[np.float64]
    over_rest: NDArray[np.float64]
    over_units: NDArray[np.float64]

    def gaps(self, identity: int, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """Gaps ``(T, P)`` of one identity under unit ``weights (T, U)``."""
        return self.rest[identity] + weights.astype(np.float64) @ self.units[identity]

    def tuck(self, identity: int, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """Back and up ``(T, 2)`` from the incisors' edge to the lower lip under unit ``weights (T, U)``."""
        return self.tuck_rest[identity] + weights.astype(np.float64) @ self.tuck_units[identity]

    def over(self, identity: int, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """Metres ``(T,)`` by which the upper lip lies behind the lower under unit ``weights (T, U)``."""
        return self.over_rest[identity] + weights.astype(np.float64) @ self.over_units[identity]


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
    upper, lower = landmark_vertices(faces, "lip_upper_inner", "lip_lower_inner")
    jaw = faces["unit_deltas"][names.index("jawOpen")]
    pairs = facing_pairs(faces["rest"], jaw, upper, lower)
    rest, units = vertex_motion(faces, pairs.ravel(), count)
    gap_rest, gap_units = (part[..., ::2, 2] - part[..., 1::2, 2] for part in (rest, units))
    tuck_rest = rest[:, 1, 1:] - incisor_edges(faces, count)[:, 1:]
    over_rest, over_units = (part[..., 0, 1] - part[..., 1, 1] for part in (rest, units))
    tuck_units = units[:, :, 1, 1:]
    return LipGaps(names, pairs, gap_rest, gap_units, tuck_rest, tuck_units, over_rest, over_units)


def incisor_edges(faces: dict[str, NDArray], count: int | None = None) -> NDArray[np.float64]:
    """The edge of the upper incisors ``(I, 3)`` of the first ``count`` identities; it never moves."""
    rests = faces["rests"][:count].astype(np.float64)
    if "attached_rest" not in faces:
        return rests[:, landmark_vertices(faces, "lip_upper_inner")[0]] + EDGE_FROM_LIP
    template = template_from_arrays(faces)
    return np.array([teeth_edge(template, rest) for rest in rests])


def landmark_vertices(faces: dict[str, NDArray], *names: str) -> list[int]:
    """The named landmarks' vertices."""
    marks = {str(n): int(v) for n, v in zip(faces["landmark_names"], faces["landmark_vertices"], strict=True)}
    return [marks[name] for name in names]


def vertex_motion(
    faces: dict[str, NDArray], vertices: NDArray[np.integer], count: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rest ``(I, N, 3)`` of some vertices of the first ``count`` identities, and what each unit adds ``(I, U,
    N, 3)``."""
    basis = faces["motion_basis"][:, vertices].astype(np.float64)
    codes = faces["unit_codes"][:count].astype(np.float64)
    units = (codes @ basis.reshape(len(basis), -1)).reshape(*codes.shape[:2], len(vertices), 3)
    return faces["rests"][:count, vertices].astype(np.float64), units
