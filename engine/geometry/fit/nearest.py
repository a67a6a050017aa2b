# SPDX-License-Identifier: GPL-3.0-or-later
"""Nearest neighbours in numpy: points with normals in grids of cubes.

A query looks at the 27 cubes around it, so nothing further than a cube's edge is sure to be found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

CHUNK = 2_000_000  # pairs that are compared at once: bounds the memory to some 100 MB


@dataclass(frozen=True, eq=False)
class Grid:
    """Points (N, 3) with unit normals (N, 3), sorted by cube; made by `search_of`."""

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    order: Indices
    keys: Indices
    origin: Doubles
    cell: float
    shape: tuple[int, int, int]

    def nearest(self, points: Doubles, normals: Doubles, turn: float) -> tuple[Indices, Doubles]:
        """For each query (Q, 3) the point that minimises |p − q|² + turn² |n_p − n_q|², −1 where none is
        near, and the root of that sum (Q,), infinite where there is none."""
        found, cost = np.full(len(points), -1, np.int64), np.full(len(points), np.inf)
        starts, lengths = self._ranges(points)
        total = np.cumsum(lengths.sum(axis=1))
        for rows in np.split(
            np.arange(len(points)),
            np.searchsorted(total, np.arange(CHUNK, total[-1], CHUNK)) if len(total) else [],
        ):
            if len(rows):
                found[rows], cost[rows] = self._search(
                    points[rows], normals[rows], turn, starts[rows], lengths[rows]
                )
        return found, cost

    def _ranges(self, points: Doubles) -> tuple[Indices, Indices]:
        """Where in the sorted order the 9 columns of 3 cubes around each query start (Q, 9), and how long
        they are."""
        cells = np.floor((points - self.origin) / self.cell).astype(np.int64)
        near = np.asarray(((cells >= -1) & (cells <= self.shape)).all(axis=1))
        x, y = (axis.ravel() for axis in np.meshgrid((-1, 0, 1), (-1, 0, 1), indexing="ij"))
        column = (cells[:, :1] + x) * self.shape[1] + cells[:, 1:2] + y
        valid = near[:, None] & (cells[:, :1] + x >= 0) & (cells[:, :1] + x < self.shape[0])
        valid &= (cells[:, 1:2] + y >= 0) & (cells[:, 1:2] + y < self.shape[1])
        low = column * self.shape[2] + np.clip(cells[:, 2:] - 1, 0, self.shape[2])
        high = column * self.shape[2] + np.clip(cells[:, 2:] + 2, 0, self.shape[2])
        start, end = np.searchsorted(self.keys, low), np.searchsorted(self.keys, high)
        return start, np.where(valid, np.maximum(end - start, 0), 0)

    def _search(
        self, points: Doubles, normals: Doubles, turn: float, starts: Indices, lengths: Indices
    ) -> tuple[Indices, Doubles]:
        count = lengths.sum(axis=1)
        query = np.repeat(np.arange(len(points)), count)
        flat = lengths.ravel()
        first = np.repeat(starts.ravel() - (np.cumsum(flat) - flat), flat)
        candidate = first + np.arange(len(first))
        found, cost = np.full(len(points), -1, np.int64), np.full(len(points), np.inf)
        if not len(candidate):
            return found, cost
        apart = self.points[candidate] - (points - self.origin).astype(np.float32)[query]
        turned = np.einsum("ij,ij->i", self.normals[candidate], normals.astype(np.float32)[query])
        sums = np.einsum("ij,ij->i", apart, apart) + np.float32(2 * turn * turn) * (1 - turned)
        some = np.flatnonzero(count)
        offsets = (np.cumsum(count) - count)[some]
        least = np.minimum.reduceat(sums, offsets)
        hit = np.flatnonzero(sums == np.repeat(least, count[some]))
        rows, first_hit = np.unique(query[hit], return_index=True)
        found[rows] = self.order[candidate[hit[first_hit]]]
        cost[some] = np.sqrt(np.maximum(least, 0))
        return found, cost


@dataclass(frozen=True, eq=False)
class Search:
    """The same points in cubes of `reach` and of a third of it: what the small ones surely settle, they
    do."""

    small: Grid
    large: Grid

    def nearest(self, points: Doubles, normals: Doubles, turn: float) -> tuple[Indices, Doubles]:
        """As `Grid.nearest`, for distances up to the reach."""
        found, cost = self.small.nearest(points, normals, turn)
        # whatever lies outside the 27 small cubes is further away than an edge, its normal not even counted
        open_ = np.flatnonzero(~(cost <= self.small.cell))
        found[open_], cost[open_] = self.large.nearest(points[open_], normals[open_], turn)
        return found, cost


def search_of(points: Doubles, normals: Doubles, reach: float) -> Search:
    """A search over points (N, 3) with normals (N, 3) that finds what is up to `reach` away."""
    return Search(_grid_of(points, normals, reach / 3), _grid_of(points, normals, reach))


def _grid_of(points: Doubles, normals: Doubles, cell: float) -> Grid:
    """A grid of cubes with edges of `cell` over points (N, 3) with normals (N, 3)."""
    origin = points.min(axis=0) if len(points) else np.zeros(3)
    cells = np.floor((points - origin) / cell).astype(np.int64)
    shape = tuple(int(size) for size in (cells.max(axis=0) + 1 if len(points) else np.ones(3)))
    keys = (cells[:, 0] * shape[1] + cells[:, 1]) * shape[2] + cells[:, 2]
    order = np.argsort(keys, kind="stable")
    local = (points - origin).astype(np.float32)
    return Grid(
        local[order],
        normals.astype(np.float32)[order],
        order,
        keys[order],
        origin,
        cell,
        (shape[0], shape[1], shape[2]),
    )
