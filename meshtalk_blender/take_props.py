# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes, kept with the head's object, so that saving, loading, appending, duplicating and undoing take them
along. What is done with them is in `scene/takes.py`."""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .control_props import MeshTalkControls
from .ids import RELATIVE_PATH

KINDS = (
    ("GENERATE", "Generated", "Speech was turned into motion"),
    ("DUB", "Dubbed", "New speech on top of a performance"),
    ("RETARGET", "Retargeted", "Another head's motion"),
)

PLACEMENTS = (
    (
        "NEW",
        "New Action",
        "A new Action; what the head played before stays, and what the take doesn't animate plays on",
    ),
    (
        "RANGE",
        "Current Action",
        "Into the Action that plays now, only in the take's frames; keys outside them stay as they are",
    ),
    ("NLA", "NLA Strip", "A strip on a new NLA track above what plays now, as long as the speech"),
)


class MeshTalkSegment(bpy.types.PropertyGroup):
    """One stretch of a take: its raw curves (`engine/takes/curves.py`) from `frame` on, and their origin."""

    frame: IntProperty(name="Frame", description="Scene frame of the first sample")
    sound: StringProperty(
        name="Sound",
        description="File of the speech",
        subtype="FILE_PATH",
        options={"ANIMATABLE"} | RELATIVE_PATH,
    )
    strip: StringProperty(name="Strip", description="Sound strip of the speech; empty for a bare file")
    model: StringProperty(name="Model", description="Model that it was made with")
    seed: StringProperty(name="Seed", description="Seed that it was sampled with")
    temperature: FloatProperty(name="Temperature", description="How freely it was sampled")
    silence: FloatProperty(name="Silence", description="Seconds after the sound, in which nothing is said")
    data: StringProperty(name="Curves", description="Raw curves", subtype="BYTE_STRING")


class MeshTalkTakeObject(bpy.types.PropertyGroup):
    """What a take does to one of the head's objects: the face, which is not pointed at (it would keep itself
    alive when it is deleted), or a part.

    `recipe` says which of its keys are driven by what (JSON, `scene/recipe.py`). `before` is a copy of what
    the Action held before a take went into its frames `first` to `last`; `below` what was put on an NLA track
    below the take's own, `track`.
    """

    is_face: BoolProperty(name="Face", description="The head itself; else it is one of its parts")
    object: PointerProperty(name="Object", type=bpy.types.Object)
    action: PointerProperty(name="Action", type=bpy.types.Action)
    slot: StringProperty(name="Slot", description="Slot of the Action, from Blender 4.4 on")
    track: StringProperty(name="Track", description="Name of the take's NLA track")
    before: PointerProperty(name="Before", type=bpy.types.Action)
    below: PointerProperty(name="Below", type=bpy.types.Action)
    below_slot: StringProperty(name="Slot Below", description="Slot of what is below")
    first: FloatProperty(name="First", description="First frame of the keys")
    last: FloatProperty(name="Last", description="Last frame of the keys")
    spans: StringProperty(name="Spans", description="Frames that it has of the user's Action")
    recipe: StringProperty(name="Recipe", description="What drives which shape key")
    sums: StringProperty(name="Sums", description="What its curves were when they were written")
    by_hand: IntProperty(name="By Hand", description="How many of its curves were changed since, and stay")
    gone: IntProperty(name="Gone", description="How many of its keys were deleted or renamed since")


def _renamed(take: MeshTalkTake, _context: bpy.types.Context) -> None:
    """The user typed another name: none twice, and the Actions follow."""
    from .scene.takes import name_actions  # late: takes has these classes

    name_actions(take.id_data, take)


class MeshTalkTake(bpy.types.PropertyGroup):
    """One performance of one head. `lips` keeps what visemes need to know of the model (`scene/recipe.py`);
    `written` says which curves and controls its keys were made of."""

    name: StringProperty(name="Name", description="What the take is called", update=_renamed)
    uid: StringProperty(name="Identifier", description="Its own among all takes")
    kind: EnumProperty(name="Kind", description="What made it", items=KINDS)
    rate: StringProperty(name="Rate", description="Frames per second, as a fraction")
    placement: EnumProperty(name="Placement", description="Where its keys are", items=PLACEMENTS)
    segments: CollectionProperty(type=MeshTalkSegment)
    objects: CollectionProperty(type=MeshTalkTakeObject)
    controls: PointerProperty(type=MeshTalkControls)
    preview: BoolProperty(name="Preview", description="Being looked at, and not kept yet")
    lips: StringProperty(name="Lips", description="How units move the lips", subtype="BYTE_STRING")
    written: StringProperty(name="Written", description="What the keys were made of")


class MeshTalkOriginal(bpy.types.PropertyGroup):
    """What played on one of the head's objects before its first take; `action` is None where nothing did.
    `values` are those of its sliders that nothing animated (JSON)."""

    is_face: BoolProperty(name="Face", description="The head itself; else it is one of its parts")
    object: PointerProperty(name="Object", type=bpy.types.Object)
    action: PointerProperty(name="Action", type=bpy.types.Action)
    slot: StringProperty(name="Slot", description="Slot of the Action, from Blender 4.4 on")
    values: StringProperty(name="Values", description="Sliders that nothing animated")


_CLASSES = (MeshTalkSegment, MeshTalkTakeObject, MeshTalkTake, MeshTalkOriginal)


def register() -> None:
    """Register takes, which heads have."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take them back."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
