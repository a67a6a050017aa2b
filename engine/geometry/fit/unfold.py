# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles that a unit would turn over are unfolded, each by the least motion that does.

A triangle is turned over when its area, seen along its normal at rest, is negative. Where it is, its corners
are moved along the gradient of that area until it shows a small part of its area at rest (as constraints are
projected in position based dynamics, Müller et al. 2007). Slivers at the edges of lips and lids so move by
fractions of a millimetre, and those edges stay smooth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

Step = Callable[["_Mesh", Doubles, Indices, Doubles], Indices]

STILL = 1e-6  # metres
FLAT = 0.025  # of its area at rest: a triangle that shows less is unfolded …
SHOWN = 0.05  # … until it shows this
UNSURE = 1e-6  # metres; coordinates are rounded (GRAIN), which may turn slivers over that are no higher
STEP = 1.2  # of the mean of what its triangles ask of a vertex: above 1, since they ask it together
ROUNDS, HOLD_ROUNDS = 80, 1000
ROUNDS_TWICE = 400  # of a unit that must be upright in two places: what serves one may undo the other
HOLD_TWICE = 8  # after these one round in so many holds what is left: more would fold more than is opened
LITTLE = 0.35  # of the unit as a whole, by which it may change for that; vertices 8 mm apart need a third


@dataclass(frozen=True, eq=False)
class _Mesh:
    """Vertices (V, 3) and triangles (N, 3), their unit normals (N, 3) and doubled areas (N,), at rest."""

    rest: Doubles
    triangles: Indices
    normals: Doubles
    doubled: Doubles

    @cached_property
    def _users(self) -> tuple[Indices, Indices]:
        """The triangles of each vertex: all in a row (3 N,), and where each vertex's start (V + 1,)."""
        corners = self.triangles.ravel()
        order = np.argsort(corners, kind="stable")
        return order // 3, np.searchsorted(corners[order], np.arange(len(self.rest) + 1))

    @cached_property
    def unsure(self) -> Doubles:
        """The part (N,) of a triangle's area that it shows more, for being a sliver."""
        corners = self.rest[self.triangles]
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
        return np.minimum(UNSURE * longest / self.doubled, 0.5)

    def around(self, vertices: Indices) -> Indices:
        """Triangles that touch any of the vertices."""
        users, starts = self._users
        first, length = starts[vertices], starts[vertices + 1] - starts[vertices]
        skipped = np.repeat(np.cumsum(length) - length, length)
        return np.unique(users[np.repeat(first, length) + np.arange(len(skipped)) - skipped])

    def shown(self, points: Doubles, chosen: Indices, moved: Doubles | None = None) -> Doubles:
        """Doubled areas (M,) of chosen triangles, seen along their normals at rest; the points (N, 3) may be
        moved (N, 3) from where they lie."""
        corners = self.triangles[chosen].T
        a, b, c = (points[each] if moved is None else points[each] + moved[each] for each in corners)
        return (cross(b - a, c - a) * self.normals[chosen]).sum(axis=1)


def unfold(units: Floats, points: Doubles, triangles: Indices, partners: Mapping[int, int]) -> Floats:
    """Units (U, N, 3) of a mesh with points (N, 3), in place, so that none turns a triangle over at weight 1.

    A unit with a partner is meant to go on top of it (mouthClose on jawOpen), and is looked at there; alone
    too, because sliders are tried one by one, unless that would change too much for lips to close.
    """
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    normals = cross(b - a, c - a)
    doubled = np.linalg.norm(normals, axis=1)
    real = doubled > 0
    normals = normals[real] / doubled[real, None]
    mesh = _Mesh(points, triangles[real], normals, doubled[real])
    for unit in sorted(range(len(units)), key=partners.__contains__):
        if unit in partners:
            _unfold_twice(mesh, points + units[partners[unit]], units[unit])
        else:
            _unfold_on(mesh, points, units[unit])
    return units


def _unfold_twice(mesh: _Mesh, base: Doubles, unit: Floats) -> None:
    """Unfold a unit (N, 3), in place, on a mesh that lies at `base` (N, 3) and on the mesh at rest."""
    _unfold_on(mesh, base, unit)
    both = _unfolded(mesh, (base, mesh.rest), unit, ROUNDS_TWICE)
    if both is None or np.linalg.norm(both - unit) > LITTLE * np.linalg.norm(unit):
        return
    if (mesh.shown(mesh.rest + both, np.arange(len(mesh.triangles))) > 0).all():
        unit[:] = both
        _unfold_on(mesh, base, unit)  # there it counts, where the two can't agree


