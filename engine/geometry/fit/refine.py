# SPDX-License-Identifier: GPL-3.0-or-later
"""The last step of the fit: the template's own surface is bent onto the mesh.

Minimises over displacements d of the vertices Σ wᵢ (dᵢ − tᵢ)ᵀ (n nᵀ + p I) (dᵢ − tᵢ) + α dᵀLd + β dᵀL²d,
where tᵢ leads to the nearest place with a like normal and L is the template's graph Laplacian: thin plates
that get softer from round to round (after Amberg et al. 2007, with a bending term for their affine one).
Solved by conjugate gradients, so nothing but numpy is needed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...progress import QUIET, Stage
from ...template import SKIN, Template
from .mesh import edges_of, neighbour_table, triangulate, vertex_normals
from .shape import Marks
from .target import Matches, Target

Doubles = NDArray[np.float64]

POINT = 0.15  # part of a distance across the normal
ROUNDS = (
    (0.02, 40.0, 0.008),
    (0.02, 10.0, 0.006),
    (0.01, 3.0, 0.005),
    (0.01, 1.0, 0.004),
    (0.01, 0.3, 0.003),
)
"""α, β, and the distance (metres) at which a match counts half, of each round."""
TURN = 0.006  # metres that normals which differ by 1 cost
LIKE = 0.35  # cosine of normals below which a match doesn't count
PINNED = 4.0  # weight of a given landmark
STEPS, ENOUGH = 40, 3e-3  # conjugate gradients: most steps, and the part of the residual to reach


def bend(
    template: Template, points: Doubles, target: Target, marks: Marks | None = None, stage: Stage = QUIET
) -> Doubles:
    """The template's vertices (V, 3), laid onto the target; parts without a match follow their
    surroundings."""
    triangles = triangulate(template.faces)
    moved = np.zeros_like(points)
    for index, (stretch, bending, width) in enumerate(ROUNDS):
        stage.at(index, len(ROUNDS))
        now = points + moved
        matches = target.match(now, vertex_normals(now, triangles), TURN)
        weight = _weights(template, now, matches, width)
        blocks, pull = _attraction(points, matches, weight, marks)
        moved = _solve(template, blocks, pull, moved, stretch, bending)
    return points + moved


def _weights(template: Template, points: Doubles, matches: Matches, width: float) -> Doubles:
    """How much each match counts (V,)."""
    distance = ((matches.places - points) ** 2).sum(axis=1)
    like = np.clip((matches.cosine - LIKE) / (1 - LIKE), 0, 1)
    weight = like * (width**2 / (width**2 + distance)) ** 2
    return np.where(matches.found & ~matches.border & (template.part == SKIN), weight, 0.0)


def _attraction(
    points: Doubles, matches: Matches, weight: Doubles, marks: Marks | None
) -> tuple[Doubles, Doubles]:
    """The quadratic form (V, 3, 3) that draws each vertex, and its linear part (V, 3)."""
    normals = matches.normals
    blocks = weight[:, None, None] * (normals[:, :, None] * normals[:, None] + POINT * np.eye(3))
    wanted = matches.places - points
    if marks is not None:
        blocks[marks.vertices] = PINNED * np.eye(3)
        wanted[marks.vertices] = marks.places - points[marks.vertices]
    return blocks, np.einsum("vij,vj->vi", blocks, wanted)


def _solve(
    template: Template, blocks: Doubles, pull: Doubles, start: Doubles, stretch: float, bending: float
) -> Doubles:
    """Conjugate gradients, preconditioned by the diagonal."""
    table, real = _neighbours(template)
    degree = real.sum(axis=1)

    def laplacian(field: Doubles) -> Doubles:
        # padding names the vertex itself, so it adds field − field = 0
        return table.shape[1] * field - field[table].sum(axis=1)

    def apply(field: Doubles) -> Doubles:
        first = laplacian(field)
        return np.einsum("vij,vj->vi", blocks, field) + stretch * first + bending * laplacian(first)

    diagonal = (
        np.einsum("vii->vi", blocks) + (stretch * degree + bending * (degree**2 + degree))[:, None] + 1e-9
    )
    x = start.copy()
    residual = pull - apply(x)
    step = residual / diagonal
    direction, energy = step, float((residual * step).sum())
    goal = ENOUGH**2 * max(energy, 1e-30)
    for _ in range(STEPS):
        if energy <= goal:
            break
        ahead = apply(direction)
        length = energy / max(float((direction * ahead).sum()), 1e-300)
        x += length * direction
        residual = residual - length * ahead
        step = residual / diagonal
        energy, before = float((residual * step).sum()), energy
        direction = step + (energy / before) * direction
    return x


@lru_cache(maxsize=4)
def _neighbours(template: Template) -> tuple[NDArray[np.int64], Doubles]:
    return neighbour_table(edges_of(triangulate(template.faces))[0], len(template))
