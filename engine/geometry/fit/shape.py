# SPDX-License-Identifier: GPL-3.0-or-later
"""Similarity and identity: which of the template's people a head resembles, and where it lies.

Heads don't always rest as the template does: a mouth stands ajar, lids are half down, corners smile. So a few
units take part beside the identity basis: without them an open mouth would be taken for a long chin.
Gauss-Newton steps on the distances along the normals (Chen and Medioni 1992) over a sample of the face's
skin, with the identity basis' own variances as prior and Geman-McClure weights, so that hair and what the
head lacks don't count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...progress import QUIET, Stage
from ...template import SKIN, Template
from ..procrustes import Similarity
from .mesh import triangulate, vertex_normals
from .target import Target

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

POINT = 0.1  # weight of distances across the normal, which keep the fit from sliding away
NOISE = 0.002  # metres; what the basis can't express of other heads
INDEPENDENT = 150  # vertices as good as: neighbours deviate alike
LIMIT = 3.0  # of its usual size: the largest identity code
LANDMARK = 6.0  # how much a landmark counts, as a number of vertices
RESTING = {  # units that a head at rest may show, both sides alike: usual and largest weight
    ("jawOpen",): (0.15, 0.6),
    ("eyeBlinkLeft", "eyeBlinkRight"): (0.3, 1.0),
    ("mouthSmileLeft", "mouthSmileRight"): (0.15, 0.8),
}


@dataclass(frozen=True, eq=False)
class Marks:
    """Given landmarks: template vertices (L,) and their places (L, 3) in the space of the target."""

    vertices: Indices
    places: Doubles


@dataclass(frozen=True, eq=False)
class Shape:
    """A person (codes (K,) along the first K rows of the `Basis`) and where they lie; without `resting` the
    face rests as the template does."""

    template: Template
    codes: Doubles
    place: Similarity
    resting: bool = True

    @property
    def ranges(self) -> tuple[Doubles, Doubles]:
        """The least and the largest value (K,) of each code."""
        basis, count = basis_of(self.template), len(self.codes)
        high = basis.high[:count].copy()
        high[: basis.units] *= self.resting
        return basis.low[:count], high

    def shown(self) -> float:
        """The largest weight of a unit at rest."""
        return float(self.codes[: basis_of(self.template).units].max(initial=0.0))

    def person(self) -> Doubles:
        """The template shaped like this person (V, 3), in template space."""
        return person(self.template, self.codes)

    def points(self) -> Doubles:
        """The same where it lies."""
        return self.place.points(self.person())


@dataclass(frozen=True, eq=False)
class Basis:
    """How people differ: `rows` (K, V, 3) in metres, first the units of RESTING, then the identity basis;
    each code's usual size `std` (K,) and its range from `low` to `high` (K,)."""

    units: int
    rows: NDArray[np.float32]
    std: Doubles
    low: Doubles
    high: Doubles


@lru_cache(maxsize=4)
def basis_of(template: Template) -> Basis:
    """The basis of a template; units that it lacks are left out."""
    resting = {
        names: size for names, size in RESTING.items() if all(name in template.unit_names for name in names)
    }
    units = [
        template.unit_deltas[[template.unit(name) for name in names]].sum(axis=0, keepdims=True)
        for names in resting
    ]
    usual, most = np.array(list(resting.values())).reshape(-1, 2).T
    std = template.identity_std.astype(np.float64)
    return Basis(
        len(units),
        np.concatenate([*units, template.identity_basis]),
        np.r_[usual, std],
        np.r_[np.zeros(len(usual)), -LIMIT * std],
        np.r_[most, LIMIT * std],
    )


def no_codes(template: Template, people: int | None = None) -> Doubles:
    """Codes (K,) of the template itself, along the units and the first `people` rows of the identity basis
    (None: all)."""
    every = len(basis_of(template).std)
    kept = len(template.identity_basis) if people is None else min(people, len(template.identity_basis))
    return np.zeros(every - len(template.identity_basis) + kept)


def person(template: Template, codes: Doubles) -> Doubles:
    """The mean template with codes (K,): (V, 3)."""
    flat = codes.astype(np.float32) @ basis_of(template).rows[: len(codes)].reshape(len(codes), -1)
    return template.rest.astype(np.float64) + flat.reshape(-1, 3)


def fit_shape(
    start: Shape,
    target: Target,
    steps: int,
    sigma: tuple[float, float],
    count: int,
    marks: Marks | None = None,
    stage: Stage = QUIET,
) -> Shape:
    """Fit by `steps` Gauss-Newton steps; the robust width goes from sigma[0] to sigma[1] metres, `count`
    vertices take part."""
    template = start.template
    vertices = face_sample(template, count)
    triangles = triangulate(template.faces)
    shape = start
    for step in range(steps):
        stage.at(step, steps)
        width = sigma[0] * (sigma[1] / sigma[0]) ** (step / max(1, steps - 1))
        points = shape.points()
        normals = vertex_normals(points, triangles)[vertices]
        shape = _step(shape, points, normals, vertices, target, width, marks)
    return shape


def misfit(shape: Shape, target: Target, count: int, worst: float = 0.01) -> float:
    """Mean distance (metres, each at most `worst`) between the face's skin and what of the mesh is near it
    and faces the same way."""
    vertices = face_sample(shape.template, count)
    points = shape.points()
    normals = vertex_normals(points, triangulate(shape.template.faces))[vertices]
    matches = target.match(points[vertices], normals, 0.005)
    distance = np.linalg.norm(matches.places - points[vertices], axis=1)
    good = matches.found & (matches.cosine > 0.5)
    return float(np.where(good, np.minimum(distance, worst), worst).mean())


