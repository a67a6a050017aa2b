# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a head's rest pose and says whether the head can be worked on."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from .errors import SceneError


@dataclass(frozen=True)
class RestPose:
    """A mesh at rest, in object space: `vertices` (V', 3) float32, `polygons` (F, K) int32, padded with
    -1."""

    vertices: NDArray[np.float32]
    polygons: NDArray[np.int32]


@dataclass(frozen=True)
class HeadHandle:
    """Finds an object again after other work was done, undo included, where a kept pointer would be stale."""

    name: str
    object_uid: int
    mesh_uid: int
    vertex_count: int


def head_problem(head: bpy.types.Object | None) -> str | None:
    """Why this object can't be given shape keys now, as a sentence; None when it can."""
    if head is None:
        return "Choose a head: select a mesh, or pick one in the MeshTalk tab."
    if head.type != "MESH":
        return f"“{head.name}” is not a mesh: choose a mesh object as the head."
    if head.mode != "OBJECT":
        return f"“{head.name}” is in {_mode_name(head)}: switch to Object Mode first."
    return _ownership_problem(head) or _content_problem(head)


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


def _content_problem(head: bpy.types.Object) -> str | None:
    mesh = head.data
    if len(mesh.vertices) == 0:
        return f"“{head.name}” has no vertices: choose a mesh with a face."
    keys = mesh.shape_keys
    if keys is not None and not keys.use_relative:
        return f"“{head.name}” has absolute shape keys: tick Relative in its Shape Keys panel."
    if keys is not None and keys.animation_data is not None and keys.animation_data.use_tweak_mode:
        return f"A strip of “{head.name}” is being tweaked in the NLA editor: leave tweak mode (Tab) first."
    return None


def handle_of(head: bpy.types.Object) -> HeadHandle:
    """What to keep of a head while other code runs."""
    return HeadHandle(head.name, head.session_uid, head.data.session_uid, len(head.data.vertices))


def find_head(handle: HeadHandle) -> bpy.types.Object:
    """The head of before; SceneError when it was deleted, or its mesh exchanged or edited in the meantime."""
    head = next((o for o in bpy.data.objects if o.session_uid == handle.object_uid), None)
    # A deleted object lives on in the file while a setting still points at it, but is in no scene.
    if head is None or not head.users_scene:
        raise SceneError(
            f"The head “{handle.name}” was deleted while MeshTalk was running: nothing was changed."
        )
    problem = head_problem(head)
    if problem is not None:
        raise SceneError(problem)
    if head.data.session_uid != handle.mesh_uid or len(head.data.vertices) != handle.vertex_count:
        raise SceneError(f"The mesh of “{head.name}” was changed while MeshTalk was running: generate again.")
    return head


def read_rest_pose(head: bpy.types.Object) -> RestPose:
    """The mesh's rest pose: its reference shape key (Basis), or its vertices where it has no shape keys."""
    return RestPose(_read_vertices(head.data), _read_polygons(head.data))


def _read_vertices(mesh: bpy.types.Mesh) -> NDArray[np.float32]:
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
