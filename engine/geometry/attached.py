# SPDX-License-Identifier: GPL-3.0-or-later
"""The template's attached parts (teeth, gums, irises) on another head: where they sit and how they move.

No model knows of them, so they are placed and moved by what the face around them does. A bone's parts are
placed by one affine map, fitted by regularised weighted least squares over the vertices nearest to them: skin
of the mouth for both jaws, so that the teeth still meet, the eyeball for an iris. At weight 1 of a unit they
follow the rigid motion that the bone makes on the template, changed by the unit's own affine map (units.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..template import EYE, EYE_LEFT, EYE_RIGHT, JAW, MOUTH, SKIN, SKULL, Template
from .units import affine_maps, carry_units, fit_affine

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

EDGE_FROM_LIP = np.array([0.0, 4.67e-3, -1.49e-3])
"""The upper incisors' edge on the midline from the landmark lip_upper_inner, metres: behind the lips and a
little below the line where they meet, as at rest in most people."""
GROUPS = ((SKULL, JAW), (EYE_LEFT,), (EYE_RIGHT,))  # bones that are placed by the same map
REACH = 0.008  # metres; width of the Gaussian around a group's parts that weighs the vertices of its map
LEAST_TRUST = 0.01  # vertices that show a bone's motion less than this are left out
SINGULAR = 1e-4  # of the largest singular value: what is smaller can't be told apart
STILL = 3e-4  # metres; vertices that the bone's units move less tell nothing of the bone


@dataclass(frozen=True, eq=False)
class Placement:
    """x ↦ linear (x − source) + target, from the template to another rest pose."""

    linear: Doubles  # (3, 3)
    source: Doubles  # (3,)
    target: Doubles  # (3,)

    def points(self, points: ArrayLike) -> Doubles:
        """Map points (…, 3)."""
        return (np.asarray(points, np.float64) - self.source) @ self.linear.T + self.target

    def undo(self, points: ArrayLike) -> Doubles:
        """The inverse of `points`."""
        moved = np.asarray(points, np.float64) - self.target
        return moved @ np.linalg.inv(self.linear).T + self.source


@dataclass(frozen=True, eq=False)
class Attached:
    """The attached parts on a head of rest shape `rest` (V, 3) in normalised template space.

    `points` (N, 3) is where they are at rest: as `place_attached` puts them, or as an animator moved them.
    """

    template: Template
    rest: Floats
    points: Doubles

    @cached_property
    def unit_deltas(self) -> Floats:
        """Displacements (U, N, 3) of the parts at weight 1 of each unit."""
        template = self.template
        deltas = np.zeros((len(template.unit_names), len(self.points), 3))
        maps = affine_maps(template, self.rest.astype(np.float64))
        for bones, place in zip(GROUPS, _placements(template, self.rest), strict=True):
            for bone in bones:
                members = template.attached_bone == bone
                field = template.bone_motion[bone].astype(np.float64)
                there = place.undo(self.points[members])
                moved = np.einsum("uij,nj->uni", field[:, :, :3], there) + field[:, None, :, 3]
                deltas[:, members] = np.matmul(moved, maps.swapaxes(1, 2))
        return deltas.astype(np.float32)

    def follow(self, displacement: ArrayLike) -> Floats:
        """Displacements (T, N, 3) of the parts while the face is displaced by (T, V, 3).

        All units are fitted (least squares) to the vertices that show a bone's motion best; its own count.
        """
        moved = np.asarray(displacement, np.float64)
        parts = np.zeros((len(moved), len(self.points), 3))
        for bone, (units, vertices, solver) in self._solvers.items():
            members = self.template.attached_bone == bone
            weights = moved[:, vertices].reshape(len(moved), -1) @ solver
            parts[:, members] = np.einsum("tu,unc->tnc", weights, self.unit_deltas[units][:, members])
        return parts.astype(np.float32)

    @cached_property
    def _solvers(self) -> dict[int, tuple[NDArray[np.intp], NDArray[np.intp], Doubles]]:
        """By bone: its units (u,), the vertices (v,) that show its motion, and what gives the units' weights
        (3 v, u) from their displacement.
        """
        carried = carry_units(self.template, self.rest)
        found = {}
        for bone, motion in enumerate(self.template.bone_motion):
            units = np.flatnonzero(np.abs(motion).max(axis=(1, 2)) > 0)
            if not len(units):
                continue
            trust = _trust(self.template, units)
            vertices = np.flatnonzero(trust > LEAST_TRUST)
            root = np.sqrt(np.repeat(trust[vertices], 3))
            columns = carried[:, vertices].reshape(len(carried), -1).astype(np.float64) * root
            solver = np.linalg.pinv(columns, rcond=SINGULAR)[:, units]
            found[bone] = (units, vertices, solver * root[:, None])
        return found


def attach_to(template: Template, rest: ArrayLike, points: ArrayLike | None = None) -> Attached:
    """The attached parts on a rest shape (V, 3), at `points` (N, 3) if they are already somewhere."""
    shape = np.asarray(rest, np.float32)
    placed = place_attached(template, shape) if points is None else np.asarray(points, np.float64)
    return Attached(template, shape, placed)


def place_attached(template: Template, rest: ArrayLike) -> Doubles:
    """Where the attached parts (N, 3) sit on a rest shape (V, 3), both in normalised template space."""
    points = template.attached_rest.astype(np.float64)
    if not len(points):
        return points
    for bones, place in zip(GROUPS, _placements(template, rest), strict=True):
        members = np.isin(template.attached_bone, bones)
        points[members] = place.points(points[members])
    return points


def whole_head(template: Template) -> tuple[Floats, NDArray[np.int32], NDArray[np.uint8]]:
    """The template with its attached parts as one mesh: vertices (V + N, 3), polygons (F + M, 4) padded with
    −1 and the part (V + N,) of each vertex, the mouth's walls being a part of their own.
    """
    attached = np.where(template.attached_faces < 0, -1, template.attached_faces + len(template))
    part = template.part.copy()
    if len(template.inside):
        part[template.inside & (part == SKIN)] = MOUTH
    return (
        np.concatenate([template.rest, template.attached_rest]),
        np.concatenate([template.faces, attached]).astype(np.int32),
        np.concatenate([part, template.attached_part]),
    )


def teeth_edge(template: Template, rest: ArrayLike) -> Doubles:
    """The upper incisors' edge (3,) on the midline of a rest shape (V, 3); the skull carries it."""
    shape = np.asarray(rest, np.float64)
    lip = template.landmarks["lip_upper_inner"]
    if not len(template.attached_rest):
        return shape[lip] + EDGE_FROM_LIP
    return _placements(template, shape)[0].points(template.rest[lip] + EDGE_FROM_LIP)


