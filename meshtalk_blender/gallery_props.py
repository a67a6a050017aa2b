# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the seeds' panel, saved with the scene. The gallery itself is in memory (`ops/gallery.py`)."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

MOST_SEEDS = 16


class MeshTalkSeeds(bpy.types.PropertyGroup):
    """What the seeds' panel asks for."""

    count: IntProperty(
        name="Seeds",
        description="How many seeds are sampled, from the one above on",
        default=8,
        min=1,
        max=MOST_SEEDS,
    )
    use_upper_temperature: BoolProperty(
        name="Upper Face",
        description="Give brows, lids and gaze a temperature of their own; the mouth stays as it is",
    )
    upper_temperature: FloatProperty(
        name="Upper Face's Temperature",
        description="How freely brows, lids and gaze are sampled: 1 is as learned, 0 is calm",
        default=1.0,
        min=0.0,
        soft_max=2.0,
        max=10.0,
    )
    mouth_take: StringProperty(name="Mouth", description="Take whose jaw, lips and cheeks are used")
    upper_take: StringProperty(name="Eyes", description="Take whose brows, lids and gaze are used")
    range_start: IntProperty(
        name="Start", description="First frame of the scene that is sampled again", default=1
    )
    range_end: IntProperty(
        name="End", description="Last frame of the scene that is sampled again", default=48
    )
    range_seed: IntProperty(
        name="Seed", description="Seed of the new stretch; the rest of the take stays", default=1, min=0
    )


def upper_temperature_of(context: bpy.types.Context) -> float | None:
    """The temperature of the upper face alone that the panel asks for; None for the same as the mouth's."""
    settings = context.scene.meshtalk_seeds
    return settings.upper_temperature if settings.use_upper_temperature else None


def register() -> None:
    """Register the settings on scenes."""
    bpy.utils.register_class(MeshTalkSeeds)
    bpy.types.Scene.meshtalk_seeds = PointerProperty(type=MeshTalkSeeds)


def unregister() -> None:
    """Take the settings back."""
    del bpy.types.Scene.meshtalk_seeds
    bpy.utils.unregister_class(MeshTalkSeeds)
