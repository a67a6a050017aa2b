# SPDX-License-Identifier: GPL-3.0-or-later
"""Says whether a head can be worked on, and finds it again after other work was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import bpy

from .errors import SceneError
from .parts import face_of, head_objects, is_in_a_scene
from .places import matrix_to
from .rig_heads import meshes_of_rig


class MeshHandle(NamedTuple):
    """Finds an object again after other work was done, undo included, where a kept pointer would be stale."""

    name: str
    object_uid: int
    mesh_uid: int
    vertex_count: int


class HeadHandle(NamedTuple):
    """The same for a head: its face and its parts; `is_read` where nothing is to be written to it, so that it
    may be linked from another file."""

    face: MeshHandle
    parts: tuple[MeshHandle, ...] = ()
    is_read: bool = False


def head_problem(head: bpy.types.Object | None, *, is_read: bool = False) -> str | None:
    """Why this head, with its parts, can't be given shape keys now, as a sentence; None when it can. With
    `is_read`, why it can't be read."""
    if head is None:
        return "Choose a head: select a mesh, or pick one in the MeshTalk tab."
    if head.type == "ARMATURE":
        return _rig_problem(head)
    if head.type != "MESH":
        return f"“{head.name}” is not a mesh: choose a mesh object as the head."
    if head.mode == "OBJECT" and len(head.data.vertices) == 0:
        return f"“{head.name}” has no vertices: choose a mesh with a face."
    objects = head_objects(head)
    problems = (_object_problem(thing, is_read) for thing in objects)
    return next((problem for problem in problems if problem is not None), None) or _pair_problem(objects)


def _rig_problem(rig: bpy.types.Object) -> str:
    """Why an armature doesn't stand for a head."""
    count = len(meshes_of_rig(rig, bpy.context.scene))
    if count > 1:
        return f"“{rig.name}” moves {count} meshes: select the one with the face, or pick it as the Head."
    return f"“{rig.name}” is an armature that moves no mesh: choose a mesh object as the head."


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
    return ownership_problem(part) or _keys_problem(part) or _pair_problem(together)


def _object_problem(thing: bpy.types.Object, is_read: bool) -> str | None:
    if thing.mode != "OBJECT":
        return f"“{thing.name}” is in {_mode_name(thing)}: switch to Object Mode first."
    return (None if is_read else ownership_problem(thing)) or _keys_problem(thing)


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


def ownership_problem(head: bpy.types.Object) -> str | None:
    """Why an object that belongs to another file can't be written to, as a sentence; None when it can."""
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


def handle_of(head: bpy.types.Object, *, is_read: bool = False) -> HeadHandle:
    """What to keep of a head while other code runs; `is_read` where nothing is to be written to it."""
    face, *parts = (
        MeshHandle(thing.name, thing.session_uid, thing.data.session_uid, len(thing.data.vertices))
        for thing in head_objects(head)
    )
    return HeadHandle(face, tuple(parts), is_read)


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
    problem = head_problem(head, is_read=handle.is_read)
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
        problem = _object_problem(thing, handle.is_read)
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
