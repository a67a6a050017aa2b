# SPDX-License-Identifier: GPL-3.0-or-later
"""From any mesh to the template shaped like it: find, resemble, bend, and refuse what is no head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import HeadError
from ...progress import QUIET, Stage
from ...template import EYE, SKIN, Template
from ..procrustes import Similarity, align
from .ajar import eyes_shut
from .features import resemblance
from .mesh import Surface, rounded, surface_of, triangulate, vertex_normals
from .nearest import search_of
from .parts import SKIN_SHARE, Roles, find_roles
from .refine import bend
from .shape import Shape, face_sample, fit_shape, no_codes
from .start import NO_FACE, around, checked_places, find_start
from .target import Target

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

FEWEST_VERTICES = 150
WORST_MEDIAN, WORST_COVER = 0.0020, 0.65  # metres, and the part of the face's skin that must be near the mesh
LEAST_ALIKE = 0.87  # a sighting's likeness and the resemblance, together; see `resemblance`
SURE = 3  # with so many landmarks somebody says that there is a face
_NO_FEATURES = (
    "What was found on this mesh has no eyes, nose and mouth that could be told; choose a head, or place "
    "landmarks on eyes, nose, mouth and chin."
)
COVERED = 0.004  # metres
FARTHEST = 0.06  # metres; how far away the mesh is at most said to be

FINE = (0.010, 0.002)  # reach and spacing of the points on the mesh, metres


@dataclass(frozen=True, eq=False)
class HeadFit:
    """The template on a head: `rest` (V, 3) and the head's `surface`, both in normalised template space,
    `to_head` from there to the head's own units and axes, the `roles` of its vertices, and how far the
    surface is from each template vertex (its skin from the template's skin, so that hair or an eyeball that
    lies near hides nothing), `fit_mm` (V,): millimetres of a head of human size. `resemblance`
    (−1 to 1) tells how far eyes, nose and lips agreed before the template was bent."""

    rest: NDArray[np.float32]
    surface: Surface
    to_head: Similarity
    roles: Roles
    fit_mm: Doubles
    resemblance: float
    eyes_shut: bool = False

    def face_mm(self, template: Template) -> float:
        """The median distance over the skin of the face."""
        return float(np.median(self.fit_mm[face_sample(template, 4000)]))


def fit_head(
    template: Template,
    vertices: Doubles,
    polygons: NDArray[np.integer],
    landmarks: Mapping[str, ArrayLike] | None = None,
    stage: Stage = QUIET,
) -> HeadFit:
    """Fit the template to a mesh at rest: vertices (V', 3), polygons (F', K) padded with −1.

    `landmarks` gives places (3,) in the mesh's own space, by the template's names; three that span a triangle
    stand in for the search. `stage` is told of the progress. Raises HeadError with the reason where no face
    is found, or none that fits, and Cancelled.
    """
    stage.at(0, 1)
    surface = surface_of(vertices, polygons)
    used = len(np.unique(surface.triangles))
    if used < FEWEST_VERTICES:
        raise HeadError(
            f"This mesh has only {used} vertices with faces, too few to show a face; "
            f"choose a head with at least {FEWEST_VERTICES}."
        )
    places = checked_places(template, landmarks)
    finding, coarse, fine, bending, telling = (
        stage.span(name, begin, end)
        for name, begin, end in (
            ("Finding the face", 0.0, 0.1),
            ("Fitting the template", 0.1, 0.3),
            ("Fitting the template", 0.3, 0.55),
            ("Fitting the template", 0.55, 0.85),
            ("Telling the parts", 0.85, 1.0),
        )
    )
    start = find_start(template, surface, places, finding, coarse)
    near, marks, target = start.near, start.marks, Target(start.near, *FINE)
    codes = no_codes(template)
    codes[: len(start.shape.codes)] = start.shape.codes
    shape = replace(start.shape, codes=codes)
    shape = fit_shape(shape, target, 8, (0.006, 0.003), 1200, marks, fine)
    alike = resemblance(template, shape.points(), target)
    shut = eyes_shut(template, shape, target)
    skin, matched = _skin_of(template, near, target, shape)
    if not skin.any():
        raise HeadError(NO_FACE)
    target = Target(near.part(skin), *FINE)
    bent = _with_parts(template, shape.points(), bend(template, shape.points(), target, marks, bending))
    telling.at(0, 3)
    to_template = align(bent, template.rest, template.align)
    rest = to_template.points(bent)
    placed = near.moved(rounded(to_template.points(near.vertices)))
    whole = Surface(placed.vertices, _outward(surface, near), surface.weld)
    telling.at(1, 3)
    roles = find_roles(template, rest, whole, matched)
    telling.at(2, 3)
    fit_mm = 1e3 * _distances(template, whole, skin, rest)
    fit = HeadFit(
        rest.astype(np.float32),
        whole,
        _joined(start.to_head, to_template.inverse()),
        roles,
        fit_mm,
        alike,
        shut,
    )
    if len(places) < SURE and start.likeness + alike < LEAST_ALIKE:
        raise HeadError(_NO_FEATURES)
    _check(template, fit)
    return fit


def _outward(surface: Surface, near: Surface) -> Indices:
    """The mesh's triangles, turned over if those of `near` were."""
    if not len(near.triangles):
        return surface.triangles
    first = near.triangles[0]
    same = (surface.triangles == first).all(axis=1).any()
    return surface.triangles if same else surface.triangles[:, [0, 2, 1]]


