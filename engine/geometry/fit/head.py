# SPDX-License-Identifier: GPL-3.0-or-later
"""From any mesh to the template shaped like it: find, resemble, bend, and refuse what is no head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import HeadError
from ...progress import QUIET, Stage
from ...template import EYE, SKIN, Template
from ..procrustes import Similarity, align
from .find import sightings
from .mesh import Surface, surface_of, triangulate, vertex_normals
from .nearest import search_of
from .parts import SKIN_SHARE, Roles, find_roles
from .refine import bend
from .shape import Marks, Shape, face_sample, fit_shape, misfit
from .target import Target

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

AROUND, CENTRE = (
    np.array([0.13, 0.15, 0.18]),
    np.array([0.0, 0.03, 0.12]),
)  # metres: the head's half box, its middle
FEWEST_VERTICES = 150
LIKENESS = 0.42  # no face looks less like the template's
GOOD_MISFIT = 0.0016  # metres; a first fit as good as this needs no other to compare
MOST_TRIES = 4
WORST_MEDIAN, WORST_COVER = 0.0020, 0.65  # metres, and the part of the face's skin that must be near the mesh
COVERED = 0.004  # metres
FARTHEST = 0.06  # metres; how far away the mesh is at most said to be

_NO_FACE = "No face was found on this mesh; choose a head, or place landmarks on eyes, nose, mouth and chin."

COARSE, FINE = (0.025, 0.006), (0.010, 0.002)  # reach and spacing of the points on the mesh, metres


@dataclass(frozen=True, eq=False)
class HeadFit:
    """The template on a head: `rest` (V, 3) and the head's `surface`, both in normalised template space,
    `to_head` from there to the head's own units and axes, the `roles` of its vertices, and how far the
    surface is from each template vertex, `fit_mm` (V,): millimetres of a head of human size."""

    rest: NDArray[np.float32]
    surface: Surface
    to_head: Similarity
    roles: Roles
    fit_mm: Doubles

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
    places = None if not landmarks else _checked(template, landmarks)
    starts = _starts(template, surface, places, stage.span("Finding the face", 0.0, 0.1))
    coarse, fine, bending = (
        stage.span("Fitting the template", *ends) for ends in ((0.1, 0.3), (0.3, 0.55), (0.55, 0.85))
    )
    start, near, marks, shape = _best(template, surface, starts, places, coarse)
    target = Target(near, *FINE)
    shape = Shape(
        template, np.r_[shape.codes, np.zeros(len(template.identity_basis) - len(shape.codes))], shape.place
    )
    shape = fit_shape(shape, target, 8, (0.006, 0.003), 1200, marks, fine)
    skin, matched = _skin_of(template, near, target, shape)
    if not skin.any():
        raise HeadError(_NO_FACE)
    target = Target(near.part(skin), *FINE)
    bent = _with_parts(template, shape.points(), bend(template, shape.points(), target, marks, bending))
    checking = stage.span("Telling the parts", 0.85, 1.0)
    checking.at(0, 3)
    to_template = align(bent, template.rest, template.align)
    rest = to_template.points(bent)
    placed = near.moved(to_template.points(near.vertices))
    whole = Surface(placed.vertices, _outward(surface, near), surface.weld)
    checking.at(1, 3)
    roles = find_roles(template, rest, whole, matched)
    checking.at(2, 3)
    fit_mm = 1e3 * _distances(whole, rest)
    fit = HeadFit(rest.astype(np.float32), whole, _joined(start, to_template.inverse()), roles, fit_mm)
    _check(template, fit)
    return fit


def _starts(
    template: Template, surface: Surface, places: dict[str, Doubles] | None, stage: Stage
) -> list[Similarity]:
    """Where the template may lie."""
    if places is not None and len(places) >= 3:
        vertices = [template.landmarks[name] for name in places]
        return [_from_marks(template.rest[vertices], np.array(list(places.values())))]
    found = [one for one in sightings(template, surface, MOST_TRIES, stage) if one.likeness > LIKENESS]
    if not found:
        raise HeadError(_NO_FACE)
    return [one.to_head for one in found]


def _from_marks(source: NDArray[np.floating], target: Doubles) -> Similarity:
    spread = np.linalg.svd(target - target.mean(axis=0), compute_uv=False)
    if not spread[1] > 0.05 * spread[0]:
        raise HeadError(
            "The landmarks lie on one line; place some on the eyes, the nose, the mouth and the chin."
        )
    try:
        return align(source, target, np.ones(len(source)))
    except (ValueError, np.linalg.LinAlgError) as error:
        raise HeadError("The landmarks lie in one place; move them onto the face.") from error


def _best(
    template: Template,
    surface: Surface,
    starts: list[Similarity],
    places: dict[str, Doubles] | None,
    stage: Stage,
) -> tuple[Similarity, Surface, Marks | None, Shape]:
    """The start from which a coarse fit comes out best."""
    best: tuple[float, Similarity, Surface, Marks | None, Shape] | None = None
    for index, start in enumerate(starts):
        near = _near(surface, start)
        if not len(near.triangles):
            continue
        marks = _marks(template, start, places)
        target = Target(near, *COARSE)
        shape = Shape(template, np.zeros(min(6, len(template.identity_basis))), _IDENTITY)
        shape = fit_shape(shape, target, 10, (0.012, 0.006), 400, marks, stage.part(index, len(starts)))
        error = misfit(shape, target, 400)
        if 0.5 < shape.place.scale < 2 and (best is None or error < best[0]):
            best = (error, start, near, marks, shape)
        if best is not None and best[0] < GOOD_MISFIT:
            break
    if best is None:
        raise HeadError("No face was found where the landmarks are; check that they lie on this mesh.")
    return best[1:]


_IDENTITY = Similarity(1.0, np.eye(3), np.zeros(3))


def _near(surface: Surface, start: Similarity) -> Surface:
    """The part of the mesh around the head, in template space, normals outwards."""
    moved = surface.moved(start.inverse().points(surface.vertices))
    near = moved.part(_around(moved.vertices, 1.0))
    corners = near.vertices[near.triangles].mean(axis=1)
    outward = (near.areas * (near.face_normals * (corners - CENTRE)).sum(axis=1)).sum()
    return near if outward >= 0 else Surface(near.vertices, near.triangles[:, [0, 2, 1]], near.weld)


def _around(points: Doubles, room: float) -> NDArray[np.bool_]:
    """Which points (N, 3) lie in the head's box."""
    return np.asarray((np.abs(points - CENTRE) < room * AROUND).all(axis=1))


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


