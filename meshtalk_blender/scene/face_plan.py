# SPDX-License-Identifier: GPL-3.0-or-later
"""Where landmarks lie on an average face, and where that puts the missing ones: pure geometry, no bpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ...engine.geometry.procrustes import Similarity

    Doubles = NDArray[np.float64]

FRONT = np.array([0.0, -1.0, 0.0])
"""Where the face of the plan looks; up is +Z, the character's left +X."""

_MIDDLE = {
    "nose_tip": (0.0, -0.063, 0.105),
    "chin": (0.0, -0.045, 0.050),
    "lip_upper_inner": (0.0, -0.047, 0.074),
    "lip_lower_inner": (0.0, -0.047, 0.073),
}
_LEFT = {
    "mouth": (0.024, -0.035, 0.073),
    "eye_inner": (0.019, -0.032, 0.141),
    "eye_outer": (0.045, -0.028, 0.143),
    "lid_upper": (0.031, -0.036, 0.148),
    "lid_lower": (0.031, -0.035, 0.140),
    "brow_inner": (0.016, -0.046, 0.162),
}
FACE: Mapping[str, tuple[float, float, float]] = {
    **_MIDDLE,
    **{f"{name}_left": place for name, place in _LEFT.items()},
    **{f"{name}_right": (-x, y, z) for name, (x, y, z) in _LEFT.items()},
}
"""Metres."""

FLAT = 0.12  # of the longest direction: landmarks that spread less across it say nothing about the turn


def placed_plan(places: Mapping[str, ArrayLike]) -> Similarity | None:
    """The map from the average face to the head that the placed landmarks tell; None when they are fewer than
    three, or lie on one line."""

    from ...engine.geometry.procrustes import align

    names = [name for name in places if name in FACE]
    if len(names) < 3:
        return None
    target = np.array([places[name] for name in names], np.float64)
    source = np.array([FACE[name] for name in names])
    spread = np.linalg.svd(source - source.mean(axis=0), compute_uv=False)
    given = np.linalg.svd(target - target.mean(axis=0), compute_uv=False)
    if spread[1] < FLAT * spread[0] or given[1] < FLAT * given[0]:
        return None
    return align(source, target, np.ones(len(names)))


def guessed(places: Mapping[str, ArrayLike]) -> dict[str, Doubles]:
    """Places (3,) of all landmarks of the plan that are not among `places`; empty where those say too
    little."""
    plan = placed_plan(places)
    if plan is None:
        return {}
    return {name: plan.points(place) for name, place in FACE.items() if name not in places}


def is_swapped(places: Mapping[str, ArrayLike], centre: ArrayLike) -> bool:
    """Whether left and right were mixed up: the face would look into the head, whose middle is `centre`."""
    plan = placed_plan(places)
    if plan is None:
        return False
    middle = np.array([places[name] for name in places if name in FACE], np.float64).mean(axis=0)
    outwards = middle - np.asarray(centre, np.float64)
    return bool(plan.rotation @ FRONT @ outwards < -0.2 * np.linalg.norm(outwards))


def is_inward(places: Mapping[str, ArrayLike], normals: Mapping[str, ArrayLike]) -> bool:
    """Whether the mesh is inside out: its normals (3,) at the landmarks point into the head."""
    plan = placed_plan(places)
    if plan is None or not normals:
        return False
    return bool(
        np.mean([np.asarray(normal) for normal in normals.values()], axis=0) @ plan.rotation @ FRONT < 0
    )
