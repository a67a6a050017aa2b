# SPDX-License-Identifier: GPL-3.0-or-later
"""The plane at which a head's left and right mirror each other: pure geometry, no bpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Doubles = NDArray[np.float64]


SYMMETRIC = 0.004  # of the mesh's size: how far the mirrored mesh may lie from itself, in the median
EXACT = 0.0002  # as good as the mesh can tell: no other plane is tried
PROBES, MOST = 200, 30_000  # vertices that are mirrored, and those among which the nearest is looked for
SETTLE = 4  # times that a plane is moved to where the mesh mirrors best


@dataclass(frozen=True, eq=False)
class Plane:
    """All points x with normal · x = offset; the normal (3,) has length 1."""

    normal: Doubles
    offset: float

    def mirrored(self, points: ArrayLike) -> Doubles:
        """Points (…, 3) on the other side."""
        return self._moved(points, 2.0)

    def dropped(self, points: ArrayLike) -> Doubles:
        """The places of the plane nearest to points (…, 3)."""
        return self._moved(points, 1.0)

    def _moved(self, points: ArrayLike, part: float) -> Doubles:
        places = np.asarray(points, np.float64)
        return places - part * (places @ self.normal - self.offset)[..., None] * self.normal


def plane_of_pairs(lefts: ArrayLike, rights: ArrayLike, middles: ArrayLike = ()) -> Plane | None:
    """The plane that mirrors points `lefts` (N, 3) to `rights` (N, 3) and holds `middles` (M, 3) in the mean;
    None without a pair."""
    left = np.asarray(lefts, np.float64).reshape(-1, 3)
    right = np.asarray(rights, np.float64).reshape(-1, 3)
    across = (left - right).sum(axis=0)
    length = float(np.linalg.norm(across))
    if not length > 0:
        return None
    normal = across / length
    on_plane = np.concatenate([0.5 * (left + right), np.asarray(middles, np.float64).reshape(-1, 3)])
    return Plane(normal, float((on_plane @ normal).mean()))


def mesh_plane(vertices: ArrayLike, hints: Sequence[Plane] = ()) -> Plane | None:
    """The plane at which the mesh of vertices (V, 3) mirrors itself; None where there is none.

    `hints` are tried first, then the planes across each axis, through the origin and through the middle.
    """
    points = np.asarray(vertices, np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    size = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
    if not size > 0:
        return None
    best: tuple[float, Plane] | None = None
    for candidate in (*hints, *_across_axes(points)):
        plane, error = _settled(points, candidate)
        if error < SYMMETRIC * size and (best is None or error < 0.5 * best[0]):
            best = (error, plane)
        if best is not None and best[0] < EXACT * size:
            break
    return None if best is None else best[1]


def _across_axes(points: Doubles) -> Iterator[Plane]:
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    for axis in range(3):
        normal = np.eye(3)[axis]
        yield Plane(normal, 0.0)
        if abs(middle[axis]) > 1e-6:
            yield Plane(normal, float(middle[axis]))


def _settled(points: Doubles, plane: Plane) -> tuple[Plane, float]:
    """The plane, moved and turned a little to where the points mirror best, and the median distance there."""
    pool = points[:: max(1, -(-len(points) // MOST))]
    probes = points[:: max(1, -(-len(points) // PROBES))]
    best, error = plane, np.inf
    for _ in range(SETTLE):
        nearest, distance = _nearest(pool, plane.mirrored(probes))
        now = float(np.median(distance))
        if not now < error:
            break
        best, error = plane, now
        if error < EXACT * np.ptp(points, axis=0).max():
            break
        plane = _between(probes, nearest, distance <= now, plane)
    return best, error


def _between(points: Doubles, partners: Doubles, good: NDArray[np.bool_], plane: Plane) -> Plane:
    """The plane that mirrors most points (N, 3) to their partners (N, 3)."""
    apart = (points - partners)[good]
    sides = np.sign(apart @ plane.normal)
    across = (apart * sides[:, None]).sum(axis=0)
    length = float(np.linalg.norm(across))
    if not length > 0:
        return plane
    normal = across / length
    return Plane(normal, float(np.median(0.5 * (points + partners)[good] @ normal)))


def _nearest(pool: Doubles, queries: Doubles) -> tuple[Doubles, Doubles]:
    """The nearest of the pool (N, 3) to each query (Q, 3), and its distance (Q,)."""
    centre = pool.mean(axis=0)
    near, far = (queries - centre).astype(np.float32), (pool - centre).astype(np.float32)
    index = ((far**2).sum(axis=1) - 2 * near @ far.T).argmin(axis=1)
    return pool[index], np.linalg.norm(pool[index] - queries, axis=1)
