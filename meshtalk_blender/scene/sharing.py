# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of a head that was duplicated: the copy must not write into the original's Actions.

Blender may copy Actions along with an object or not (a preference), and never those that a take only points
at. Before a take is written it takes over what plays on its own keys, and gets a copy of what others use
too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..ids import TAG
from .actions import slot_identifier, slot_named
from .nla import strips_of

if TYPE_CHECKING:
    from ..take_props import MeshTalkTake, MeshTalkTakeObject


def own_actions(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Let each of a take's objects have Actions of its own."""
    for other in heads_with_takes():
        for each in other.meshtalk.takes:
            _adopt(other, each)
    for number, item in enumerate(take.objects):
        if number == 0 and item.object != head:
            item.object = head
        if item.object is not None and item.action is not None and _is_shared(head, item):
            _copy(item, item.object)


def heads_with_takes() -> list[bpy.types.Object]:
    """All objects that have takes."""
    return [each for each in bpy.data.objects if each.type == "MESH" and len(each.meshtalk.takes) > 0]


def _adopt(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Where Blender copied a take's Action together with the object, that copy is the take's now."""
    for number, item in enumerate(take.objects):
        thing = head if number == 0 else item.object
        keys = None if thing is None or thing.type != "MESH" else thing.data.shape_keys
        animation = None if keys is None else keys.animation_data
        if animation is None:
            continue
        playing = [animation.action, *(s.action for t in animation.nla_tracks for s in t.strips)]
        if item.action in playing:
            continue
        copies = [action for action in playing if action is not None and _take_of(action) == take.uid]
        if copies:
            item.action = copies[0]


def _take_of(action: bpy.types.Action) -> str:
    tag = action.get(TAG)
    return "" if tag is None else str(tag.get("take", ""))


def _is_shared(head: bpy.types.Object, item: MeshTalkTakeObject) -> bool:
    """Whether another head's take, or other shape keys, use this item's Action too."""
    if _take_of(item.action) == "":  # the user's own, in whose frames the take is
        return False
    for other in heads_with_takes():
        if other != head and any(
            each.action == item.action for take in other.meshtalk.takes for each in take.objects
        ):
            return True
    return False


def _copy(item: MeshTalkTakeObject, thing: bpy.types.Object) -> None:
    shared = item.action
    item.action = shared.copy()
    slot = slot_named(item.action, item.slot)
    item.slot = slot_identifier(slot)
    keys = thing.data.shape_keys
    animation = None if keys is None else keys.animation_data
    if animation is None:
        return
    if animation.action == shared:
        animation.action = item.action
        if slot is not None:
            animation.action_slot = slot
    for _, strip in strips_of(animation, shared):
        strip.action = item.action
        if slot is not None:
            strip.action_slot = slot
