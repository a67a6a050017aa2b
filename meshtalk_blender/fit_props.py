# SPDX-License-Identifier: GPL-3.0-or-later
"""The fit of a mesh, saved with the mesh datablock, wherever that is copied or appended.

It is a registered property and no plain custom one, because Blender would draw megabytes of text in the
mesh's Custom Properties.
"""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, FloatProperty, FloatVectorProperty, PointerProperty, StringProperty


class MeshTalkFit(bpy.types.PropertyGroup):
    """What the last fit left: `data` for the engine, the rest for the panel, which needn't open `data`."""

    data: StringProperty(subtype="BYTE_STRING", options={"HIDDEN"})
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
