# SPDX-License-Identifier: GPL-3.0-or-later
"""The mesh as what the template is drawn to: the nearest place on it with a like normal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .mesh import Surface, closest_on_triangles, spread
from .nearest import Search, search_of

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Matches:
    """For each of Q points: the place on the mesh (Q, 3), its normal (Q, 3), the triangle (Q,), −1 where
    nothing is near, the cosine of both normals (Q,), and whether the place is on an open border (Q,)."""

    places: Doubles
    normals: Doubles
    triangles: Indices
    cosine: Doubles
    border: NDArray[np.bool_]

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether anything was near (Q,)."""
        return self.triangles >= 0


@dataclass(frozen=True, eq=False)
class Target:
    """A surface in normalised template space (metres), with points on it in a grid of `reach` metres."""

    surface: Surface
    reach: float
    spacing: float

    @cached_property
    def _samples(self) -> tuple[Indices, Search]:
        points, triangles = spread(self.surface, self.spacing)
        normals = self.surface.face_normals[triangles]
        kept = _thinned(points, normals, 0.7 * self.spacing)
        return triangles[kept], search_of(points[kept], normals[kept], self.reach)

    def match(self, points: Doubles, normals: Doubles, turn: float) -> Matches:
        """The nearest places to points (Q, 3) with normals (Q, 3); normals that differ by 1 cost as much as
        `turn` metres."""
        owners, grid = self._samples
        sample, _ = grid.nearest(points, normals, turn)
        triangle = np.full(len(points), -1, np.int64)
        triangle[sample >= 0] = owners[sample[sample >= 0]]
        some = np.flatnonzero(triangle >= 0)
        places, facing = points.copy(), normals.copy()
        corners = self.surface.triangles[triangle[some]]
        mix = closest_on_triangles(points[some], self.surface.vertices[corners])
        places[some] = np.einsum("qk,qkc->qc", mix, self.surface.vertices[corners])
        smooth = np.einsum("qk,qkc->qc", mix, self.surface.normals[corners])
        facing[some] = smooth / np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-12)
        border = np.zeros(len(points), bool)
        border[some] = (self.surface.borders[corners] & (mix > 1e-6)).sum(axis=1) == (mix > 1e-6).sum(axis=1)
        return Matches(places, facing, triangle, (facing * normals).sum(axis=1), border)


def _thinned(points: Doubles, normals: Doubles, cell: float) -> Indices:
    """One of all points (S, 3) that share a cube of edge `cell` and face the same eighth of all
    directions."""
    cells = (
        np.floor((points - points.min(axis=0)) / cell).astype(np.int64) if len(points) else np.zeros((0, 3))
    )
    octant = ((normals > 0) * [1, 2, 4]).sum(axis=1)
    base = int(cells.max(initial=0)) + 1
    keys = ((cells[:, 0] * base + cells[:, 1]) * base + cells[:, 2]) * 8 + octant
    return np.unique(keys, return_index=True)[1]
