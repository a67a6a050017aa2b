# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a head's rest pose and says whether the head can be worked on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
import numpy as np

from .errors import SceneError
from .parts import face_of, head_objects, is_in_a_scene
from .places import matrix_to

if TYPE_CHECKING:
    from numpy.typing import NDArray


SEAM = 0.02
"""Half a mesh reaches over its middle by less than this part of its width."""


@dataclass(frozen=True, eq=False)
class PartSlice:
    """The vertices start…stop of a RestPose that belong to one object; motion (…, 3) in the face's object
    space times `turn` (3, 3) is motion in the object's own."""

    name: str
    object_uid: int
    start: int
    stop: int
    turn: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RestPose:
    """A head at rest, in the face's object space: `vertices` (V', 3) float32, `polygons` (F, K) int32, padded
    with -1. All of the head's objects stand one after the other, the face first, as `slices` tell."""

    vertices: NDArray[np.float32]
    polygons: NDArray[np.int32]
    slices: tuple[PartSlice, ...] = ()

    @property
    def face_count(self) -> int:
        """How many of the vertices, the first ones, are the face object's own."""
        return self.slices[0].stop if self.slices else len(self.vertices)


@dataclass(frozen=True)
class MeshHandle:
    """Finds an object again after other work was done, undo included, where a kept pointer would be stale."""

    name: str
    object_uid: int
    mesh_uid: int
    vertex_count: int


@dataclass(frozen=True)
class HeadHandle:
    """The same for a head: its face and its parts."""

    face: MeshHandle
    parts: tuple[MeshHandle, ...] = ()


def head_problem(head: bpy.types.Object | None) -> str | None:
    """Why this head, with its parts, can't be given shape keys now, as a sentence; None when it can."""
    if head is None:
        return "Choose a head: select a mesh, or pick one in the MeshTalk tab."
    if head.type != "MESH":
        return f"“{head.name}” is not a mesh: choose a mesh object as the head."
    if head.mode == "OBJECT" and len(head.data.vertices) == 0:
        return f"“{head.name}” has no vertices: choose a mesh with a face."
    objects = head_objects(head)
    problems = (_object_problem(thing) for thing in objects)
    return next((problem for problem in problems if problem is not None), None) or _pair_problem(objects)


def part_problem(
    head: bpy.types.Object, part: bpy.types.Object, others: Sequence[bpy.types.Object] = ()
) -> str | None:
    """Why an object can't be added to a head and these other objects as a part, as a sentence; None when it
    can."""
    if part.type != "MESH":
        return f"“{part.name}” is not a mesh: only meshes can be parts of a head."
    if part == head:
        return f"“{head.name}” is the head itself: select its other meshes too."
    face = face_of(part)
    if face is not None and face != head:
        return f"“{part.name}” is a part of “{face.name}” already: remove it there first."
    if len(part.meshtalk.parts) > 0:
        return f"“{part.name}” is a head with parts of its own: remove those first."
    together = (*head_objects(head), *others, part)
    return _ownership_problem(part) or _keys_problem(part) or _pair_problem(together)


def _object_problem(thing: bpy.types.Object) -> str | None:
    if thing.mode != "OBJECT":
        return f"“{thing.name}” is in {_mode_name(thing)}: switch to Object Mode first."
    return _ownership_problem(thing) or _keys_problem(thing)


def _pair_problem(objects: Sequence[bpy.types.Object]) -> str | None:
    """What is wrong between a head's objects: two may not share a mesh, nor one have no size."""
    owners: dict[int, str] = {}
    for thing in dict.fromkeys(objects):
        other = owners.setdefault(thing.data.session_uid, thing.name)
        if other != thing.name:
            return (
                f"“{thing.name}” and “{other}” share one mesh, so they can't move differently: give one its "
                "own (Object ▸ Relations ▸ Make Single User ▸ Object & Data)."
            )
        if len(objects) > 1 and matrix_to(objects[0], thing) is None:
            return f"“{thing.name}” is scaled to nothing: give it a size first."
    return None


