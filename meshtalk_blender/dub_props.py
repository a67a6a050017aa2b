# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dub and Retarget ask for, saved with the scene."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty

STRETCHES = (
    ("live", "Goes On", "Where the sound is longer, new brows and blinks follow, by the seed"),
    ("hold", "Holds", "Where the sound is longer, the upper face keeps its last pose, with open eyes"),
    ("loop", "Back and Forth", "Where the sound is longer, the performance runs back and forth"),
    ("stretch", "Stretched", "The performance is fitted to the sound's length; blinks keep their speed"),
)

RANGES = (
    ("ANIMATION", "Animation", "From the first to the last key of whatever animates the head"),
    ("SCENE", "Scene", "The scene's frames, or those of its preview range where that is on"),
)

PARTS = (
    ("ALL", "Whole Face", "All that the source's face does"),
    ("MOUTH", "Mouth", "Jaw, lips, cheeks and tongue alone; the upper face keeps what it plays"),
    ("UPPER", "Upper Face", "Brows, lids and gaze alone; the mouth keeps what it plays"),
)


UPPER = {
    "name": "Upper Face",
    "description": "How much of the old brows, lids and gaze stays; the rest is sampled by the seed",
    "default": 1.0,
    "min": 0.0,
    "max": 1.0,
    "subtype": "FACTOR",
}

MOUTH = {
    "name": "Mouth",
    "description": "How much of the old mouth stays; above 0 lips close less surely on the new words",
    "default": 0.0,
    "min": 0.0,
    "max": 1.0,
    "subtype": "FACTOR",
}

KEEP_SILENCE = {
    "name": "Old Mouth in Pauses",
    "description": "Where the new sound is silent for 0.4 s or longer, the mouth does what it did",
    "default": False,
}

MUTE = {
    "name": "Mute Old Speech",
    "description": "Mute the strips that this head's other takes speak, where they sound at the same time",
    "default": True,
}

STRETCH = {
    "name": "Other Length",
    "description": "What the performance does under a sound that is longer or shorter than it",
    "items": STRETCHES,
    "default": "live",
}

RANGE = {
    "name": "Range",
    "description": "Which frames are read",
    "items": RANGES,
    "default": "ANIMATION",
}

PART = {
    "name": "Drives",
    "description": "What of this head the source moves",
    "items": PARTS,
    "default": "ALL",
}

SEED = {
    "name": "Seed",
    "description": "For what the performance doesn't tell: beyond its end, and where less of it stays",
    "default": 0,
    "min": 0,
}


class MeshTalkDub(bpy.types.PropertyGroup):
    """What Dub asks for."""

    upper: FloatProperty(**UPPER)
    mouth: FloatProperty(**MOUTH)
    keep_silence: BoolProperty(**KEEP_SILENCE)
    mute_old: BoolProperty(**MUTE)
    stretch: EnumProperty(**STRETCH)
    range: EnumProperty(**RANGE)
    seed: IntProperty(**SEED)


class MeshTalkRetarget(bpy.types.PropertyGroup):
    """What Retarget asks for."""

    source: PointerProperty(
        name="Source",
        description="Head whose motion is taken over",
        type=bpy.types.Object,
        poll=lambda _self, candidate: candidate.type == "MESH",
    )
    range: EnumProperty(**RANGE)
    part: EnumProperty(**PART)


_CLASSES = (MeshTalkDub, MeshTalkRetarget)


def register() -> None:
    """Register the settings on scenes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.meshtalk_dub = PointerProperty(type=MeshTalkDub)
    bpy.types.Scene.meshtalk_retarget = PointerProperty(type=MeshTalkRetarget)


def unregister() -> None:
    """Take the settings back."""
    del bpy.types.Scene.meshtalk_retarget
    del bpy.types.Scene.meshtalk_dub
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
