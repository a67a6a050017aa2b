# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of a head that was duplicated: the copy must not write into the original's Actions.

Blender may copy Actions along with an object or not (a preference), and never those that a take only points
at. Before a take is written it takes over what plays on its own keys, and gets a copy of what others use
too.

Heads that share a mesh (Alt D) share its keys and all that plays on them: what is written for one is written
for its twins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import bpy

from ..ids import TAG
from .actions import slot_identifier, slot_named
from .nla import strips_of
from .parts import is_in_a_scene
from .take_list import item_object

if TYPE_CHECKING:
    from ..take_props import MeshTalkTake


def own_actions(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Let each of a take's objects have Actions of its own."""
    heads = heads_with_takes()
    for other in heads:
        for each in other.meshtalk.takes:
            _adopt(other, each)
    for number, item in enumerate(take.objects):
        thing = item_object(head, take, number)
        if thing is not None and item.action is not None and _is_shared(head, item.action, heads):
            _part_with(head, thing, item.action, item.slot)


def heads_with_takes() -> list[bpy.types.Object]:
    """All objects that have takes."""
    return [each for each in bpy.data.objects if each.type == "MESH" and len(each.meshtalk.takes) > 0]


def twins_of(head: bpy.types.Object) -> list[bpy.types.Object]:
    """Other objects with takes that share this head's mesh, and so its keys and what plays on them."""
    others = (each for each in heads_with_takes() if each != head and each.data == head.data)
    return [each for each in others if is_in_a_scene(each)]


def twins_with(head: bpy.types.Object, take: MeshTalkTake) -> list[bpy.types.Object]:
    """Those of them that have this take too: the same Action is in their list."""
    actions = {item.action for item in take.objects} - {None}
    return [
        twin
        for twin in twins_of(head)
        if any(item.action in actions for each in twin.meshtalk.takes for item in each.objects)
    ]


def _adopt(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Where Blender copied a take's Action together with the object, that copy is the take's now."""
    for number, item in enumerate(take.objects):
        thing, wanted = item_object(head, take, number), _take_of(item.action)
        if _animation(thing) is None or not wanted:
            continue
        playing = actions_on(thing)
        if item.action not in playing:
            copies = [action for action in playing if _take_of(action) == wanted]
            item.action = copies[0] if copies else item.action


def actions_on(thing: bpy.types.Object | None) -> list[bpy.types.Action | None]:
    """What an object's keys play: the Action, and those of all NLA strips."""
    animation = _animation(thing)
    if animation is None:
        return []
    return [animation.action, *(strip.action for track in animation.nla_tracks for strip in track.strips)]


def _animation(thing: bpy.types.Object | None) -> bpy.types.AnimData | None:
    keys = None if thing is None or thing.type != "MESH" else thing.data.shape_keys
    return None if keys is None else keys.animation_data


def _take_of(action: bpy.types.Action | None) -> str:
    tag = None if action is None else action.get(TAG)
    return "" if tag is None else str(tag.get("take", ""))


def _is_shared(head: bpy.types.Object, action: bpy.types.Action, heads: Iterable[bpy.types.Object]) -> bool:
    """Whether a head with other keys has a take in this Action."""
    return any(
        item.action == action
        for other in heads
        if other.data != head.data
        for take in other.meshtalk.takes
        for item in take.objects
    )


def _part_with(head: bpy.types.Object, thing: bpy.types.Object, shared: bpy.types.Action, slot: str) -> None:
    """Give the takes of one head a copy of an Action that another head uses too: the one that Blender made
    along with the object, or a new one."""
    animation = _animation(thing)
    playing = None if animation is None else animation.action
    made = playing is not None and playing != shared and not _take_of(shared) and TAG not in playing
    own = playing if made else shared.copy()
    found = slot_named(own, slot)
    for take in head.meshtalk.takes:
        for item in take.objects:
            if item.action == shared:
                item.action, item.slot = own, slot_identifier(found)
    if animation is not None and playing == shared:
        animation.action = own
        if found is not None:
            animation.action_slot = found
    for _, strip in strips_of(animation, shared):
        strip.action = own
        if found is not None:
            strip.action_slot = found
