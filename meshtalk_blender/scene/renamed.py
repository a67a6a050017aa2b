# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape keys that were renamed since a take was made: found again and followed where there is no doubt.

Blender takes F-curves along only in Actions that are in use, and what a take keeps of its keys are names. A
key that MeshTalk made is known by its shape (made_keys.py), any other by the curve of a take that Blender
took along: nothing else in the Action can be it. Keys of which neither tells are counted as gone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import bpy

from ..ids import TAG
from .actions import GROUP, channels, find_curve, resolves, slot_named
from .by_hand import places_in, sum_of, written_sums
from .made_keys import renamed_keys
from .parts import head_objects
from .recipe import Recipe, read_recipe, recipe_text
from .shape_keys import value_path
from .take_list import item_object

if TYPE_CHECKING:
    from ...engine.rigs.mapping import KeyDrive
    from ..take_props import MeshTalkTakeObject

Names = dict[str, str]
"""New names by old ones."""

_unknown: dict[int, tuple[str | None, ...]] = {}
"""What was missing of a Key datablock, and the names that it had, when nothing was found: not looked for
twice."""


def follow_renames(head: bpy.types.Object) -> None:
    """Let all takes of a head know their keys by the names that these have now; cheap where none is
    missing."""
    for thing in head_objects(head):
        keys = thing.data.shape_keys
        if keys is None:
            continue
        items = list(_items_on(head, thing))
        paths = dict.fromkeys(path for item in items for path in _paths_of(item.recipe))
        missing = [path for path in paths if not resolves(keys, path)]
        state = (*missing, None, *keys.key_blocks.keys()) if missing else ()
        if not missing or _unknown.get(keys.session_uid) == state:
            continue
        found = renamed_keys(keys)
        for item in items:
            found = {**_by_curves(keys, item, frozenset(paths)), **found}
        followed = {old: new for old, new in found.items() if value_path(new) not in paths}
        if followed and len(set(followed.values())) == len(followed):
            _follow(head, thing, items, followed)
        else:
            _unknown[keys.session_uid] = state


def _items_on(head: bpy.types.Object, thing: bpy.types.Object) -> Iterator[MeshTalkTakeObject]:
    for take in head.meshtalk.takes:
        for number, item in enumerate(take.objects):
            if item_object(head, take, number) == thing:
                yield item


@lru_cache(maxsize=64)
def _paths_of(text: str) -> tuple[str, ...]:
    return read_recipe(text).paths


def _by_curves(keys: bpy.types.Key, item: MeshTalkTakeObject, claimed: Collection[str]) -> Names:
    """Keys whose curves Blender took along in this take's Action."""
    if item.action is None:
        return {}
    holder = channels(item.action, slot_named(item.action, item.slot))
    wanted = _paths_of(item.recipe)
    missing = [path for path in wanted if not resolves(keys, path) and find_curve(holder, path) is None]
    fresh = [
        c.data_path for c in holder.fcurves if c.data_path not in claimed and resolves(keys, c.data_path)
    ]
    pairs = _in_order(holder, wanted, fresh, missing) or _by_content(item, holder, fresh, missing)
    names = {value_path(block.name): block.name for block in keys.key_blocks}
    known = {value_path(key): key for key in read_recipe(item.recipe).keys}
    return {known[old]: names[new] for old, new in pairs.items() if old in known and new in names}


def _in_order(holder: Any, wanted: Sequence[str], fresh: Sequence[str], missing: Sequence[str]) -> Names:
    """Where the Action has just the take's curves in its order, each of them is what stands in its place."""
    groups = [(curve.data_path, curve.group) for curve in holder.fcurves]
    curves = [path for path, group in groups if group is not None and group.name == GROUP]
    if len(curves) != len(wanted):
        return {}
    pairs = {old: new for new, old in zip(curves, wanted, strict=True) if old != new}
    return pairs if list(pairs) == list(missing) and set(pairs.values()) <= set(fresh) else {}


def _by_content(item: MeshTalkTakeObject, holder: Any, fresh: Iterable[str], missing: Sequence[str]) -> Names:
    """Curves that hold what was written for a missing key, and for no other."""
    sums, part = written_sums(item), None if item.before is None else item
    here = {path: sum_of(places_in(holder, path, part)) for path in fresh}
    pairs = {}
    for old in missing:
        same = [new for new, each in here.items() if each == sums.get(old)]
        alike = [other for other in missing if sums.get(other) == sums.get(old)]
        if len(same) == 1 and alike == [old]:
            pairs[old] = same[0]
    return pairs


def _follow(
    head: bpy.types.Object, thing: bpy.types.Object, items: Sequence[MeshTalkTakeObject], names: Names
) -> None:
    paths = {value_path(old): value_path(new) for old, new in names.items()}
    for item in items:
        item.recipe = recipe_text(_renamed(read_recipe(item.recipe), names, paths))
        sums = written_sums(item)
        item.sums = json.dumps({paths.get(path, path): each for path, each in sums.items()}) if sums else ""
        for action in (item.action, item.before):
            _rename_curves(action, item.slot, paths)
    for original in head.meshtalk.originals:
        if (head if original.is_face else original.object) == thing and original.values:
            values = json.loads(original.values)
            original.values = json.dumps({names.get(name, name): value for name, value in values.items()})
    for entry in thing.meshtalk_mapping.entries:
        entry.name = names.get(entry.name, entry.name)
    keys = thing.data.shape_keys
    if TAG in keys:
        tag = keys[TAG].to_dict()
        keys[TAG] = {**tag, "made": [names.get(name, name) for name in tag["made"]]}


def _renamed(recipe: Recipe, names: Mapping[str, str], paths: Mapping[str, str]) -> Recipe:
    own = recipe.own
    return Recipe(
        _drives(recipe.drives, names),
        tuple((names.get(key, key), name) for key, name in recipe.correctives),
        tuple(paths.get(path, path) for path in recipe.still),
        None if own is None else replace(own, drives=_drives(own.drives, names)),
    )


def _drives(drives: Iterable[KeyDrive], names: Mapping[str, str]) -> tuple[KeyDrive, ...]:
    return tuple(replace(entry, key=names.get(entry.key, entry.key)) for entry in drives)


def _rename_curves(action: bpy.types.Action | None, slot: str, paths: Mapping[str, str]) -> None:
    """In Actions that weren't in use when the keys were renamed."""
    if action is None or not action.is_editable:
        return
    holder = channels(action, slot_named(action, slot))
    for old, new in paths.items():
        curve = find_curve(holder, old)
        if curve is not None and find_curve(holder, new) is None:
            curve.data_path = new
