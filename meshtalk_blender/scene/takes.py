# SPDX-License-Identifier: GPL-3.0-or-later
"""A head's takes: made, shown, renamed, duplicated, removed. The head plays one of them, or what it played
before its first one; NLA takes at different times play together.

What a take is made of is in `take_props.py`, where its keys are in `placement.py`, how they are written in
`take_writing.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import bpy

from ...engine.control_limits import LIMITS
from ..control_props import set_controls, write_due
from ..ids import TAG
from . import by_hand, sharing
from .actions import GROUP, all_curves, earlier_paths
from .errors import SceneError
from .made_keys import made_names, remember, untouched
from .originals import give_back_original, keep_backup_as_original, play_originals, remember_original, settle
from .placement import (
    NLA,
    RANGE,
    Room,
    clear_below,
    clear_rest,
    clear_room,
    hide,
    make_room,
    placement_problem,
    show,
)
from .recipe import LAYER, Recipe, read_recipe, recipe_text
from .renamed import follow_renames
from .shape_keys import value_path
from .sliders import release_rest
from .take_content import (
    SegmentContent,
    TakeContent,
    content_of,
    segments_of,
    set_gaps,
    set_segments,
)
from .take_list import (
    ORIGINAL,
    active_take,
    find_preview,
    find_take,
    free_name,
    is_playing,
    item_object,
    need_take,
    number_of,
    stand_still_on,
    take_problem,
    takes_of,
)
from .take_writing import WrittenCurves, lifted, replace_segments, rewrite_take, written_curves, written_with

if TYPE_CHECKING:
    from ..take_props import MeshTalkTake, MeshTalkTakeObject

__all__ = [
    "ORIGINAL",
    "SegmentContent",
    "TakeContent",
    "WrittenCurves",
    "active_take",
    "add_take",
    "duplicate_take",
    "find_preview",
    "find_take",
    "is_playing",
    "keep_preview",
    "name_actions",
    "need_take",
    "number_of",
    "release_take",
    "remove_take",
    "rename_take",
    "renew_take",
    "replace_segments",
    "rewrite_take",
    "segments_of",
    "show_take",
    "take_problem",
    "takes_of",
    "written_curves",
    "written_with",
]


def add_take(head: bpy.types.Object, content: TakeContent) -> MeshTalkTake:
    """Make a take and let it play. Raises SceneError before anything is changed."""
    for thing, _ in content.recipes:
        problem = placement_problem(thing, content.placement)
        if problem is not None:
            raise SceneError(problem)
    remember_original(head, content.recipes)
    recipes = [(thing, _resting(content, thing, recipe)) for thing, recipe in content.recipes]
    take = head.meshtalk.takes.add()
    uid = take.uid = uuid.uuid4().hex
    take.name = free_name(head, content.name, uid)
    take.kind, take.placement, take.rate = content.kind, content.placement, str(content.rate)
    take.preview = content.preview
    set_gaps(take, content.gaps)
    set_segments(take, content.segments)
    for thing, recipe in recipes:
        item = take.objects.add()
        item.is_face, item.object = thing == head, None if thing == head else thing
        room = Room(content.placement, _action_name(take.name, head, thing))
        make_room(thing, item, room, recipe.paths)
        item.recipe = recipe_text(recipe)
        _tag(item, uid, content.record)
    rewrite_take(head, take)
    keep_backup_as_original(head, take)
    _stand_on(head, len(head.meshtalk.takes) - 1)
    return need_take(head, uid)


def renew_take(head: bpy.types.Object, take: MeshTalkTake, content: TakeContent) -> MeshTalkTake:
    """Give a take other content in its place, and let it play; a new one where it can't be written."""
    if take_problem(head, take) is not None or not _same_room(head, take, content):
        remove_take(head, take)
        return add_take(head, content)
    uid = take.uid
    set_segments(take, content.segments)
    for item, (_, recipe) in zip(take.objects, content.recipes, strict=True):
        earlier = [path for path in read_recipe(item.recipe).paths if path not in recipe.paths]
        item.recipe = recipe_text(recipe.resting(earlier))
        by_hand.forget(item)
        _tag(item, uid, content.record)
    rename_take(head, take, content.name)
    show_take(head, take)
    rewrite_take(head, need_take(head, uid))
    return need_take(head, uid)


