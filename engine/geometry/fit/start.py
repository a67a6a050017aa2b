# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the template lies on a mesh before anything is bent: by the search, by landmarks, or by both.

Landmarks that a person placed spread over the face stand in for the search. Fewer, or narrow ones (both
corners of the mouth), only say which of the found faces is meant, and draw the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import HeadError
from ...progress import Stage
from ...template import Template
from ..procrustes import Similarity, align
from .features import resemblance
from .find import Sighting, sightings
from .marks import landmark_vertices
from .mesh import Surface, triangulate, vertex_normals
from .shape import Marks, Shape, face_sample, fit_shape, misfit, no_codes
from .target import Target

Doubles = NDArray[np.float64]

AROUND, CENTRE = (
    np.array([0.13, 0.15, 0.18]),
    np.array([0.0, 0.03, 0.12]),
)  # metres: the head's half box, its middle
LIKENESS = 0.42  # no face looks less like the template's
GOOD_MISFIT, GOOD_FEATURES = 0.0016, 0.5  # metres, and a resemblance: so good a fit needs no other to compare
MOST_TRIES = 4
COARSE = (0.025, 0.006)  # reach and spacing of the points on the mesh, metres
SHOWN, GAIN = 0.1, 0.65
"""A face rests otherwise than the template does (mouth ajar) if a unit has at least this weight, and brings
the misfit down to this part: on coarse meshes, too, lips look open."""
FLAT = 0.05  # landmarks whose second extent is less than this part of their first lie on one line
WIDE = 0.06  # metres; the second extent of landmarks that tell where the face is without a search
FAR = 0.05  # metres; landmarks this far from where a found face has them mean another place

NO_FACE = "No face was found on this mesh; choose a head, or place landmarks on eyes, nose, mouth and chin."


@dataclass(frozen=True, eq=False)
class Start:
    """The template roughly on the mesh: `to_head` leads from template space to the mesh, `near` is the
    part of the mesh around the head, in template space, as are `marks` and `shape`; `misfit` in metres, and
    how far eyes, nose and lips agree (`resemblance`), and how like a face the likeliest
    part of the mesh looked from afar."""

    to_head: Similarity
    near: Surface
    marks: Marks | None
    shape: Shape
    misfit: float
    resemblance: float
    likeness: float

    @property
    def cost(self) -> float:
        """What the best of several starts has least of."""
        return self.misfit * (1.2 - self.resemblance)