def _distances(surface: Surface, points: Doubles) -> Doubles:
    """Distance (Q,) from points (Q, 3) to the surface, at most FARTHEST."""
    target = Target(surface.part(_around(surface.vertices, 1.2)), *FINE)
    matches = target.match(points, np.zeros_like(points), 0.0)
    distance = np.linalg.norm(matches.places - points, axis=1)
    lost = np.flatnonzero(~matches.found)
    if len(lost):
        grid = search_of(surface.vertices, np.zeros_like(surface.vertices), FARTHEST)
        far = grid.nearest(points[lost], np.zeros((len(lost), 3)), 0.0)[1]
        distance[lost] = np.minimum(far, FARTHEST)
    return distance


def _checked(template: Template, landmarks: Mapping[str, ArrayLike]) -> dict[str, Doubles]:
    places = {}
    for name, place in landmarks.items():
        if name not in template.landmarks:
            known = ", ".join(template.landmarks)
            raise HeadError(f"There is no landmark “{name}”; the names are {known}.")
        point = np.asarray(place, np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            raise HeadError(f"The landmark “{name}” needs three finite numbers.")
        places[name] = point
    return places


def _marks(template: Template, start: Similarity, places: dict[str, Doubles] | None) -> Marks | None:
    if not places:
        return None
    vertices = np.array([template.landmarks[name] for name in places], np.int64)
    return Marks(vertices, start.inverse().points(np.array(list(places.values()))))


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
