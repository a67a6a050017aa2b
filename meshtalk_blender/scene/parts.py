# SPDX-License-Identifier: GPL-3.0-or-later
"""A head of several objects: the face, and the parts that were added to it (teeth, eyeballs, lashes)."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

ALIKE = 3
"""So many shape keys in common are no chance."""


def head_objects(head: bpy.types.Object) -> tuple[bpy.types.Object, ...]:
    """The face first, then its parts that still exist, each once."""
    found = [head]
    for item in head.meshtalk.parts:
        part = item.object
        if part is not None and part not in found and part.type == "MESH" and is_in_a_scene(part):
            found.append(part)
    return tuple(found)


def face_of(thing: bpy.types.Object | None) -> bpy.types.Object | None:
    """The head that this object is a part of, None where it is none; cheap."""
    face = None if thing is None else thing.meshtalk.face
    if face is None or face == thing or not is_in_a_scene(face):
        return None
    # A copy of a part still names the head, which knows nothing of the copy.
    return face if any(item.object == thing for item in face.meshtalk.parts) else None


def is_in_a_scene(thing: bpy.types.Object) -> bool:
    """Whether it wasn't deleted: a deleted object lives on in the file while a setting points at it, but in
    no scene."""
    for scene in bpy.data.scenes:
        found = scene.objects.get(thing.name)
        if found == thing:
            return True
        if found is not None and found.library != thing.library and thing in scene.objects.values():
            return True  # names are unique in one file, not among linked ones
    return False


def companions(head: bpy.types.Object, names: Iterable[str]) -> list[bpy.types.Object]:
    """Meshes of the head's rig (its uppermost parent, or an armature) that have at least `ALIKE` of these
    shape keys and are no parts of it: the teeth and eyes of many avatars, which would stay behind."""
    wanted, rigs, listed = frozenset(names), _rigs(head), head_objects(head)
    return [
        thing
        for thing in bpy.data.objects
        if thing.type == "MESH"
        and thing not in listed
        and thing.data.shape_keys is not None
        and not rigs.isdisjoint(_rigs(thing))
        and len(wanted.intersection(thing.data.shape_keys.key_blocks.keys())) >= ALIKE
        and is_in_a_scene(thing)
        and len(thing.meshtalk.takes) == 0
    ]


def _rigs(thing: bpy.types.Object) -> frozenset[bpy.types.Object]:
    """What an object hangs on."""
    found = {modifier.object for modifier in thing.modifiers if modifier.type == "ARMATURE"} - {None}
    if thing.parent is not None:
        top = thing.parent
        while top.parent is not None:
            top = top.parent
        found.add(top)
    return frozenset(found)


def add_parts(head: bpy.types.Object, parts: Iterable[bpy.types.Object]) -> int:
    """Add objects to the head's parts, each once, and forget those that are gone; how many are new."""
    listed = head_objects(head)
    fresh = [part for part in dict.fromkeys(parts) if part not in listed]
    _rewrite(head, [*listed[1:], *fresh])
    return len(fresh)


def remove_part(head: bpy.types.Object, part: bpy.types.Object) -> None:
    """Take one object off the head's parts, and forget those that are gone."""
    _rewrite(head, [kept for kept in head_objects(head)[1:] if kept != part])


def forget_gone_parts(head: bpy.types.Object) -> list[str]:
    """Take parts off that were deleted, or joined to another object; their names. The list would keep deleted
    ones in the file."""
    kept = head_objects(head)[1:]
    gone = [
        item.name if item.object is None else item.object.name
        for item in head.meshtalk.parts
        if item.object not in kept
    ]
    if gone:
        _rewrite(head, kept)
    return gone


def _rewrite(head: bpy.types.Object, parts: Iterable[bpy.types.Object]) -> None:
    items = head.meshtalk.parts
    wanted = list(parts)
    for item in items:
        if item.object is not None and item.object.meshtalk.face == head:
            item.object.meshtalk.face = None
    items.clear()
    for part in wanted:
        part.meshtalk.face = head
        item = items.add()
        item.name, item.object = part.name, part
