# SPDX-License-Identifier: GPL-3.0-or-later
"""What ties a mesh's vertices to the template that was bent onto it.

A vertex is tied to the place of the template's surface that is nearest to it and faces the same way. Where no
such place is near (the back of the mouth, the inside of an eye's socket, a collar), it takes the mean of what
its neighbours take, so that it follows them smoothly; far from the face the share falls to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...arrays import smoothstep
from ...template import SKIN, Template
from .mesh import closest_on_triangles, spread, surface_of
from .nearest import search_of

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

REACH = 0.012  # metres; what lies further from the template isn't tied to it
SURE = 0.0035  # metres; up to this distance a tie counts in full
TURN = 0.008  # metres that normals which differ by 1 cost
FADE = 0.045  # metres from the last sure tie over which the motion fades out
MOST_RINGS = 400
LIKE = 0.2  # cosine of the normals below which a tie counts for nothing


@dataclass(frozen=True, eq=False)
class Ties:
    """N vertices of the mesh: three template vertices (N, 3) each, their weights (N, 3), and how sure the
    tie is (N,) from 0 to 1."""

    corners: Indices
    mix: Doubles
    sure: Doubles

    def carry(self, motion: NDArray[np.floating]) -> NDArray[np.floating]:
        """Displacements (…, V, 3) of the template at the tied vertices (…, N, 3)."""
        mix = self.mix.astype(motion.dtype)
        carried = motion[..., self.corners[:, 0], :] * mix[:, :1]
        for corner in (1, 2):
            carried += motion[..., self.corners[:, corner], :] * mix[:, corner : corner + 1]
        return carried


def tie(template: Template, rest: Doubles, points: Doubles, normals: Doubles) -> Ties:
    """Ties of points (N, 3) with normals (N, 3) to the skin of the bent template (V, 3), in template
    space."""
    skin = surface_of(rest, template.faces).part(template.part == SKIN)
    samples, owners = spread(skin, 0.002)
    grid = search_of(samples, skin.face_normals[owners], REACH)
    found, _ = grid.nearest(points, normals, TURN)
    some = found >= 0
    corners = np.zeros((len(points), 3), np.int64)
    corners[some] = skin.triangles[owners[found[some]]]
    mix = np.tile(np.array([1.0, 0, 0]), (len(points), 1))
    mix[some] = closest_on_triangles(points[some], rest[corners[some]])
    place = np.einsum("nk,nkc->nc", mix, rest[corners])
    facing = np.einsum("nk,nkc->nc", mix, skin.normals[corners])
    cosine = (facing * normals).sum(axis=1) / np.maximum(np.linalg.norm(facing, axis=1), 1e-12)
    distance = np.linalg.norm(place - points, axis=1)
    near = np.clip((REACH - distance) / (REACH - SURE), 0, 1)
    sure = np.where(some, near * np.clip((cosine - LIKE) / (0.7 - LIKE), 0, 1), 0.0)
    return Ties(corners, mix, sure)


def inherit(ties: Ties, edges: Indices, points: Doubles) -> tuple[Ties, Doubles]:
    """Give vertices without a sure tie that of the nearest sure vertex along the edges, and tell for all
    vertices (N,) what share of the motion they take: 1, falling to 0 over FADE metres from where the
    sure ones end."""
    corners, mix = ties.corners.copy(), ties.mix.copy()
    source = np.where(ties.sure >= 0.5, np.arange(len(points)), -1)
    both = np.concatenate([edges, edges[:, ::-1]])
    for _ in range(MOST_RINGS):
        front = (source[both[:, 0]] >= 0) & (source[both[:, 1]] < 0)
        if not front.any():
            break
        source[both[front, 1]] = source[both[front, 0]]
    reached = source >= 0
    corners[reached], mix[reached] = corners[source[reached]], mix[source[reached]]
    away = np.linalg.norm(points - points[np.maximum(source, 0)], axis=1)
    share = np.where(reached, smoothstep(np.clip(1 - away / FADE, 0, 1)), 0.0)
    return Ties(corners, mix, ties.sure), share
