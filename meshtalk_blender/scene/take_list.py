# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks takes up: in a head's list, on its objects, by what plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .errors import SceneError

if TYPE_CHECKING:
    from ..take_props import MeshTalkTake

ORIGINAL = -1
"""The active take's number where the head plays what it played before its first take."""

_moving: list[int] = []
"""session_uid of heads whose list is stood on another take, and that go on playing what they play."""


def stand_still_on(head: bpy.types.Object, number: int) -> None:
    """Let the list stand on a take, or on ORIGINAL, and change nothing that plays."""
    _moving.append(head.session_uid)
    try:
        head.meshtalk.active_take = number
    finally:
        _moving.pop()


def is_standing_still(head: bpy.types.Object) -> bool:
    """Whether `stand_still_on` is at work on this head."""
    return head.session_uid in _moving


def takes_of(head: bpy.types.Object) -> tuple[MeshTalkTake, ...]:
    """All takes of a head, in the order of the list."""
    return tuple(head.meshtalk.takes)


def unsampled_problem(take: MeshTalkTake) -> str | None:
    """Why nothing of a take can be sampled again, as a sentence; None where it can."""
    if take.kind == "GENERATE":
        return None
    return f"“{take.name}” wasn't sampled from a sound alone: choose a generated take."


def active_take(head: bpy.types.Object | None) -> MeshTalkTake | None:
    """The take that the list stands on; None where it stands on what was there before."""
    if head is None:
        return None
    number = head.meshtalk.active_take
    return head.meshtalk.takes[number] if 0 <= number < len(head.meshtalk.takes) else None


def find_take(head: bpy.types.Object, uid: str) -> MeshTalkTake | None:
    """The head's take of this identifier; None where it has none."""
    return next((take for take in head.meshtalk.takes if take.uid == uid), None)


def need_take(head: bpy.types.Object, uid: str) -> MeshTalkTake:
    """The head's take of this identifier; SceneError where it has none."""
    take = find_take(head, uid)
    if take is None:
        raise SceneError(f"“{head.name}” hasn't got this take any more: choose another.")
    return take


def find_preview(head: bpy.types.Object) -> MeshTalkTake | None:
    """The take that is being looked at and not kept yet; a head has one at most."""
    return next((take for take in head.meshtalk.takes if take.preview), None)


def number_of(head: bpy.types.Object, uid: str) -> int:
    """Where a take stands in the list; ORIGINAL where it isn't there."""
    return next((n for n, take in enumerate(head.meshtalk.takes) if take.uid == uid), ORIGINAL)


def item_object(head: bpy.types.Object, take: MeshTalkTake, number: int) -> bpy.types.Object | None:
    """The object that a take's item is about: the head itself, also where it is a copy, or a part; None where
    that was deleted, or belongs to another head."""
    if take.objects[number].is_face:
        return head
    thing = take.objects[number].object
    if thing is None or thing.type != "MESH" or not any(part.object == thing for part in head.meshtalk.parts):
        return None
    return thing


def take_problem(head: bpy.types.Object, take: MeshTalkTake) -> str | None:
    """Why a take can't be played or written, as a sentence; None when it can."""
    for number, item in enumerate(take.objects):
        thing = item_object(head, take, number)
        if thing is None:
            continue
        if item.action is None:
            return f"The Action of the take “{take.name}” was deleted: remove the take, or generate again."
        if thing.data.shape_keys is None:
            return f"“{thing.name}” lost its shape keys: remove the take “{take.name}”, or generate again."
        if not item.action.is_editable or not thing.data.shape_keys.is_editable:
            return f"The take “{take.name}” is linked from another file: make the head local first."
    return None if len(take.objects) else f"The take “{take.name}” is empty: remove it."


def is_playing(head: bpy.types.Object, take: MeshTalkTake) -> bool:
    """Whether a take plays on the head, or on the first of the parts that it moves; cheap."""
    thing = item_object(head, take, 0) if len(take.objects) else None
    from .placement import is_shown  # late: edits curves and tracks, which Blender's start does without

    return thing is not None and is_shown(thing, take.objects[0], take.placement)


def free_name(head: bpy.types.Object, wanted: str, uid: str = "") -> str:
    """A name that no other take of the head has."""
    taken = {take.name for take in head.meshtalk.takes if take.uid != uid}
    stem, number = wanted.strip() or "Take", 1
    name = stem
    while name in taken:
        name, number = f"{stem}.{number:03d}", number + 1
    return name