def _skin_of(
    template: Template, near: Surface, target: Target, shape: Shape
) -> tuple[NDArray[np.bool_], Indices]:
    """Vertices (V',) of the islands on which the face's skin found its matches, and a vertex of each
    match."""
    sample = face_sample(template, 1500)
    points = shape.points()
    normals = vertex_normals(points, triangulate(template.faces))[sample]
    matches = target.match(points[sample], normals, 0.005)
    good = matches.found & (matches.cosine > 0.4)
    vertices = near.triangles[matches.triangles[good], 0]
    hits = np.bincount(near.islands[vertices], minlength=int(near.islands.max()) + 1)
    skin = hits >= SKIN_SHARE * max(1, hits.sum())
    return skin[near.islands], vertices


def _with_parts(template: Template, person: Doubles, bent: Doubles) -> Doubles:
    """Eyes and tongue moved like the skin around them."""
    placed, skin = bent.copy(), np.flatnonzero(template.part == SKIN)
    for part in np.unique(template.part[template.part != SKIN]):
        members = np.flatnonzero(template.part == part)
        sides = [members[template.rest[members, 0] >= 0], members[template.rest[members, 0] < 0]]
        for side in sides if part == EYE else [members]:
            if len(side):
                apart = np.linalg.norm(person[skin] - person[side].mean(axis=0), axis=1)
                around = skin[np.argsort(apart)[:80]]
                placed[side] = align(person[around], bent[around], np.ones(len(around))).points(person[side])
    return placed


def _distances(template: Template, surface: Surface, skin: NDArray[np.bool_], points: Doubles) -> Doubles:
    """Distance (V,) from the template's points (V, 3) to the surface, at most FARTHEST: of its skin to the
    mesh's `skin` (V',), of its eyes and tongue to anything."""
    distance, own = np.empty(len(points)), template.part == SKIN
    for rows, part in ((own, surface.part(skin)), (~own, surface)):
        distance[rows] = _apart(part, points[rows])
    return distance


def _apart(surface: Surface, points: Doubles) -> Doubles:
    """Distance (Q,) from points (Q, 3) to the surface, at most FARTHEST."""
    target = Target(surface.part(around(surface.vertices, 1.2)), *FINE)
    matches = target.match(points, np.zeros_like(points), 0.0)
    distance = np.linalg.norm(matches.places - points, axis=1)
    lost = np.flatnonzero(~matches.found)
    if len(lost):
        used = surface.vertices[np.unique(surface.triangles)]
        far = search_of(used, np.zeros_like(used), FARTHEST).nearest(
            points[lost], np.zeros((len(lost), 3)), 0.0
        )
        distance[lost] = np.minimum(far[1], FARTHEST)
    return distance


def _joined(outer: Similarity, inner: Similarity) -> Similarity:
    """x ↦ outer(inner(x))."""
    return Similarity(
        outer.scale * inner.scale, outer.rotation @ inner.rotation, outer.points(inner.translation)
    )


def _check(template: Template, fit: HeadFit) -> None:
    """Refuse what the template doesn't fit."""
    distance = 1e-3 * fit.fit_mm[face_sample(template, 4000)]
    cover, median = float((distance < COVERED).mean()), float(np.median(distance))
    if cover < WORST_COVER or median > WORST_MEDIAN:
        raise HeadError(
            f"No face fits this mesh: only {cover:.0%} of the template's face comes within "
            f"{1e3 * COVERED:.0f} mm of it (were it of human size); choose a head, or place landmarks on "
            "eyes, nose, mouth and chin."
        )
