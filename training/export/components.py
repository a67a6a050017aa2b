# SPDX-License-Identifier: GPL-3.0-or-later
"""Main components of motion around the lips: the fewest shapes whose sums come near to it.

Shapes of one small place each (Neumann et al. 2013) would be easier to tell apart, but a frame needs twice as
many of them, and Blender adds each shape that isn't at 0 to all vertices of a head. Nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.arrays import ramp

Doubles = NDArray[np.float64]

INNER, OUTER = 0.02, 0.06
"""Metres from the nearest lip vertex up to which shapes move skin as they like, and from which on not at
all."""

ENOUGH = 1e-6
"""No more shapes are made where so small a part of the motion, in squared distances, is left."""


ROUNDS = 3
"""How often what the shapes leave decides what counts more."""

FEW = range(5, 13)
"""Numbers of shapes, as a frame needs them, whose remainder is looked at."""

MOST_OF = 98.0
"""Percentage of the frames in which a vertex is no further off than what it is judged by."""

MUCH, TINY = 10.0, 1e-18
"""How many times more or less something counts after one round at most; and squared metres that are none."""


@dataclass(frozen=True, eq=False)
class Field:
    """Where and how much: places (V, 3), metres; `emphasis` (V,) of a vertex in squared distances, 0 for
    those that no shape may move; `lips` (L,)."""

    places: Doubles
    emphasis: Doubles
    lips: NDArray[np.integer]


def main_components(motion: NDArray[np.floating], field: Field, count: int) -> Doubles:
    """At most ``count`` shapes (K, V, 3) for a motion (T, V, 3), metres, the most useful first.

    What counts is the lip vertex that is furthest off, not the mean: so frames and vertices of which the
    first few shapes leave the most count more, and the shapes are found again.
    """
    window = window_of(field)
    moved = np.flatnonzero(window)
    shown = motion[:, moved] * window[moved, None]
    frames, places = np.ones(len(motion)), field.emphasis[moved].copy()
    lips = np.isin(moved, field.lips)
    for _ in range(ROUNDS):
        off = _left_by_first(shown, np.sqrt(places), _turns(shown, frames, places, count), lips)
        frames *= _sooner(off.max(axis=1, initial=0.0))
        places[lips] *= _sooner(np.percentile(off, MOST_OF, axis=0))
    return (
        np.einsum("tk,tvc->kvc", _turns(shown, frames, places, count), motion, optimize=True)
        * window[:, None]
    )


def _turns(shown: NDArray[np.floating], frames: Doubles, places: Doubles, count: int) -> Doubles:
    """What of each frame the main components of a motion (T, M, 3) are made of, (T, K): its `frames` (T,) and
    `places` (M,) count so much in squared distances."""
    flat = (shown * np.sqrt(places)[:, None]).reshape(len(shown), -1) * np.sqrt(frames)[:, None]
    energy, turns = np.linalg.eigh(flat @ flat.T)
    main = np.argsort(-energy, kind="stable")[:count]
    left = energy.sum() - np.cumsum(energy[main]) + energy[main]  # before each of them
    return turns[:, main[left > ENOUGH * energy.sum()]] * np.sqrt(frames)[:, None]


def _left_by_first(
    shown: NDArray[np.floating], metric: Doubles, turns: Doubles, lips: NDArray[np.bool_]
) -> Doubles:
    """Squared distances (T, L) that the lips among the places (M,) are off with the first FEW components."""
    flat = (shown * metric[:, None]).reshape(len(shown), -1)
    shapes = np.linalg.qr(flat.T @ turns)[0] if turns.shape[1] else np.zeros((flat.shape[1], 0))
    cut = (np.repeat(lips, 3), np.repeat(metric[lips], 3))
    found, off = flat @ shapes, np.zeros((len(flat), int(lips.sum())))
    for count in FEW:
        left = (flat[:, cut[0]] - found[:, :count] @ shapes[cut[0], :count].T) / cut[1]
        off += np.square(left.reshape(len(flat), -1, 3)).sum(axis=2) / len(FEW)
    return off


def _sooner(off: Doubles) -> Doubles:
    """How much more something counts in the next round, by what is left of it in squared distances."""
    return np.sqrt(np.clip(off / max(float(off.mean()) if off.size else 0.0, TINY), 1.0 / MUCH, MUCH))


def window_of(field: Field) -> Doubles:
    """How much (V,) of its motion each vertex may show: 1 around the lips, 0 far from them."""
    moved = np.flatnonzero(field.emphasis)
    away = np.full(len(field.places), np.inf)
    for part in np.array_split(moved, -(-len(moved) // 256)):  # not all pairs at once
        gaps = field.places[part, None] - field.places[field.lips]
        away[part] = np.linalg.norm(gaps, axis=2).min(axis=1, initial=np.inf)
    return 1.0 - ramp(away, INNER, OUTER)
