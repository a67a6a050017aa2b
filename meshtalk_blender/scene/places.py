# SPDX-License-Identifier: GPL-3.0-or-later
"""Where objects are to each other at rest, whatever pose the scene shows, and though they are hidden."""

from __future__ import annotations

import bpy
from mathutils import Matrix


def matrix_to(face: bpy.types.Object, other: bpy.types.Object) -> Matrix | None:
    """From the object space of `other` to that of `face`, with bones at rest; None where the face's own scale
    is zero or the other's is.

    Hidden objects' world matrices may be stale, so the chain of parents is followed by hand. Constraints, and
    parents whose shape carries their children, can't be: then the scene's present state counts for both.
    """
    by_hand = _is_plain(face) and _is_plain(other)
    face_world, world = (at_rest(thing) if by_hand else thing.matrix_world for thing in (face, other))
    if abs(face_world.to_3x3().determinant()) < 1e-30 or abs(world.to_3x3().determinant()) < 1e-30:
        return None
    return face_world.inverted() @ world


def _is_plain(thing: bpy.types.Object) -> bool:
    """Whether only parents (objects and bones) place this object."""
    while thing is not None:
        if any(constraint.enabled and constraint.influence > 0 for constraint in thing.constraints):
            return False
        if thing.parent is not None and thing.parent_type not in ("OBJECT", "ARMATURE", "BONE"):
            return False
        if thing.parent is not None and thing.parent.type == "CURVE" and thing.parent.data.use_path:
            return False
        thing = thing.parent
    return True


def at_rest(thing: bpy.types.Object) -> Matrix:
    """World matrix by way of the parents, bones at rest; constraints don't count."""
    if thing.parent is None:
        return thing.matrix_basis.copy()
    bone = _bone_at_rest(thing) if thing.parent_type == "BONE" else Matrix()
    return at_rest(thing.parent) @ bone @ thing.matrix_parent_inverse @ thing.matrix_basis


def _bone_at_rest(thing: bpy.types.Object) -> Matrix:
    """What a bone adds between its armature and its child: children hang on the bone's tail."""
    bones = thing.parent.data.bones if thing.parent.type == "ARMATURE" else {}
    bone = bones.get(thing.parent_bone)
    if bone is None or bone.use_relative_parent:
        return Matrix()
    return bone.matrix_local @ Matrix.Translation((0.0, bone.length, 0.0))
