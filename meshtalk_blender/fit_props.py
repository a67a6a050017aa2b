# SPDX-License-Identifier: GPL-3.0-or-later
"""The fit of a mesh, saved with the mesh datablock, wherever that is copied or appended.

Its megabytes are in a datablock of their own, which the mesh points to: Blender copies all that a mesh holds
itself in each frame that it plays (*measured*: 4 MB twice, 0.4 ms, and ten times that where the memory goes
back to the system in between).
"""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, FloatProperty, FloatVectorProperty, PointerProperty, StringProperty


class MeshTalkFit(bpy.types.PropertyGroup):
    """What the last fit left: `store` holds the bytes for the engine, the rest is for the panel."""

    store: PointerProperty(type=bpy.types.Text, options={"HIDDEN"})
    median_mm: FloatProperty()
    percentile_95_mm: FloatProperty()
    share_within_4mm: FloatProperty()
    resemblance: FloatProperty()
    parted_mm: FloatProperty()
    eyes_shut: BoolProperty()
    counts: StringProperty(description="Vertices and polygons of the head's objects")
    positions: StringProperty(description="Sum over the positions of the head's vertices")
    landmarks: StringProperty(description="The landmarks that the head was fitted with")
    stretch: FloatVectorProperty(size=6, description="How uneven its scale was; zeros for an even one")


def register() -> None:
    """Register the fit on meshes."""
    bpy.utils.register_class(MeshTalkFit)
    bpy.types.Mesh.meshtalk_fit = PointerProperty(type=MeshTalkFit)


def unregister() -> None:
    """Take it back; what files hold of it stays."""
    del bpy.types.Mesh.meshtalk_fit
    bpy.utils.unregister_class(MeshTalkFit)
