# SPDX-License-Identifier: GPL-3.0-or-later
"""A head as triangles: welded seams, islands, normals, and points spread over its surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]
Number = TypeVar("Number", bound=np.floating)

WELD = 1e-5  # of the mesh's size: vertices nearer than this are one (seams of texture coordinates)
MOST_SAMPLES = 90_000
GRAIN = 2.0**-23
"""Metres, a ten-thousandth of a millimetre: what is kept of a fit is rounded to it, which stores it in
three fifths of the room."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles (N, 3) over vertices (V, 3); `weld` (V,) names one vertex for all that lie in one place."""

    vertices: Doubles
    triangles: Indices
    weld: Indices

    @cached_property
    def face_normals(self) -> Doubles:
        """Unit normals (N, 3) of the triangles, zero where a triangle has no area."""
        doubled = self._doubled
        return doubled / np.maximum(np.linalg.norm(doubled, axis=1, keepdims=True), 1e-300)

    @cached_property
    def areas(self) -> Doubles:
        """Areas (N,) of the triangles."""
        return 0.5 * np.linalg.norm(self._doubled, axis=1)

    @cached_property
    def _doubled(self) -> Doubles:
        a, b, c = (self.vertices[self.triangles[:, corner]] for corner in range(3))
        return np.cross(b - a, c - a)

    @cached_property
    def normals(self) -> Doubles:
        """Unit vertex normals (V, 3), weighted by area, shared across seams."""
        return vertex_normals(self.vertices, self.weld[self.triangles])[self.weld]

    @cached_property
    def edges(self) -> Indices:
        """Welded edges (E, 2), each once, low vertex first."""
        return edges_of(self.weld[self.triangles])[0]

    @cached_property
    def borders(self) -> NDArray[np.bool_]:
        """Whether a vertex (V,) lies on an open border."""
        edges, count = edges_of(self.weld[self.triangles])
        open_ends = np.zeros(len(self.vertices), bool)
        open_ends[edges[count == 1].ravel()] = True
        return open_ends[self.weld]

    @cached_property
    def islands(self) -> Indices:
        """Island number (V,) of each vertex, from 0; what is joined by edges or seams is one island."""
        return np.unique(_joined(len(self.vertices), self.edges)[self.weld], return_inverse=True)[1]

    def moved(self, vertices: Doubles) -> Surface:
        """The same triangles over other positions (V, 3)."""
        return Surface(vertices, self.triangles, self.weld)

    def part(self, keep: NDArray[np.bool_]) -> Surface:
        """The triangles whose corners are all among `keep` (V,)."""
        return Surface(self.vertices, self.triangles[keep[self.triangles].all(axis=1)], self.weld)


def surface_of(vertices: Doubles, polygons: NDArray[np.integer]) -> Surface:
    """The surface of polygons (F, K), padded with −1."""
    triangles = triangulate(polygons)
    return Surface(vertices, triangles, _weld(vertices, triangles))


def rounded(metres: NDArray[Number]) -> NDArray[Number]:
    """Numbers as multiples of GRAIN, in their own type."""
    grain = metres.dtype.type(GRAIN)
    return np.rint(metres / grain) * grain


def triangulate(polygons: NDArray[np.integer]) -> Indices:
    """Triangles (N, 3) of polygons (F, K), padded with −1: fans from the first corner."""
    corners = np.asarray(polygons, np.int64)
    fans = [
        corners[corners[:, third] >= 0][:, [0, third - 1, third]]
        for third in range(2, corners.shape[1] if len(corners) else 0)
    ]
    triangles = np.concatenate(fans) if fans else np.zeros((0, 3), np.int64)
    a, b, c = triangles.T
    return triangles[(a != b) & (b != c) & (a != c)]


