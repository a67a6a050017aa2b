# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds spots on a head's surface: the nearest to a place, and the first that a ray hits.

Rays are cast on what is seen, and where modifiers leave the vertices as they are, the spot is the same one on
the mesh at rest. With modifiers that make new vertices (Subdivision Surface) the nearest spot at rest is
taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Vector

from .spots import Place, Spot, seen_mesh

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Doubles = NDArray[np.float64]

AROUND = 12  # nearest vertices whose triangles are looked at
SKIN_SHARE = (
    0.03  # islands with less of the largest one's area (lashes, films on the eyes) are looked through
)
LAYERS = 8  # islands that a ray goes through at most
NEAR = (
    0.005  # of the mesh's size: where modifiers make new vertices, what is further from the skin isn't skin
)


@dataclass(frozen=True, eq=False)
class RestMesh:
    """A head's own mesh at rest, in object space: vertices (V, 3), triangles (T, 3)."""

    vertices: Doubles
    triangles: NDArray[np.int32]

    @cached_property
    def size(self) -> float:
        """The longest side of its bounding box; 1 for a mesh without extent."""
        return float(np.ptp(self.vertices, axis=0).max()) or 1.0

    def stretched(self, stretch: Doubles | None) -> RestMesh:
        """The same mesh as the scale of its object shows it, by that one's `stretch` (3, 3)."""
        if stretch is None or np.array_equal(stretch, np.eye(3)):
            return self
        return RestMesh(self.vertices @ stretch.T, self.triangles)

    @cached_property
    def centre(self) -> Doubles:
        """Mean of its vertices (3,)."""
        return self.vertices.mean(axis=0)

    @cached_property
    def skin(self) -> NDArray[np.bool_]:
        """Vertices (V,) of the large islands: on them landmarks are put, not on lashes or a film of tears."""

        from ...engine.geometry.fit.mesh import surface_of

        surface = surface_of(self.vertices, self.triangles)
        areas = np.bincount(
            surface.islands[self.triangles[:, 0]], surface.areas, minlength=int(surface.islands.max()) + 1
        )
        return (areas >= SKIN_SHARE * areas.max())[surface.islands]

    @cached_property
    def _skin_triangles(self) -> NDArray[np.int32]:
        return self.triangles[self.skin[self.triangles[:, 0]]]

    def place(self, spot: Spot) -> Place:
        """Where the spot is."""
        x, y, z = np.asarray(spot.weights) @ self.vertices[list(spot.corners)]
        return float(x), float(y), float(z)

    def nearest(self, place: ArrayLike) -> Spot:
        """The spot of the skin nearest to a place (3,), among the triangles around the nearest vertices."""
        point = np.asarray(place, np.float64)
        distance = np.where(self.skin, ((self.vertices - point) ** 2).sum(axis=1), np.inf)
        count = min(AROUND, len(distance))
        near = np.zeros(len(distance), bool)
        near[np.argpartition(distance, count - 1)[:count]] = True
        around = self._skin_triangles[near[self._skin_triangles].any(axis=1)]
        return self.nearest_of(around if len(around) else self.triangles, point)

    def nearest_of(self, triangles: NDArray[np.integer], point: Doubles) -> Spot:
        """The spot of some triangles (N, 3) that is nearest to a point (3,)."""

        from ...engine.geometry.fit.mesh import closest_on_triangles

        corners = self.vertices[triangles]
        mix = closest_on_triangles(np.broadcast_to(point, (len(corners), 3)), corners)
        apart = np.linalg.norm(np.einsum("nk,nkc->nc", mix, corners) - point, axis=1)
        best = int(apart.argmin())
        return _spot(triangles[best], mix[best])


def _spot(corners: NDArray[np.integer], weights: Doubles) -> Spot:
    a, b, c = (int(corner) for corner in corners)
    u, v, w = (float(weight) for weight in weights)
    return Spot((a, b, c), (u, v, w))


def read_rest_mesh(head: bpy.types.Object) -> RestMesh:
    """The head's own mesh at rest: its reference shape key, or its vertices where it has no shape keys."""
    mesh = head.data
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    (mesh.shape_keys.reference_key.data if mesh.shape_keys else mesh.vertices).foreach_get("co", flat)
    mesh.calc_loop_triangles()
    corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    return RestMesh(flat.reshape(-1, 3).astype(np.float64), corners.reshape(-1, 3))


def cast(
    head: bpy.types.Object, depsgraph: bpy.types.Depsgraph, rest: RestMesh, origin: Vector, direction: Vector
) -> Spot | None:
    """The first spot of the skin that a ray hits, both in object space, on the head as it is seen now."""
    seen, evaluated = seen_mesh(head, depsgraph), head.evaluated_get(depsgraph)
    step = direction.normalized() * (1e-5 * rest.size)
    for _ in range(LAYERS):
        hit, place, _normal, polygon = evaluated.ray_cast(origin, direction)
        if not hit:
            return None
        spot = _spot_at(seen, rest, place, polygon)
        if spot is not None:
            return spot
        origin = place + step
    return None


def _spot_at(seen: bpy.types.Mesh | None, rest: RestMesh, place: Vector, polygon: int) -> Spot | None:
    """The spot that was hit at `place`; None where that isn't skin."""
    if seen is None or polygon < 0:
        spot = rest.nearest(place)
        apart = np.linalg.norm(np.subtract(rest.place(spot), place))
        return spot if apart < NEAR * rest.size else None
    corners = list(seen.polygons[polygon].vertices)
    if not rest.skin[corners[0]]:
        return None
    posed = np.array([seen.vertices[corner].co for corner in corners], np.float64)
    fan = np.array([(0, step, step + 1) for step in range(1, len(corners) - 1)], np.int32)
    local = RestMesh(posed, fan).nearest_of(fan, np.array(place, np.float64))
    a, b, c = (corners[corner] for corner in local.corners)
    return Spot((a, b, c), local.weights)
