# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that belong to one head and are saved with its object, wherever that is copied or appended."""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from .take_props import MeshTalkOriginal, MeshTalkTake


class MeshTalkLandmark(bpy.types.PropertyGroup):
    """One landmark that the user placed; `name` is the template's name for it."""

    location: FloatVectorProperty(
        name="Location", description="Where it is, in the head's object space", subtype="XYZ", size=3
    )
    corners: IntVectorProperty(
        name="Corners", description="Vertices of the triangle that it lies on", size=3, default=(-1, -1, -1)
    )
    weights: FloatVectorProperty(
        name="Weights", description="How much each corner counts for where it is", size=3
    )
    mesh_vertices: IntProperty(
        name="Vertices", description="How many vertices the mesh had when it was placed", default=-1
    )


class MeshTalkPart(bpy.types.PropertyGroup):
    """Another mesh that moves with the head: teeth, tongue, an eyeball, lashes."""

    object: PointerProperty(
        name="Object",
        description="Mesh that moves with the head",
        type=bpy.types.Object,
        poll=lambda _self, candidate: candidate.type == "MESH",
    )


def _show_active(settings: MeshTalkHead, _context: bpy.types.Context) -> None:
    """Another take was chosen in the list: let it play."""
    from .ops.takes import show_active  # late: operators use these classes

    show_active(settings.id_data)


class MeshTalkHead(bpy.types.PropertyGroup):
    """How MeshTalk treats this head."""

    landmarks: CollectionProperty(type=MeshTalkLandmark)
    fitted: CollectionProperty(type=MeshTalkLandmark)
    show_landmarks: BoolProperty(
        name="Show",
        description="Show the head's landmarks in the 3D views",
        default=True,
    )
    use_mirror: BoolProperty(
        name="Mirror",
        description="Move the landmark of the other side along, mirrored at the head's middle",
        default=True,
    )
    parts: CollectionProperty(type=MeshTalkPart)
    face: PointerProperty(
        name="Head", description="The head that this mesh is a part of", type=bpy.types.Object
    )
    mapping: StringProperty(
        name="Mapping",
        description="Which shape keys stand for which units; when empty, found by their names",
    )
    missing_units: EnumProperty(
        name="Missing Shape Keys",
        description="What to do with units that the mesh has no shape key for",
        items=(
            ("AUTO", "As Needed", "Make them, unless the mesh has keys of its own for the whole mouth"),
            ("MAKE", "Make", "Make every shape key that is missing"),
            ("SKIP", "Leave Out", "Animate only the shape keys that the mesh has"),
        ),
    )
    use_matching: BoolProperty(
        name="Match Shapes",
        description=(
            "Give the head's own shape keys values that suit how far they move it, so that lips meet and it "
            "moves as the model means it. Off: each key gets just the value of what drives it"
        ),
        default=True,
    )
    use_correctives: BoolProperty(
        name="Corrective Keys",
        description=(
            "Add a few shape keys for what the named ones can't express of the motion; none beside shape "
            "keys that the head brings along"
        ),
        default=True,
    )
    corrective_tolerance: FloatProperty(
        name="Tolerance",
        description="Distance in mm at the lips that may be left when corrective keys are made",
        default=0.2,
        min=0.05,
        soft_max=2.0,
        max=10.0,
    )
    takes: CollectionProperty(type=MeshTalkTake)
    originals: CollectionProperty(type=MeshTalkOriginal)
    active_take: IntProperty(
        name="Take",
        description="The take that plays; choose another to see it",
        default=-1,
        min=-1,
        update=_show_active,
    )


_CLASSES = (MeshTalkLandmark, MeshTalkPart, MeshTalkHead)


def register() -> None:
    """Register the settings on objects."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.meshtalk = PointerProperty(type=MeshTalkHead)


def unregister() -> None:
    """Take the settings back."""
    del bpy.types.Object.meshtalk
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