def _mode_name(head: bpy.types.Object) -> str:
    return head.mode.replace("_", " ").title() + ("" if head.mode.endswith("PAINT") else " Mode")


def _ownership_problem(head: bpy.types.Object) -> str | None:
    mesh = head.data
    blocks = [block for block in (head, mesh, mesh.shape_keys) if block is not None]
    if any(block.library is not None for block in blocks):
        return f"“{head.name}” is linked from another file: append it, or make it local, to animate it here."
    if any(block.override_library is not None for block in blocks):
        return f"“{head.name}” is a library override, which can't take new shape keys: make it local first."
    if not all(block.is_editable for block in blocks):
        return f"“{head.name}” can't be edited: make it local first."
    return None


def _keys_problem(head: bpy.types.Object) -> str | None:
    keys = head.data.shape_keys
    if keys is not None and not keys.use_relative:
        return f"“{head.name}” has absolute shape keys: tick Relative in its Shape Keys panel."
    if keys is not None and keys.animation_data is not None and keys.animation_data.use_tweak_mode:
        return f"A strip of “{head.name}” is being tweaked in the NLA editor: leave tweak mode (Tab) first."
    return None


def handle_of(head: bpy.types.Object) -> HeadHandle:
    """What to keep of a head while other code runs."""
    face, *parts = (
        MeshHandle(thing.name, thing.session_uid, thing.data.session_uid, len(thing.data.vertices))
        for thing in head_objects(head)
    )
    return HeadHandle(face, tuple(parts))


def is_being_edited(handle: HeadHandle) -> bool:
    """Whether an object of the head of before is in a mode in which nothing can be written to it."""
    found = (_find_object(each) for each in (handle.face, *handle.parts))
    return any(thing is not None and thing.mode != "OBJECT" for thing in found)


def find_head(handle: HeadHandle) -> bpy.types.Object:
    """The head of before; SceneError when it was deleted, or the mesh of one of its objects was exchanged or
    edited in the meantime."""
    head = _find_object(handle.face)
    if head is None:
        raise SceneError(
            f"The head “{handle.face.name}” was deleted while MeshTalk was running: nothing was changed."
        )
    problem = head_problem(head)
    if problem is not None:
        raise SceneError(problem)
    _check_unchanged(head, handle.face)
    find_parts(handle)
    return head


def find_parts(handle: HeadHandle) -> dict[int, bpy.types.Object]:
    """Those of the head's objects that still exist, the face among them, by the session_uid that its slices
    name; SceneError when the mesh of one was exchanged or edited, or it can't be keyed now."""
    found = {}
    for part in (handle.face, *handle.parts):
        thing = _find_object(part)
        if thing is None:  # deleted since, which is no reason to lose the rest
            continue
        problem = _object_problem(thing)
        if problem is not None:
            raise SceneError(problem)
        _check_unchanged(thing, part)
        found[part.object_uid] = thing
    return found


def _find_object(handle: MeshHandle) -> bpy.types.Object | None:
    thing = next((o for o in bpy.data.objects if o.session_uid == handle.object_uid), None)
    return thing if thing is not None and is_in_a_scene(thing) else None


def _check_unchanged(thing: bpy.types.Object, handle: MeshHandle) -> None:
    same = thing.type == "MESH" and thing.data.session_uid == handle.mesh_uid
    if not same or len(thing.data.vertices) != handle.vertex_count:
        raise SceneError(
            f"The mesh of “{thing.name}” was changed while MeshTalk was running: generate again."
        )


def read_rest_pose(head: bpy.types.Object) -> RestPose:
    """The head at rest: of each object the reference shape key (Basis), or its vertices where it has no shape
    keys. The matrices of the face's parts must be regular (`head_problem`). SceneError for half a face."""
    _check_whole(head)
    vertices, polygons, slices = [], [], []
    start = 0
    for thing in head_objects(head):
        points, corners = read_mesh(thing.data)
        matrix = np.array(matrix_to(head, thing) or np.eye(4)) if start else np.eye(4)
        vertices.append(points if start == 0 else _transformed(points, matrix))
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
