# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape keys that came with a take that is given up again: which there were before, and taking back the new
ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import bpy

from ..ids import TAG
from .made_keys import made_names

Names = frozenset[str] | None
"""Names of an object's shape keys; None where it has none at all, not even a basis."""


def key_names(things: Iterable[bpy.types.Object]) -> dict[int, Names]:
    """The shape keys of objects, by their session_uid."""
    return {
        thing.session_uid: None if thing.data.shape_keys is None else _names(thing.data.shape_keys)
        for thing in things
    }


def remove_new_keys(
    things: Iterable[bpy.types.Object], before: Mapping[int, Names], used: Mapping[int, Collection[str]]
) -> None:
    """Remove the keys that MeshTalk made since, except those `used` by other takes; where there were none
    at all and nothing else was added, the basis goes too."""
    for thing in things:
        keys = thing.data.shape_keys
        if keys is None or thing.session_uid not in before:
            continue
        had = before[thing.session_uid]
        kept = used.get(thing.session_uid, ())
        new = [name for name in made_names(keys) if name not in (had or ()) and name not in kept]
        if had is None and len(keys.key_blocks) == len(new) + 1 and _is_bare(keys):
            thing.shape_key_clear()
            continue
        for name in new:
            thing.shape_key_remove(keys.key_blocks[name])
        _forget(keys)


def _names(keys: bpy.types.Key) -> frozenset[str]:
    return frozenset(block.name for block in keys.key_blocks)


def _is_bare(keys: bpy.types.Key) -> bool:
    """Whether nothing animates these keys any more."""
    animation = keys.animation_data
    return animation is None or (
        animation.action is None and not len(animation.nla_tracks) and not len(animation.drivers)
    )


def _forget(keys: bpy.types.Key) -> None:
    """Drop the tag where no key of MeshTalk's is left."""
    if TAG in keys and not made_names(keys):
        del keys[TAG]
