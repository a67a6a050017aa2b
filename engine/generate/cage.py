# SPDX-License-Identifier: GPL-3.0-or-later
"""How a cache that plays a mesh's motion takes along what shape keys add to it.

Blender's Mesh Cache modifier integrates keys so: at each corner of each polygon, the step from the mesh at
rest is said in the corner's two edges and its normal, and repeated in those of the mesh that the cache plays;
a vertex takes the mean of its corners. That is one matrix for each vertex.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

FLAT = 1e-6
"""Corners whose edges span less than this part of their square lengths have no plane, and don't count."""


class Cage:
    """A mesh at rest: ``vertices`` (V, 3) and ``polygons`` (F, K), padded with −1."""

    def __init__(self, vertices: NDArray[np.floating], polygons: NDArray[np.integer]) -> None:
        corners = _corners(polygons)
        frames = _frames(np.asarray(vertices, np.float64)[None], corners)[0]
        edges = np.linalg.norm(frames[:, :, 0], axis=1) * np.linalg.norm(frames[:, :, 1], axis=1)
        spanned = np.abs(np.linalg.det(frames)) ** (2 / 3)
        sound = spanned > FLAT * np.maximum(edges, 1e-30)
        order = np.argsort(corners[sound, 1], kind="stable")
        self._corners = corners[sound][order]
        self._inverse = np.linalg.inv(frames[sound][order])
        self._count = len(vertices)

    def matrices(self, places: Float32, vertices: NDArray[np.integer]) -> Float64:
        """What becomes of a small step at some vertices (W,), where the cache plays places (n, V, 3):
        (n, W, 3, 3)."""
        wanted = np.zeros(self._count, bool)
        wanted[vertices] = True
        chosen = np.flatnonzero(wanted[self._corners[:, 1]])
        found = np.tile(np.eye(3), (len(places), self._count, 1, 1))
        if len(chosen):
            corners = self._corners[chosen]
            steps = _frames(places.astype(np.float64), corners) @ self._inverse[chosen]
            owners, first, counts = np.unique(corners[:, 1], return_index=True, return_counts=True)
            found[:, owners] = np.add.reduceat(steps, first, axis=1) / counts[:, None, None]
        return found[:, vertices]


def _corners(polygons: NDArray[np.integer]) -> NDArray[np.int64]:
    """Vertices (C, 3) before, at and after each corner of each polygon."""
    polygons = np.asarray(polygons, np.int64)
    sizes = (polygons >= 0).sum(axis=1)
    found = []
    for size in np.unique(sizes[sizes >= 3]):
        some = polygons[sizes == size, :size]
        around = [np.roll(some, 1, axis=1), some, np.roll(some, -1, axis=1)]
        found.append(np.stack(around, axis=2).reshape(-1, 3))
    return np.concatenate(found) if found else np.zeros((0, 3), np.int64)


def _frames(places: Float64, corners: NDArray[np.int64]) -> Float64:
    """Matrices (n, C, 3, 3) of places (n, V, 3): both edges of each corner and its normal, as long as the
    square root of the triangle's area, as columns."""
    at = places[:, corners[:, 1]]
    before, after = places[:, corners[:, 0]] - at, places[:, corners[:, 2]] - at
    normal = np.cross(before, after)
    size = np.linalg.norm(normal, axis=2, keepdims=True)
    normal = normal / np.sqrt(np.maximum(2 * size, 1e-30))
    return np.stack([before, after, normal], axis=3)
