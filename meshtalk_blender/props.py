# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that are saved with the scene."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from .ids import RELATIVE_PATH
from .models import find_models
from .scene.strips import sequencer_scene, sound_strips
from .take_props import PLACEMENTS

_items: list[tuple[str, str, str, int]] = []


def _model_items(_self: object, _context: object) -> list[tuple[str, str, str, int]]:
    # Blender keeps no reference to the strings of dynamic items, so this module does.
    _items[:] = [
        (place.name, place.name.replace("_", " ").title(), str(place.folder), place.number)
        for place in find_models()
    ]
    if not _items:
        _items[:] = [("", "No Model", "Add a model folder in the preferences", 0)]
    return _items


def _strip_names(_self: object, context: bpy.types.Context, _text: str) -> Iterable[str]:
    return [strip.name for strip in sound_strips(sequencer_scene(context))]


def _is_mesh(_self: object, candidate: bpy.types.Object) -> bool:
    return candidate.type == "MESH"


class MeshTalkSettings(bpy.types.PropertyGroup):
    """What the MeshTalk tab asks for."""

    head: PointerProperty(
        name="Head",
        description="Mesh that talks; when empty, the active object",
        type=bpy.types.Object,
        poll=_is_mesh,
    )
    sound_source: EnumProperty(
        name="Sound",
        description="Where the speech comes from",
        items=(
            ("STRIP", "Strip", "A sound strip of the sequencer, with its trim and its place in time"),
            ("SELECTED", "Selected", "All selected sound strips of the sequencer, as one take"),
            ("FILE", "File", "A sound file, which is put into the sequencer at the scene's first frame"),
        ),
    )
    strip: StringProperty(
        name="Strip",
        description="Sound strip of the sequencer; when empty, the only one there",
        search=_strip_names,
        search_options={"SUGGESTION"},
    )
    sound_file: StringProperty(
        name="File",
        description="Sound file with speech: wav, flac, ogg, mp3, or whatever else this Blender plays",
        subtype="FILE_PATH",
        options={"ANIMATABLE"} | RELATIVE_PATH,
    )
    heads: EnumProperty(
        name="Heads",
        description="Which heads get a take",
        items=(
            ("ACTIVE", "This Head", "The head above"),
            ("SELECTED", "Selected Heads", "All selected heads, which all speak the same"),
        ),
    )
    placement: EnumProperty(name="Into", description="Where the take is written", items=PLACEMENTS)
    model: EnumProperty(name="Model", description="Model that turns speech into motion", items=_model_items)
    seed: IntProperty(
        name="Seed",
        description="Another seed gives other blinks and brows for the same words; the same seed, the same",
        default=0,
        min=0,
    )
    temperature: FloatProperty(
        name="Temperature",
        description="How freely blinks, brows and the like are sampled: 1 is as learned, 0 is calm",
        default=1.0,
        min=0.0,
        soft_max=1.5,
        max=10.0,
    )


def register() -> None:
    """Register the settings on scenes."""
    bpy.utils.register_class(MeshTalkSettings)
    bpy.types.Scene.meshtalk = PointerProperty(type=MeshTalkSettings)


def unregister() -> None:
    """Take the settings back."""
    del bpy.types.Scene.meshtalk
    bpy.utils.unregister_class(MeshTalkSettings)