def checked_places(template: Template, landmarks: Mapping[str, ArrayLike] | None) -> dict[str, Doubles]:
    """Places (3,) of landmarks by name; HeadError for unknown names and what are no places."""
    known, places = landmark_vertices(template), {}
    for name, place in (landmarks or {}).items():
        if name not in known:
            raise HeadError(f"There is no landmark “{name}”; the names are {', '.join(known)}.")
        point = np.asarray(place, np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            raise HeadError(f"The landmark “{name}” needs three finite numbers.")
        places[name] = point
    return places


def find_start(
    template: Template, surface: Surface, places: dict[str, Doubles], finding: Stage, fitting: Stage
) -> Start:
    """The start from which a coarse fit comes out best; HeadError where there is none, Cancelled."""
    candidates = _candidates(template, surface, places, finding)
    best: Start | None = None
    for index, candidate in enumerate(candidates):
        part, likeness = fitting.part(index, len(candidates)), candidates[0].likeness
        start = _coarse_fit(template, surface, candidate.to_head, likeness, places, part)
        if start is not None and (best is None or start.cost < best.cost):
            best = start
        if best is not None and best.misfit < GOOD_MISFIT and best.resemblance > GOOD_FEATURES:
            break
    if best is None:
        raise HeadError(
            "No face was found where the landmarks are; check that they lie on this mesh."
            if places
            else NO_FACE
        )
    return best


def around(points: Doubles, room: float) -> NDArray[np.bool_]:
    """Which points (N, 3) in template space lie in the head's box, `room` times as large."""
    return np.asarray((np.abs(points - CENTRE) < room * AROUND).all(axis=1))


def _candidates(
    template: Template, surface: Surface, places: dict[str, Doubles], stage: Stage
) -> list[Sighting]:
    """Where the face may be, the likeliest first."""
    own = template.rest[[landmark_vertices(template)[name] for name in places]].astype(np.float64)
    given = np.array(list(places.values())).reshape(-1, 3)
    if _second_extent(own) > WIDE and _second_extent(given) > FLAT * _first_extent(given):
        return [Sighting(1.0, _from_marks(own, given))]
    found = [one for one in sightings(template, surface, MOST_TRIES, stage) if one.likeness > LIKENESS]
    meant = [one for one in found if _apart(one.to_head, own, given) < FAR]
    if meant:
        return meant
    if len(places) >= 3:
        return [Sighting(1.0, _from_marks(own, given))]
    if found:
        raise HeadError(
            "The landmarks don't lie where this mesh has a face; move them there, or place more of them on "
            "eyes, nose, mouth and chin."
        )
    raise HeadError(NO_FACE)


def _apart(to_head: Similarity, own: Doubles, given: Doubles) -> float:
    """How far landmarks are at most from where a found face has them, in metres of the template."""
    if not len(given):
        return 0.0
    return float(np.linalg.norm(to_head.inverse().points(given) - own, axis=1).max())


def _first_extent(points: Doubles) -> float:
    return float(_extents(points)[0])


def _second_extent(points: Doubles) -> float:
    return float(_extents(points)[1])


def _extents(points: Doubles) -> Doubles:
    """Spreads (2,) of points (N, 3) along their two main axes, 0 where there are too few."""
    if len(points) < 2:
        return np.zeros(2)
    return np.asarray(np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[:2], np.float64)


def _from_marks(own: Doubles, given: Doubles) -> Similarity:
    if not _second_extent(given) > FLAT * _first_extent(given):
        raise HeadError(
            "The landmarks lie on one line; place some on the eyes, the nose, the mouth and the chin."
        )
    try:
        return align(own, given, np.ones(len(own)))
    except (ValueError, np.linalg.LinAlgError) as error:
        raise HeadError("The landmarks lie in one place; move them onto the face.") from error


def _coarse_fit(
    template: Template,
    surface: Surface,
    to_head: Similarity,
    likeness: float,
    places: dict[str, Doubles],
    stage: Stage,
) -> Start | None:
    """A fit of the few broadest differences between people; None where nothing of the mesh is near or the
    size runs away."""
    near = _near(template, surface, to_head)
    if not len(near.triangles):
        return None
    marks = _marks(template, to_head, places)
    target = Target(near, *COARSE)
    first = Shape(template, no_codes(template, 6), Similarity(1.0, np.eye(3), np.zeros(3)))
    shape = fit_shape(first, target, 10, (0.012, 0.006), 400, marks, stage)
    error = misfit(shape, target, 400)
    if shape.shown() > SHOWN:
        plain = fit_shape(replace(first, resting=False), target, 10, (0.012, 0.006), 400, marks, stage)
        if error > GAIN * (other := misfit(plain, target, 400)):
            shape, error = plain, other
    if marks is not None:
        error += 0.3 * float(np.linalg.norm(shape.points()[marks.vertices] - marks.places, axis=1).mean())
    if not 0.5 < shape.place.scale < 2:
        return None
    alike = resemblance(template, shape.points(), target)
    return Start(to_head, near, marks, shape, error, alike, likeness)


def _near(template: Template, surface: Surface, to_head: Similarity) -> Surface:
    """The part of the mesh around the head, in template space, turned so that the face's normals look out of
    the head: files often have them inside out, and hair may differ from skin."""
    moved = surface.moved(to_head.inverse().points(surface.vertices))
    near = moved.part(around(moved.vertices, 1.0))
    if not len(near.triangles):
        return near
    rest, sample = template.rest.astype(np.float64), face_sample(template, 400)
    normals = vertex_normals(rest, triangulate(template.faces))[sample]
    matches = Target(near, *COARSE).match(rest[sample], normals, 0.0)
    agreement = np.sign(matches.cosine[matches.found]).sum()
    return near if agreement >= 0 else Surface(near.vertices, near.triangles[:, [0, 2, 1]], near.weld)


def _marks(template: Template, to_head: Similarity, places: dict[str, Doubles]) -> Marks | None:
    if not places:
        return None
    vertices = np.array([landmark_vertices(template)[name] for name in places], np.int64)
    return Marks(vertices, to_head.inverse().points(np.array(list(places.values()))))
