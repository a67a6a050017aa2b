# SPDX-License-Identifier: GPL-3.0-or-later
"""Spots on a head's surface: a triangle's corners and weights, so that they keep their place on the skin.

Landmarks belong to the mesh at rest. In the view a head may be posed, by shape keys or an armature: where
modifiers leave the vertices as they are, the spot is the same one there. Where a spot is can be told without
numpy, which Blender's start and the panels do without; finding one is up to `surface`.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
from mathutils import Vector

Place = tuple[float, float, float]


@dataclass(frozen=True)
class Spot:
    """A place on a triangle: its three vertices, and their weights, which sum to 1."""

    corners: tuple[int, int, int]
    weights: Place


def place_at_rest(head: bpy.types.Object, spot: Spot) -> Place:
    """Where the spot is on the mesh at rest, in object space, without reading the whole mesh."""
    keys = head.data.shape_keys
    return _mixed(keys.reference_key.data if keys else head.data.vertices, spot)


def place_in_view(head: bpy.types.Object, depsgraph: bpy.types.Depsgraph, spot: Spot) -> Place:
    """Where the spot is as the head stands now, in object space; at rest where modifiers make vertices."""
    seen = seen_mesh(head, depsgraph)
    return place_at_rest(head, spot) if seen is None else _mixed(seen.vertices, spot)


def normal_in_view(head: bpy.types.Object, depsgraph: bpy.types.Depsgraph, spot: Spot) -> Vector:
    """The normal of the spot's triangle as the head stands now, in object space."""
    seen = seen_mesh(head, depsgraph)
    a, b, c = ((seen or head.data).vertices[corner].co for corner in spot.corners)
    return (b - a).cross(c - a).normalized()


def seen_mesh(head: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> bpy.types.Mesh | None:
    """The evaluated mesh, where its vertices and polygons are those of the head's own."""
    mesh, seen = head.data, head.evaluated_get(depsgraph).data
    same = len(seen.vertices) == len(mesh.vertices) and len(seen.polygons) == len(mesh.polygons)
    return seen if same else None


def _mixed(vertices: bpy.types.bpy_prop_collection, spot: Spot) -> Place:
    x, y, z = (
        sum(
            vertices[corner].co[axis] * weight
            for corner, weight in zip(spot.corners, spot.weights, strict=True)
        )
        for axis in range(3)
    )
    return x, y, z