def _unfold_on(mesh: _Mesh, base: Doubles, unit: Floats) -> None:
    """Unfold a unit (N, 3), in place, where it moves a mesh that lies at `base` (N, 3)."""
    moved = _unfolded(mesh, (base,), unit, ROUNDS)
    if moved is not None:
        unit[:] = moved


def cross(a: Doubles, b: Doubles) -> Doubles:
    """Cross products (N, 3); numpy's own takes several times as long."""
    (ax, ay, az), (bx, by, bz) = a.T, b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)


def _unfolded(mesh: _Mesh, places: Sequence[Doubles], unit: Floats, rounds: int) -> Doubles | None:
    """A unit (N, 3) like the given one that turns no triangle over where it moves a mesh that lies at any of
    the places (N, 3); None if the given one doesn't. Both places are served in each round, because what is
    unfolded in one alone may have to go far before it suits the other."""
    moved, touched = unit.astype(np.float64), np.zeros(len(unit), bool)
    moves = np.zeros(len(unit), bool)
    for place in places:
        moves |= np.abs(place + unit - mesh.rest).max(axis=1) > STILL
    chosen, count = np.flatnonzero(moves[mesh.triangles].any(axis=1)), 0
    for number in range(rounds + HOLD_ROUNDS):
        step = _open if number < rounds or (len(places) > 1 and number % HOLD_TWICE) else _hold
        steps = [_unfold_once(mesh, place, moved, chosen, step) for place in places]
        if not any(len(vertices) for vertices in steps):
            break
        touched[np.concatenate(steps)] = True
        if np.count_nonzero(touched) > count:
            count = np.count_nonzero(touched)
            chosen = mesh.around(np.flatnonzero(touched))
    return moved if touched.any() else None


def _unfold_once(mesh: _Mesh, place: Doubles, moved: Doubles, chosen: Indices, step: Step) -> Indices:
    """One step, of displacements (N, 3) in place, for those of chosen triangles that are turned over where
    the mesh lies at `place` (N, 3); the vertices that took it."""
    shown = mesh.shown(place, chosen, moved)
    turned = shown < (FLAT + mesh.unsure[chosen]) * mesh.doubled[chosen]
    if not turned.any():
        return np.zeros(0, np.int64)
    used = np.unique(mesh.triangles[chosen[turned]])
    points = np.empty_like(moved)  # of dense meshes only what is used
    points[used] = place[used] + moved[used]
    vertices = step(mesh, points, chosen[turned], shown[turned])
    moved[vertices] = points[vertices] - place[vertices]
    return vertices


def _open(mesh: _Mesh, points: Doubles, rows: Indices, shown: Doubles) -> Indices:
    """Move corners of triangles that show doubled areas (M,), in place, so that they show enough; the
    vertices moved."""
    triangles, normals = mesh.triangles[rows], mesh.normals[rows]
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    second, third = cross(c - a, normals), cross(normals, b - a)
    slopes = np.stack([-second - third, second, third], axis=1)
    lacking = (SHOWN + mesh.unsure[rows]) * mesh.doubled[rows] - shown
    length = lacking / np.maximum((slopes**2).sum(axis=(1, 2)), 1e-30)
    return _add_means(points, triangles, STEP * length[:, None, None] * slopes)


def _hold(mesh: _Mesh, points: Doubles, rows: Indices, _shown: Doubles) -> Indices:
    """Move the corners of triangles, in place, by the mean of what they moved by from rest: the way out where
    unfolding one triangle folds another. The vertices moved."""
    triangles = mesh.triangles[rows]
    moved = points[triangles] - mesh.rest[triangles]
    return _add_means(points, triangles, moved.mean(axis=1, keepdims=True) - moved)


def _add_means(points: Doubles, triangles: Indices, steps: Doubles) -> Indices:
    """Move each vertex, in place, by the mean of the steps (M, 3, 3) of its triangles (M, 3); those moved."""
    vertices, inverse = np.unique(triangles, return_inverse=True)
    inverse = inverse.ravel()
    total = np.stack([np.bincount(inverse, steps[..., axis].ravel()) for axis in range(3)], axis=1)
    points[vertices] += total / np.bincount(inverse)[:, None]
    return vertices