def vertex_normals(vertices: Doubles, triangles: Indices) -> Doubles:
    """Unit vertex normals (V, 3), weighted by area."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    face = np.cross(b - a, c - a)
    normals = np.empty_like(vertices)
    for axis in range(3):
        normals[:, axis] = np.bincount(
            triangles.ravel(), np.repeat(face[:, axis], 3), minlength=len(vertices)
        )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)


def edges_of(triangles: Indices) -> tuple[Indices, Indices]:
    """Edges (E, 2) of triangles (N, 3), each once and low vertex first, and how many triangles (E,) have
    it."""
    ends = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    base = int(triangles.max(initial=0)) + 1
    keys, count = np.unique(ends[:, 0] * base + ends[:, 1], return_counts=True)
    edges = np.stack([keys // base, keys % base], axis=1)
    real = edges[:, 0] != edges[:, 1]
    return edges[real], count[real]


def neighbour_table(edges: Indices, count: int) -> tuple[Indices, Doubles]:
    """Neighbours (V, K) of each of `count` vertices, padded with the vertex itself, and 1 or 0 (V, K) for
    real or padding."""
    both = np.concatenate([edges, edges[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    degree = np.bincount(both[:, 0], minlength=count)
    slot = np.arange(len(both)) - np.repeat(np.cumsum(degree) - degree, degree)
    table = np.repeat(np.arange(count)[:, None], max(1, int(degree.max(initial=0))), axis=1)
    real = np.zeros(table.shape)
    table[both[:, 0], slot], real[both[:, 0], slot] = both[:, 1], 1.0
    return table, real


def spread(surface: Surface, spacing: float, most: int = MOST_SAMPLES) -> tuple[Doubles, Indices]:
    """Points (S, 3) over the surface, about `spacing` apart, and the triangle (S,) of each.

    Every triangle has at least one point (its middle) unless there are more than `most`; where they come out
    too many, they lie further apart.
    """
    areas = surface.areas
    wanted = np.sqrt(areas) * 1.3 / spacing
    side = np.clip(np.ceil(wanted), 1, 64).astype(np.int64)
    while (side**2).sum() > most and side.max() > 1:
        wanted = wanted * 0.8
        side = np.clip(np.ceil(wanted), 1, 64).astype(np.int64)
    points, owners = [], []
    corners = surface.vertices[surface.triangles]
    for count in np.unique(side):
        members = np.flatnonzero((side == count) & (areas > 0))
        mix = _lattice(int(count))
        points.append(np.einsum("sk,nkc->nsc", mix, corners[members]).reshape(-1, 3))
        owners.append(np.repeat(members, len(mix)))
    if not points:
        return np.zeros((0, 3)), np.zeros(0, np.int64)
    every = -(-sum(map(len, owners)) // most)
    return np.concatenate(points)[::every], np.concatenate(owners)[::every]


def closest_on_triangles(points: Doubles, corners: Doubles) -> Doubles:
    """Barycentric coordinates (N, 3) of the point of each triangle (N, 3, 3) nearest to each point (N, 3)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    inside = _barycentric(points, a, b, c)
    best = np.where((inside >= 0).all(axis=1, keepdims=True), inside, np.nan)
    outside = np.flatnonzero(np.isnan(best[:, 0]))
    if not len(outside):
        return best
    shortest = np.full(len(outside), np.inf)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        from_, to = corners[outside, start], corners[outside, end]
        along = to - from_
        share = ((points[outside] - from_) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-300)
        share = np.clip(share, 0, 1)
        distance = ((from_ + share[:, None] * along - points[outside]) ** 2).sum(axis=1)
        nearer = distance < shortest
        shortest[nearer] = distance[nearer]
        rows = outside[nearer]
        best[rows] = 0
        best[rows, start], best[rows, end] = 1 - share[nearer], share[nearer]
    return best


def _barycentric(points: Doubles, a: Doubles, b: Doubles, c: Doubles) -> Doubles:
    """Barycentric coordinates (N, 3) of the points' projections onto the triangles' planes."""
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = ((x * y).sum(axis=1) for x, y in ((u, u), (u, v), (v, v)))
    wu, wv = (w * u).sum(axis=1), (w * v).sum(axis=1)
    scale = uu * vv - uv * uv
    flat = scale <= 1e-14 * uu * vv + 1e-300
    scale = np.where(flat, 1.0, scale)
    second, third = (vv * wu - uv * wv) / scale, (uu * wv - uv * wu) / scale
    second = np.where(flat, -1.0, second)  # a triangle without area has no inside
    return np.stack([1 - second - third, second, third], axis=1)


def _lattice(count: int) -> Doubles:
    """Barycentric coordinates (count², 3) of the middles of the count² triangles that a triangle is cut
    into."""
    row, column = (axis.ravel() for axis in np.meshgrid(np.arange(count), np.arange(count), indexing="ij"))
    up = row + column < count
    second = np.where(up, row + 1 / 3, count - 1 - row + 2 / 3)
    third = np.where(up, column + 1 / 3, count - 1 - column + 2 / 3)
    return np.stack([count - second - third, second, third], axis=1) / count


def _weld(vertices: Doubles, triangles: Indices) -> Indices:
    """For each vertex (V,) the first in the same place, if both lie on open borders.

    That closes the seams which files have where textures are cut, and leaves lashes apart that only touch the
    skin.
    """
    weld = np.arange(len(vertices))
    edges, count = edges_of(triangles)
    border = np.unique(edges[count == 1])
    if not len(border):
        return weld
    size = float(np.ptp(vertices, axis=0).max())
    cells = np.round((vertices[border] - vertices.min(axis=0)) / max(size * WELD, 1e-300)).astype(np.int64)
    base = int(1 / WELD) + 2
    keys = (cells[:, 0] * base + cells[:, 1]) * base + cells[:, 2]
    first, inverse = np.unique(keys, return_index=True, return_inverse=True)[1:]
    weld[border] = border[first[inverse]]
    return weld


def _joined(count: int, edges: Indices) -> Indices:
    """The lowest vertex (V,) that each vertex can reach along the edges."""
    label = np.arange(count)
    while True:
        low = label[edges].min(axis=1)
        new = label.copy()
        np.minimum.at(new, label[edges].ravel(), np.repeat(low, 2))
        np.minimum.at(new, edges.ravel(), np.repeat(low, 2))
        new = new[new]
        if np.array_equal(new, label):
            return label
        label = new
