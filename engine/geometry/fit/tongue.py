# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh's own tongue, tied to the template's where they lie close and face the same way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...template import TONGUE, Template
from .mesh import Surface, closest_on_triangles, edges_of, neighbour_table, spread, surface_of
from .nearest import search_of

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

NEAR, FAR = (
    0.0035,
    0.008,
)  # metres from the template's tongue: up to here it is the tongue, from there it isn't
TURN = 0.006  # metres that normals which differ by 1 cost
SPACING = 0.002  # metres between the points by which the nearest place is found
LIKE = 0.2  # cosine of the normals below which it is no tongue
COVERED = 0.4  # of the template's tongue that must have something of an island within CLOSE metres
CLOSE = 0.004
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Tongue:
    """Vertices (N,) of a mesh that follow the template's tongue by a `share` (N,), each at a place of its
    surface: three template vertices (N, 3) and their weights (N, 3)."""

    vertices: Indices
    share: Doubles
    corners: Indices
    mix: Doubles

    def carry(self, motion: NDArray[np.floating]) -> NDArray[np.floating]:
        """Displacements (T, V, 3) of the template as (T, N, 3), the share counted."""
        mix = (self.mix * self.share[:, None]).astype(motion.dtype)
        return np.einsum("nk,tnkc->tnc", mix, motion[:, self.corners])


def find_tongue(template: Template, rest: Doubles, surface: Surface, mouth: Indices) -> Tongue:
    """The tongue among the vertices `mouth` (M,) of a surface, where `rest` (V, 3) is the bent template."""
    own = surface_of(rest, template.faces).part(template.part == TONGUE)
    if not len(own.triangles) or not len(mouth):
        nothing = np.zeros((0, 3))
        return Tongue(np.zeros(0, np.int64), np.zeros(0), nothing.astype(np.int64), nothing)
    points, normals = surface.vertices[mouth], surface.normals[mouth]
    samples, owners = spread(own, SPACING)
    found, _ = search_of(samples, own.face_normals[owners], FAR).nearest(points, normals, TURN)
    corners = own.triangles[owners[np.maximum(found, 0)]]
    mix = closest_on_triangles(points, rest[corners])
    apart = np.linalg.norm(np.einsum("nk,nkc->nc", mix, rest[corners]) - points, axis=1)
    facing = np.einsum("nk,nkc->nc", mix, own.normals[corners])
    like = np.clip(((facing * normals).sum(axis=1) - LIKE) / (0.6 - LIKE), 0, 1)
    share = np.where(found >= 0, like * np.clip((FAR - apart) / (FAR - NEAR), 0, 1), 0.0)
    tongue = np.unique(own.triangles)[::3]
    share[~_is_tongue(surface.islands[mouth], points, share, rest[tongue])] = 0
    share = _smoothed(surface, mouth, share)
    some = share > 0
    return Tongue(mouth[some], share[some], corners[some], mix[some])


def _is_tongue(islands: Indices, points: Doubles, share: Doubles, tongue: Doubles) -> NDArray[np.bool_]:
    """Which vertices (M,) are of an island that has something near most of the template's tongue (N, 3): no
    single tooth."""
    real = np.zeros(len(points), bool)
    for island in np.unique(islands[share > 0.5]):
        near = points[(islands == island) & (share > 0.5)]
        distance = search_of(near, np.zeros_like(near), CLOSE).nearest(tongue, np.zeros_like(tongue), 0.0)[1]
        real |= (islands == island) & ((distance < CLOSE).mean() > COVERED)
    return real


def _smoothed(surface: Surface, mouth: Indices, share: Doubles) -> Doubles:
    """The share (M,) so that it fades from the tongue to what is around it."""
    inside = np.zeros(len(surface.vertices), bool)
    inside[mouth] = True
    welded = surface.weld[surface.triangles[inside[surface.triangles].all(axis=1)]]
    everywhere = np.zeros(len(surface.vertices))
    np.maximum.at(everywhere, surface.weld[mouth], share)
    used, local = np.unique(np.concatenate([welded.ravel(), surface.weld[mouth]]), return_inverse=True)
    local, field = local.ravel(), everywhere[used]
    edges = edges_of(local[: welded.size].reshape(-1, 3))[0]
    table, real = neighbour_table(edges, len(used))
    degree = real.sum(axis=1)
    for _ in range(ROUNDS):
        mean = (field[table] * real).sum(axis=1) / np.maximum(degree, 1)
        field = np.where(degree > 0, 0.5 * (field + mean), field)
    field[field < 1e-3] = 0
    return field[local[welded.size :]]
