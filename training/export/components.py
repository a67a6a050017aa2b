# SPDX-License-Identifier: GPL-3.0-or-later
"""Main components of motion around the lips: the fewest shapes whose sums come near to it.

Shapes of one small place each (Neumann et al. 2013) would be easier to tell apart, but a frame needs twice as
many of them, and Blender adds each shape that isn't at 0 to all vertices of a head. Nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.arrays import smoothstep

Doubles = NDArray[np.float64]

INNER, OUTER = 0.02, 0.06
"""Metres from the nearest lip vertex up to which shapes move skin as they like, and from which on not at
all."""

ENOUGH = 1e-6
"""No more shapes are made where so small a part of the motion, in squared distances, is left."""


@dataclass(frozen=True, eq=False)
class Field:
    """Where and how much: places (V, 3), metres; `emphasis` (V,) of a vertex in squared distances, 0 for
    those that no shape may move; `lips` (L,)."""

    places: Doubles
    emphasis: Doubles
    lips: NDArray[np.integer]


def main_components(motion: NDArray[np.floating], field: Field, count: int) -> Doubles:
    """At most ``count`` shapes (K, V, 3) for a motion (T, V, 3), metres, the most useful first."""
    window = window_of(field)
    seen = motion * (np.sqrt(field.emphasis) * window)[:, None]
    flat = seen.reshape(len(seen), -1).astype(np.float64)
    energy, weights = np.linalg.eigh(flat @ flat.T)
    main = np.argsort(-energy, kind="stable")[:count]
    left = energy.sum() - np.cumsum(energy[main]) + energy[main]  # before each of them
    main = main[left > ENOUGH * energy.sum()]
    shapes = np.einsum("tk,tvc->kvc", weights[:, main], motion, optimize=True)
    return shapes * window[:, None]


def window_of(field: Field) -> Doubles:
    """How much (V,) of its motion each vertex may show: 1 around the lips, 0 far from them."""
    moved = np.flatnonzero(field.emphasis)
    away = np.full(len(field.places), np.inf)
    for part in np.array_split(moved, -(-len(moved) // 256)):  # not all pairs at once
        gaps = field.places[part, None] - field.places[field.lips]
        away[part] = np.linalg.norm(gaps, axis=2).min(axis=1, initial=np.inf)
    return smoothstep(np.clip((OUTER - away) / (OUTER - INNER), 0.0, 1.0))
