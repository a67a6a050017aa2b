# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a head's rest pose: all of its objects as one mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .errors import SceneError
from .parts import head_objects
from .places import matrix_to
from .stretch import stretch_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Place = tuple[float, float, float]

SEAM = 0.02
"""Half a mesh reaches over its middle by less than this part of its width."""


@dataclass(frozen=True, eq=False)
class PartSlice:
    """The vertices start…stop of a RestPose that belong to one object; motion (…, 3) in the pose's space
    times `turn` (3, 3) is motion in the object's own."""

    name: str
    object_uid: int
    start: int
    stop: int
    turn: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RestPose:
    """A head at rest, in the face's object space, stretched as it is seen where its scale is uneven
    (stretch.py): `vertices` (V', 3) float32, `polygons` (F, K) int32, padded with -1. All of the head's
    objects stand one after the other, the face first, as `slices` tell."""

    vertices: NDArray[np.float32]
    polygons: NDArray[np.int32]
    slices: tuple[PartSlice, ...] = ()

    @property
    def face_count(self) -> int:
        """How many of the vertices, the first ones, are the face object's own."""
        return self.slices[0].stop if self.slices else len(self.vertices)

    def stretched(self, points: ArrayLike) -> NDArray[Any]:
        """Points or motion (…, 3) of the face's object space in the space of this pose."""
        places = np.asarray(points)
        return places if self._is_even else places @ np.linalg.inv(self.slices[0].turn.astype(np.float64))

    def in_object_space(self, points: ArrayLike) -> NDArray[Any]:
        """The way back: points or motion (…, 3) in the face's object space."""
        places = np.asarray(points)
        return places if self._is_even else places @ self.slices[0].turn.astype(np.float64)

    def stretched_places(self, places: Mapping[str, Place]) -> dict[str, Place]:
        """Named places of the face's object space in the space of this pose."""
        return {name: _place(self.stretched(place)) for name, place in places.items()}

    def places_in_object_space(self, places: Mapping[str, Place]) -> dict[str, Place]:
        """The way back."""
        return {name: _place(self.in_object_space(place)) for name, place in places.items()}

    @property
    def _is_even(self) -> bool:
        return not self.slices or np.array_equal(self.slices[0].turn, np.eye(3))


def _place(point: NDArray[Any]) -> Place:
    x, y, z = point.tolist()
    return x, y, z


def read_rest_pose(head: bpy.types.Object) -> RestPose:
    """The head at rest: of each object the reference shape key (Basis), or its vertices where it has no shape
    keys. The matrices of the face's parts must be regular (`head_problem`). SceneError for half a face."""
    _check_whole(head)
    stretch = np.eye(4)
    stretch[:3, :3] = stretch_of(head)
    vertices, polygons, slices = [], [], []
    start = 0
    for thing in head_objects(head):
        points, corners = read_mesh(thing.data)
        matrix = stretch @ np.array(matrix_to(head, thing) or np.eye(4)) if start else stretch
        vertices.append(points if np.array_equal(matrix, np.eye(4)) else _transformed(points, matrix))
        polygons.append(_numbered_from(start, corners, flip=np.linalg.det(matrix[:3, :3]) < 0))
        turn = np.linalg.inv(matrix[:3, :3]).T.astype(np.float32)
        slices.append(PartSlice(thing.name, thing.session_uid, start, start + len(points), turn))
        start += len(points)
    return RestPose(np.concatenate(vertices), _stacked(polygons), tuple(slices))


def _check_whole(head: bpy.types.Object) -> None:
    """SceneError where a Mirror modifier makes the other half of the face: one half's keys can't move both
    sides apart, so there is nothing to be found in it."""
    points = read_vertices(head.data)
    for modifier in head.modifiers:
        if modifier.type != "MIRROR" or not modifier.show_viewport or modifier.mirror_object is not None:
            continue
        for axis in (axis for axis in range(3) if modifier.use_axis[axis]):
            low, high = points[:, axis].min(), points[:, axis].max()
            if max(low, -high) > -SEAM * (high - low):
                raise SceneError(
                    f"“{head.name}” is half a head, and its Mirror modifier makes the other half: apply the "
                    "modifier first."
                )


def read_mesh(mesh: bpy.types.Mesh) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A mesh at rest, in object space: vertices (V, 3) and polygons (F, K), padded with -1."""
    return read_vertices(mesh), _read_polygons(mesh)


def _transformed(points: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    return (points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def _numbered_from(start: int, polygons: NDArray[np.int32], *, flip: bool) -> NDArray[np.int32]:
    """Polygons (F, K) with `start` added to their vertex numbers; a mirrored object's run the other way
    round, so that its outside stays outside."""
    numbered = np.where(polygons >= 0, polygons + np.int32(start), np.int32(-1))
    if flip:
        sizes = (polygons >= 0).sum(axis=1)
        columns = (sizes[:, None] - 1 - np.arange(polygons.shape[1])) % polygons.shape[1]
        numbered = np.take_along_axis(numbered, columns, axis=1)
    return numbered


def _stacked(polygons: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
    width = max(corners.shape[1] for corners in polygons)
    return np.concatenate(
        [np.pad(corners, ((0, 0), (0, width - corners.shape[1])), constant_values=-1) for corners in polygons]
    )


def read_vertices(mesh: bpy.types.Mesh) -> NDArray[np.float32]:
    """The rest pose (V, 3) of a mesh, in object space."""
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    source = mesh.shape_keys.reference_key.data if mesh.shape_keys else mesh.vertices
    source.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def group_weights(thing: bpy.types.Object, name: str) -> NDArray[np.float32]:
    """How much each vertex (V,) of an object belongs to one of its vertex groups."""
    index, vertices = thing.vertex_groups[name].index, thing.data.vertices
    found = (next((g.weight for g in vertex.groups if g.group == index), 0.0) for vertex in vertices)
    return np.fromiter(found, np.float32, len(vertices))


def _read_polygons(mesh: bpy.types.Mesh) -> NDArray[np.int32]:
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    sizes = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_total", sizes)
    starts = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_start", starts)
    return pad_polygons(corners, starts, sizes)


def pad_polygons(
    corners: NDArray[np.int32], starts: NDArray[np.int32], sizes: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Polygons as rows: `corners` (L,), `starts` and `sizes` (F,) give (F, K) with K at least 4, padded with
    -1."""
    width = max(4, int(sizes.max(initial=0)))
    columns = np.arange(width)
    inside = columns < sizes[:, None]
    rows = np.full((len(sizes), width), -1, np.int32)
    rows[inside] = corners[(starts[:, None] + columns)[inside]]
    return rows