def keep_preview(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Make a take that was looked at one of the head's own."""
    take.preview = False


def show_take(head: bpy.types.Object, take: MeshTalkTake | None) -> None:
    """Let a take play; None: what the head played before its first one. Raises SceneError."""
    follow_renames(head)
    if take is None:
        _show_original(head)
        return
    problem = take_problem(head, take)
    if problem is not None:
        raise SceneError(problem)
    sharing.own_actions(head, take)
    for other in head.meshtalk.takes:
        if other.uid != take.uid and not (take.placement == NLA and _apart(take, other)):
            _hide(head, other)
    for number, item in enumerate(take.objects):
        thing = item_object(head, take, number)
        if thing is not None:
            show(thing, item, take.placement)
    settle(head)
    _stand_on(head, number_of(head, take.uid))


def rename_take(head: bpy.types.Object, take: MeshTalkTake, name: str) -> None:
    """Give a take another name, and its Actions as far as they have the one that MeshTalk gave them."""
    wanted = free_name(head, name, take.uid)
    if take.name != wanted:
        take.name = wanted  # which names the Actions


def name_actions(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """A take was renamed: no two may have one name, and its Actions are called like it."""
    if not take.uid:  # still being made
        return
    rename_take(head, take, take.name)
    for number, item in enumerate(take.objects):
        thing = item_object(head, take, number)
        if item.before is None and item.action is not None and item.action.name.startswith("MeshTalk "):
            item.action.name = _action_name(take.name, head, thing)


def _action_name(take_name: str, head: bpy.types.Object, thing: bpy.types.Object | None) -> str:
    return f"MeshTalk {take_name}" + ("" if thing is None or thing == head else f" {thing.name}")


def duplicate_take(head: bpy.types.Object, take: MeshTalkTake) -> MeshTalkTake:
    """A second take with the same curves and controls, in an Action of its own; it plays. Raises
    SceneError."""
    problem = take_problem(head, take)
    if problem is not None:
        raise SceneError(problem)
    uid, values = take.uid, {name: getattr(take.controls, name) for name in LIMITS}
    things = [item_object(head, take, number) for number in range(len(take.objects))]
    record = _record_of(take)
    show_take(head, take)
    fresh = add_take(head, content_of(need_take(head, uid), things))
    for item in fresh.objects:
        _tag(item, fresh.uid, record)
    set_controls(fresh.controls, values)
    write_due()
    if fresh.placement != RANGE:  # whose frames hold the user's own keys, too
        for mine, other in zip(need_take(head, uid).objects, fresh.objects, strict=True):
            by_hand.copy_changed(mine, other)
    fresh_uid, place = fresh.uid, number_of(head, uid) + 1
    head.meshtalk.takes.move(number_of(head, fresh_uid), place)
    _stand_on(head, place)
    return need_take(head, fresh_uid)


def remove_take(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Remove a take with its Actions, where nothing else uses them. If it played, its neighbour in the list
    plays; after the last one, what the head played before its first. A take that a head with the same mesh
    has too only leaves the list: all plays on."""
    follow_renames(head)
    if sharing.twins_with(head, take):
        _leave_to_twins(head, number_of(head, take.uid))
        return
    played, number, active = is_playing(head, take), number_of(head, take.uid), head.meshtalk.active_take
    actions, things = [], []
    with lifted(head, take):
        for place, item in enumerate(take.objects):
            thing = item_object(head, take, place)
            clear_room(thing, item, take.placement)
            give_back_original(head, item)
            # What comes up may be of a take that was deleted while this one was above it.
            actions += [item.action, item.before, *sharing.actions_on(thing)]
            things.append(thing)
        head.meshtalk.takes.remove(number)
    last = len(head.meshtalk.takes) == 0
    if last or played or active == number:
        _show_neighbour(head, number)
    elif active > number:
        _stand_on(head, active - 1)
    if last:
        head.meshtalk.originals.clear()
        for thing in things:
            clear_below(thing)
    for action in dict.fromkeys(actions):
        _remove_if_unused(action)
    for thing in things:
        clear_rest(thing)
        if thing is not None:
            _remove_layer_keys(thing)


def _leave_to_twins(head: bpy.types.Object, number: int) -> None:
    """Take a take off the list, and leave what plays as it is."""
    active = head.meshtalk.active_take
    head.meshtalk.takes.remove(number)
    if len(head.meshtalk.takes) == 0:
        head.meshtalk.originals.clear()
    stays = next((n for n, each in enumerate(head.meshtalk.takes) if is_playing(head, each)), ORIGINAL)
    stand_still_on(head, stays if active == number else active - int(active > number))


def _show_neighbour(head: bpy.types.Object, number: int) -> None:
    """Let the take play that stands at this place of the list now, or the one before; else the original."""
    places = [place for place in (number, number - 1) if 0 <= place < len(head.meshtalk.takes)]
    for place in places:
        take = head.meshtalk.takes[place]
        if take_problem(head, take) is None:
            show_take(head, take)
            return
    _show_original(head)


def release_take(head: bpy.types.Object, take: MeshTalkTake) -> None:
    """Take a take off the list and leave its keys where they are, as the user's own."""
    follow_renames(head)
    number, active = number_of(head, take.uid), head.meshtalk.active_take
    backups = [item.before for item in take.objects]
    for where in written_curves(head, take):
        if TAG in where.action:
            del where.action[TAG]
        where.action.use_fake_user = where.action.use_fake_user or where.action.users <= 1
        for group in [group for group in where.holder.groups if group.name == GROUP]:
            group.name = "Speech"
        release_rest(where.thing.data.shape_keys.animation_data)
    for item in take.objects:
        give_back_original(head, item)
    head.meshtalk.takes.remove(number)
    if len(head.meshtalk.takes) == 0:
        head.meshtalk.originals.clear()
    for backup in backups:
        _remove_if_unused(backup)
    if active >= number:
        _stand_on(head, active - 1 if active > number else ORIGINAL)


def _resting(content: TakeContent, thing: bpy.types.Object, recipe: Recipe) -> Recipe:
    """The recipe, with what the take before animates and this one doesn't; a layer lets all of it play on,
    and so does a part."""
    if content.is_part:
        return recipe
    earlier = earlier_paths(thing.data.shape_keys)
    return recipe.resting([path for path in earlier if not content.is_layer or f'["{LAYER}' in path])


def _same_room(head: bpy.types.Object, take: MeshTalkTake, content: TakeContent) -> bool:
    things = [thing for thing, _ in content.recipes]
    own = [item_object(head, take, number) for number in range(len(take.objects))]
    return take.placement == content.placement and own == things


def _tag(item: MeshTalkTakeObject, uid: str, record: Mapping[str, Any]) -> None:
    """Mark an Action as the take's; the user's own is left unmarked."""
    if item.before is None:
        item.action[TAG] = {**record, "take": uid}
    else:
        item.before[TAG] = {"format": 1, "before": uid}


def _record_of(take: MeshTalkTake) -> dict[str, Any]:
    tag = take.objects[0].action.get(TAG)
    return {} if tag is None else {**tag.to_dict()}


def _stand_on(head: bpy.types.Object, number: int) -> None:
    if head.meshtalk.active_take != number:
        head.meshtalk.active_take = number


def _apart(take: MeshTalkTake, other: MeshTalkTake) -> bool:
    """Whether two NLA takes are at different times."""
    if other.placement != NLA or not len(take.objects) or not len(other.objects):
        return False
    one, two = take.objects[0], other.objects[0]
    return one.last < two.first or two.last < one.first


def _hide(head: bpy.types.Object, take: MeshTalkTake) -> None:
    for number, item in enumerate(take.objects):
        thing = item_object(head, take, number)
        if thing is not None:
            hide(thing, item, take.placement)


def _show_original(head: bpy.types.Object) -> None:
    for take in head.meshtalk.takes:
        _hide(head, take)
    play_originals(head)
    _stand_on(head, ORIGINAL)


def _remove_if_unused(action: bpy.types.Action | None) -> None:
    """Delete an Action of the add-on's that nothing uses any more."""
    if action is not None and TAG in action and action.users - int(action.use_fake_user) <= 0:
        bpy.data.actions.remove(action)


def _remove_layer_keys(thing: bpy.types.Object) -> None:
    """Remove keys that a dub made on top of a performance, where nothing animates them any more and nobody
    changed their shape."""
    keys = thing.data.shape_keys
    names = [name for name in made_names(keys) if name.startswith(LAYER)]
    if not names:
        return
    animated = {fcurve.data_path for action in bpy.data.actions for fcurve in all_curves(action)}
    driven = {driver.data_path for driver in keys.animation_data.drivers} if keys.animation_data else set()
    ours = untouched(keys)
    for name in names:
        if name in ours and value_path(name) not in animated | driven:
            thing.shape_key_remove(keys.key_blocks[name])
    remember(keys, {})
