# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks, alignment weights and landmarks of the template, found from its units and its geometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.geometry.attached import EDGE_FROM_LIP

from .source import SKIN_PART, HeadSource, mirror_map, parts_of

UPPER_UNITS = ("brow", "eye", "cheekSquint", "noseSneer")
STILL = 4e-4  # metres; a vertex that moves less belongs to no region
SMOOTHING = 3
LID_REACH = 0.35  # part of the blink's largest travel where the eyelid mask is full
# Vertices of MakeHuman's base mesh: inner edges of the lips on the midline, 0.6 mm apart in the neutral pose,
# the corner of their contact line and the middle of the left lids' margins.
BASE_LANDMARKS = {
    "lip_upper_inner": 520,
    "lip_lower_inner": 540,
    "mouth_left": 7272,
    "lid_upper_left": 13352,
    "lid_lower_left": 13370,
}


def adjacency(faces: NDArray[np.integer], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Directed edges of the polygons, each once: (E,) from, (E,) to."""
    pairs = np.concatenate([faces[:, [i, (i + 1) % 4]] for i in range(4)]).astype(np.int64)
    both = np.unique(np.concatenate([pairs, pairs[:, ::-1]]) @ np.array([count, 1]))
    return both // count, both % count


def smooth(values: NDArray, faces: NDArray[np.integer], rounds: int = SMOOTHING) -> NDArray:
    """Average values (V,) with those of neighbouring vertices."""
    start, end = adjacency(faces, len(values))
    degree = np.maximum(np.bincount(start, minlength=len(values)), 1)
    for _ in range(rounds):
        values = 0.5 * values + 0.5 * np.bincount(start, values[end], minlength=len(values)) / degree
    return values


def region_masks(source: HeadSource) -> dict[str, NDArray[np.float32]]:
    """`mouth`, `upper` and `eyelids` (V,) in 0…1: by which units move a vertex furthest."""
    travel = np.linalg.norm(source.unit_deltas, axis=2)
    is_upper = np.array([name.startswith(UPPER_UNITS) for name in source.unit_names])
    upper, mouth = travel[is_upper].max(axis=0), travel[~is_upper].max(axis=0)
    total = mouth**2 + upper**2 + STILL**2
    blink = travel[[name.startswith("eyeBlink") for name in source.unit_names]].max(axis=0)
    masks = {
        "mouth": mouth**2 / total,
        "upper": upper**2 / total,
        "eyelids": blink / (LID_REACH * blink.max()),
    }
    return {
        name: np.clip(smooth(np.clip(mask, 0, 1), source.faces), 0, 1).astype(np.float32)
        for name, mask in masks.items()
    }


def align_weights(source: HeadSource) -> NDArray[np.float32]:
    """Procrustes weights (V,), sum 1: the skin of the face, fading to the ears and the neck, by surface
    area.
    """
    y, z = source.neutral[:, 1], source.neutral[:, 2]
    skin = (parts_of(source) == SKIN_PART) & ~source.cavity
    front, back = y[skin].min(), np.median(y[skin])
    chin = source.neutral[landmarks(source)["chin"], 2]
    fade_back = np.clip((back - y) / (0.5 * (back - front)), 0, 1)
    fade_neck = np.clip((z - chin) / 0.02 + 0.5, 0, 1)
    weights = skin * fade_back * fade_neck * vertex_areas(source.neutral, source.faces)
    return (weights / weights.sum()).astype(np.float32)


def vertex_areas(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> NDArray[np.float64]:
    """Surface area around each vertex (V,), square metres."""
    a, b, c, d = (vertices[faces[:, i]] for i in range(4))
    area = 0.5 * np.linalg.norm(np.cross(c - a, d - b), axis=1)
    shares = np.bincount(faces.ravel(), np.repeat(area / 4, 4), minlength=len(vertices))
    return shares.astype(np.float64)


def landmarks(source: HeadSource) -> dict[str, int]:
    """Named vertices; left is the character's left, +X."""
    place = {int(number): vertex for vertex, number in enumerate(source.base)}
    found = {name: place[number] for name, number in BASE_LANDMARKS.items()}
    mirror = mirror_map(source.neutral)
    for name in ("mouth", "lid_upper", "lid_lower"):
        found[f"{name}_right"] = int(mirror[found[f"{name}_left"]])
    found.update(_brows(source, mirror))
    skin = np.flatnonzero((parts_of(source) == SKIN_PART) & ~source.cavity)
    found["nose_tip"] = int(skin[np.argmin(source.neutral[skin, 1])])
    found["chin"] = _chin(source, found["lip_lower_inner"])
    teeth = source.neutral[found["lip_upper_inner"]] + EDGE_FROM_LIP
    mouth = np.flatnonzero(parts_of(source) == SKIN_PART)
    found["upper_teeth"] = int(mouth[np.argmin(np.linalg.norm(source.neutral[mouth] - teeth, axis=1))])
    return found


def _brows(source: HeadSource, mirror: NDArray[np.int64]) -> dict[str, int]:
    """The vertex of each side that browInnerUp lifts most."""
    lift = source.unit_deltas[source.unit_names.index("browInnerUp")][:, 2] * (parts_of(source) == SKIN_PART)
    left = int(np.argmax(np.where(source.neutral[:, 0] > 0.004, lift, -1)))
    return {"brow_inner_left": left, "brow_inner_right": int(mirror[left])}


def _chin(source: HeadSource, lip: int) -> int:
    """The foremost midline vertex more than 2 cm below the lips."""
    x, y, z = source.neutral.T
    below = (np.abs(x) < 1e-5) & (z < z[lip] - 0.02) & (z > z[lip] - 0.05) & ~source.cavity
    candidates = np.flatnonzero(below & (parts_of(source) == SKIN_PART))
    return int(candidates[np.argmin(y[candidates])])