@lru_cache(maxsize=8)
def face_sample(template: Template, count: int) -> Indices:
    """About `count` vertices spread over the skin of the face (no mouth's inside), most where it is
    finest."""
    rest = template.rest.astype(np.float64)
    normals = vertex_normals(rest, triangulate(template.faces))
    skin = (template.part == SKIN) & (template.align > 0.15 * template.align.max())
    hidden = (normals[:, 1] > 0.3) & (np.abs(rest[:, 0]) < 0.06) & (rest[:, 1] < rest[:, 1].min() + 0.07)
    face = np.flatnonzero(skin & ~hidden)
    every = max(1, len(face) // count)
    return face[::every]


def _step(
    shape: Shape,
    points: Doubles,
    normals: Doubles,
    vertices: Indices,
    target: Target,
    width: float,
    marks: Marks | None,
) -> Shape:
    """One Gauss-Newton step over similarity (7) and codes (K)."""
    matches = target.match(points[vertices], normals, width)
    apart = matches.places - points[vertices]
    weight = _robust(apart, matches.normals, width) * np.clip(matches.cosine, 0, 1) ** 2
    weight[~matches.found | matches.border] = 0
    rows = _jacobian(shape, points, vertices)
    along = np.einsum("qc,qcp->qp", matches.normals, rows)
    scale = 1.0 / max(weight.sum(), 1e-9)
    normal = (along * (weight * scale)[:, None]).T @ along
    right = (along * (weight * scale)[:, None]).T @ (matches.normals * apart).sum(axis=1)
    flat = rows.reshape(-1, rows.shape[2])
    across = np.repeat(weight * scale * POINT, 3)
    normal += (flat * across[:, None]).T @ flat
    right += (flat * across[:, None]).T @ apart.ravel()
    if marks is not None:
        rows = _jacobian(shape, points, marks.vertices).reshape(-1, rows.shape[2])
        share = LANDMARK / len(vertices)
        normal += share * rows.T @ rows
        right += share * rows.T @ (marks.places - points[marks.vertices]).ravel()
    prior = (NOISE / basis_of(shape.template).std[: len(shape.codes)]) ** 2 / INDEPENDENT
    normal[7:, 7:] += np.diag(prior)
    right[7:] -= prior * shape.codes
    normal += 1e-12 * np.trace(normal) * np.eye(len(normal))
    return _moved(shape, _within_range(shape, normal, right))


def _within_range(shape: Shape, normal: Doubles, right: Doubles) -> Doubles:
    """The step (7 + K,) that solves the equations; codes that would leave their range stop at its end, and
    the others make the best of it."""
    step = np.asarray(np.linalg.solve(normal, right), np.float64)
    room = np.clip(shape.codes + step[7:], *shape.ranges) - shape.codes
    stopped = np.r_[np.zeros(7, bool), room != step[7:]]
    if stopped.any():
        step[stopped] = room[stopped[7:]]
        free = ~stopped
        rest = right[free] - normal[np.ix_(free, stopped)] @ step[stopped]
        step[free] = np.linalg.solve(normal[np.ix_(free, free)], rest)
    return step


def _robust(apart: Doubles, normals: Doubles, width: float) -> Doubles:
    """Geman-McClure weights (Q,) of the distances along the normal."""
    along = (apart * normals).sum(axis=1) ** 2 + 0.1 * (apart**2).sum(axis=1)
    return (width**2 / (width**2 + along)) ** 2


def _jacobian(shape: Shape, points: Doubles, vertices: Indices) -> Doubles:
    """How points (Q, 3) move with rotation (3), growth (1), place (3) and codes (K): (Q, 3, 7 + K)."""
    x = points[vertices]
    centre = points[face_sample(shape.template, 600)].mean(axis=0)
    rows = np.zeros((len(vertices), 3, 7 + len(shape.codes)))
    r = x - centre
    rows[:, 0, 1], rows[:, 0, 2] = r[:, 2], -r[:, 1]
    rows[:, 1, 0], rows[:, 1, 2] = -r[:, 2], r[:, 0]
    rows[:, 2, 0], rows[:, 2, 1] = r[:, 1], -r[:, 0]
    rows[:, :, 3] = r
    rows[:, :, 4:7] = np.eye(3)
    basis = basis_of(shape.template).rows[: len(shape.codes)][:, vertices].astype(np.float64)
    rows[:, :, 7:] = shape.place.vectors(basis).transpose(1, 2, 0)
    return rows


def _moved(shape: Shape, step: Doubles) -> Shape:
    """The shape after a step; the similarity of the linear step is found by alignment."""
    points = shape.points()
    anchors = points[face_sample(shape.template, 600)]
    centre = anchors.mean(axis=0)
    turn, growth, shift = step[:3], step[3], step[4:7]
    angle = float(np.linalg.norm(turn))
    rotation = _rotation(turn / angle, min(angle, 0.5)) if angle > 1e-12 else np.eye(3)
    growth = float(np.clip(1 + growth, 0.8, 1.25))
    place = Similarity(
        shape.place.scale * growth,
        rotation @ shape.place.rotation,
        growth * rotation @ (shape.place.translation - centre) + centre + shift,
    )
    return replace(shape, codes=np.clip(shape.codes + step[7:], *shape.ranges), place=place)


def _rotation(axis: Doubles, angle: float) -> Doubles:
    """Rotation matrix (3, 3) about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