def _placements(template: Template, rest: ArrayLike) -> list[Placement]:
    """The map of each of GROUPS."""
    found = fit_affine(
        _anchors(template), np.asarray(template.rest, np.float64), np.asarray(rest, np.float64)
    )
    return [Placement(*each) for each in zip(*found, strict=True)]


@lru_cache(maxsize=8)
def _anchors(template: Template) -> Doubles:
    """Weights (G, V) of the vertices that place each of GROUPS."""
    rest = template.rest.astype(np.float64)
    weights = np.zeros((len(GROUPS), len(rest)))
    for row, bones in enumerate(GROUPS):
        part = SKIN if SKULL in bones else EYE
        vertices = np.flatnonzero(template.part == part)
        parts = template.attached_rest[np.isin(template.attached_bone, bones)].astype(np.float64)
        squares = (rest[vertices] ** 2).sum(axis=1)[:, None] - 2 * rest[vertices] @ parts.T
        nearest = np.maximum((squares + (parts**2).sum(axis=1)).min(axis=1), 0)
        weights[row, vertices] = np.exp(-0.5 * nearest / REACH**2)
    return weights


def _trust(template: Template, units: NDArray[np.intp]) -> Doubles:
    """How well each vertex (V,) shows these units: 1 where no other unit moves it."""
    travel = np.linalg.norm(template.unit_deltas, axis=2).astype(np.float64)
    own = travel[units].max(axis=0) ** 2
    other = np.delete(travel, units, axis=0).max(axis=0) ** 2
    return own / (own + 10 * other + STILL**2)
