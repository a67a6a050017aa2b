# SPDX-License-Identifier: GPL-3.0-or-later
"""How armatures turn what shape keys do: vertex weights, and the bones' motion, by linear blend skinning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from .mesh import PartSlice

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class BoneSet:
    """The bones of an armature that may move an object: one step of its modifiers. `weights` (n, B) are those
    of its vertices, whose rows sum to 1 or to 0."""

    armature: str
    bones: tuple[str, ...]
    weights: Floats


@dataclass(frozen=True, eq=False)
class SkinTrack:
    """What bones do to the vertices of all of a head's objects: `weights` (V', B) with rows that sum to 1,
    and linear parts `bones` (T, B, 3, 3) in the space of the head's rest pose; bone 0 never moves."""

    weights: Floats
    bones: Floats


def bone_sets(thing: bpy.types.Object) -> tuple[BoneSet, ...]:
    """The first armature that deforms an object, by a modifier or as its parent, and whose bones have
    vertices here; of several only that one is reckoned with."""
    sets = []
    for armature in _armatures(thing):
        names = [bone.name for bone in armature.data.bones if bone.use_deform]
        groups = {thing.vertex_groups[name].index: name for name in names if name in thing.vertex_groups}
        if groups:
            sets.append(_bone_set(thing, armature, groups))
    return tuple(sets[:1])


def bone_motion(
    thing: bpy.types.Object, piece: PartSlice, sets: Sequence[BoneSet], graph: bpy.types.Depsgraph
) -> Floats:
    """The linear parts (B, 3, 3) of the bones' motion at the present frame, in the space of the head's rest
    pose, the sets one after the other."""
    seen, turn = thing.evaluated_get(graph), np.linalg.inv(piece.turn.astype(np.float64)).T
    rows = []
    for bones in sets:
        armature = bpy.data.objects.get(bones.armature)
        rows += [np.eye(3)] * len(bones.bones) if armature is None else _linear(seen, armature, bones, graph)
    back = np.linalg.inv(turn)
    return np.array([turn @ row @ back for row in rows], np.float32).reshape(-1, 3, 3)


def _linear(
    seen: bpy.types.Object, armature: bpy.types.Object, bones: BoneSet, graph: bpy.types.Depsgraph
) -> list[NDArray[np.float64]]:
    posed = armature.evaluated_get(graph)
    into: Matrix = posed.matrix_world.inverted_safe() @ seen.matrix_world
    out = into.inverted_safe()
    found = []
    for name in bones.bones:
        bone = posed.pose.bones.get(name)
        moved = Matrix() if bone is None else bone.matrix @ bone.bone.matrix_local.inverted_safe()
        found.append(np.array(out @ moved @ into)[:3, :3])
    return found


def _armatures(thing: bpy.types.Object) -> list[bpy.types.Object]:
    found = []
    if thing.parent is not None and thing.parent_type == "ARMATURE" and thing.parent.type == "ARMATURE":
        found.append(thing.parent)
    for modifier in thing.modifiers:
        on = modifier.type == "ARMATURE" and modifier.show_viewport and modifier.use_vertex_groups
        if on and modifier.object is not None:
            found.append(modifier.object)
    return list(dict.fromkeys(found))


def _bone_set(thing: bpy.types.Object, armature: bpy.types.Object, groups: dict[int, str]) -> BoneSet:
    columns = {index: column for column, index in enumerate(groups)}
    weights = np.zeros((len(thing.data.vertices), len(groups)), np.float32)
    for vertex in thing.data.vertices:
        for member in vertex.groups:
            if member.group in columns:
                weights[vertex.index, columns[member.group]] = member.weight
    total = weights.sum(axis=1, keepdims=True)
    share = (weights / np.where(total > 0, total, 1.0)).astype(np.float32)
    return BoneSet(armature.name, tuple(groups.values()), share)
