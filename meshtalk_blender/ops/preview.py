# SPDX-License-Identifier: GPL-3.0-or-later
"""A seed of the gallery on the head: looked at, kept, or given up so that everything is as before."""

from __future__ import annotations

from dataclasses import replace

import bpy

from ..scene.errors import SceneError
from ..scene.handles import find_head
from ..scene.new_keys import key_names, remove_new_keys
from ..scene.parts import head_objects
from ..scene.recipe import read_recipe
from ..scene.strips import find_sound_strip, sequencer_scene
from ..scene.take_list import item_object
from ..scene.takes import find_preview, find_take, is_playing, keep_preview, remove_take, show_take, takes_of
from .gallery import Before, Gallery
from .gallery_desk import gallery_desk
from .plan import add_heard
from .writing import write_head


def preview_seed(gallery: Gallery, number: int) -> str:
    """Put a seed of the gallery on its head, in place of the one before. Raises SceneError."""
    if not 0 <= number < len(gallery.seeds):
        raise SceneError(f"The gallery has seeds 0 to {len(gallery.seeds) - 1}: choose one of them.")
    seed, target = gallery.seeds[number], gallery.request.target
    head = find_head(target.head)
    is_first = find_preview(head) is None
    before = _look_around(head)
    label = target.name or gallery.request.sources[0].label
    # A new fit is stored with the first preview; doing it again would take most of the time of the others.
    result = seed.result if is_first else replace(seed.result, binding_data=None)
    written = write_head(replace(target, name=f"{label} seed {seed.seed}"), result, preview=True)
    if is_first:
        gallery.before = replace(before, strip=_add_sound(gallery))
    gallery.shown = number
    return written.sentence


def keep_seed(head: bpy.types.Object) -> str:
    """Make the seed that is looked at one of the head's takes. Raises SceneError."""
    take = find_preview(head)
    if take is None:
        raise SceneError("No seed is being looked at: choose one in the gallery first.")
    keep_preview(head, take)
    _forget(head)
    return f"“{take.name}” is one of the takes of “{head.name}” now"


def discard_seed(head: bpy.types.Object) -> str:
    """Give up the seed that is looked at: the head plays what it played before. Raises SceneError."""
    take = find_preview(head)
    if take is None:
        raise SceneError("No seed is being looked at: there is nothing to discard.")
    name, before = take.name, _before_of(head)
    remove_take(head, take)
    if before is not None:
        earlier = find_take(head, before.take)
        if earlier is not None:
            show_take(head, earlier)
        remove_new_keys(head_objects(head), before.keys, _keys_in_use(head))
        _remove_strip(before.strip)
    _forget(head)
    return f"“{name}” is gone, “{head.name}” plays what it played before"


def gallery_of(head: bpy.types.Object | None) -> Gallery | None:
    """The gallery of a head; None where there is none in this session."""
    gallery = gallery_desk.gallery
    return (
        gallery if gallery is not None and head is not None and gallery.head_uid == head.session_uid else None
    )


def _look_around(head: bpy.types.Object) -> Before:
    playing = next((take.uid for take in takes_of(head) if is_playing(head, take)), "")
    return Before(playing, key_names(head_objects(head)))


def _before_of(head: bpy.types.Object) -> Before | None:
    gallery = gallery_of(head)
    return None if gallery is None else gallery.before


def _forget(head: bpy.types.Object) -> None:
    gallery = gallery_of(head)
    if gallery is not None:
        gallery.before, gallery.shown = None, -1


def _keys_in_use(head: bpy.types.Object) -> dict[int, set[str]]:
    """The shape keys that the head's takes drive, by the session_uid of their object."""
    used: dict[int, set[str]] = {}
    for take in takes_of(head):
        for number, item in enumerate(take.objects):
            thing = item_object(head, take, number)
            if thing is not None:
                used.setdefault(thing.session_uid, set()).update(read_recipe(item.recipe).keys)
    return used


def _add_sound(gallery: Gallery) -> str:
    """Let a bare file be heard; the name of the strip that was made, "" where none was."""
    plan = gallery.request.plan
    if not plan.sound_file:
        return ""
    settings = bpy.context.scene.meshtalk
    had = settings.sound_source
    add_heard(plan.targets[0], plan.request.sources[0], plan.sound_file)
    return settings.strip if had == "FILE" and settings.sound_source == "STRIP" else ""


def _remove_strip(name: str) -> None:
    """Take back the strip that was made to hear the preview."""
    settings, sequencer = bpy.context.scene.meshtalk, sequencer_scene(bpy.context)
    strip = find_sound_strip(sequencer, name) if name else None
    if strip is None:
        return
    sound = strip.sound
    editor = sequencer.sequence_editor
    (editor.strips if hasattr(editor, "strips") else editor.sequences).remove(strip)
    if sound is not None and sound.users == 0:
        bpy.data.sounds.remove(sound)
    settings.sound_source, settings.strip = "FILE", ""
