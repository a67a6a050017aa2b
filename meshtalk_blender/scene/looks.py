# SPDX-License-Identifier: GPL-3.0-or-later
"""What colour a head is, for small pictures of it: its materials' base colours, or painted vertices."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from .parts import head_objects

Colours = NDArray[np.float32]

UNKNOWN = (np.nan, np.nan, np.nan)
"""Of what a texture colours, or nothing."""

DISPLAY = 1.6 / 2.2
"""Power that takes Blender's linear colours to those that the pictures, which shine brighter, want."""


def head_colours(head: bpy.types.Object) -> Colours:
    """Colours (V', 3) of all vertices of a head, its face first; NaN where none is known."""
    return np.concatenate([_colours(thing.data) for thing in head_objects(head)]) ** np.float32(DISPLAY)


def _colours(mesh: bpy.types.Mesh) -> Colours:
    found = [_colour(material) for material in mesh.materials] or [UNKNOWN]
    slots = np.array([UNKNOWN if each is None else each for each in found], np.float32)
    painted = _painted(mesh) if None in found else None
    vertices = np.full((len(mesh.vertices), 3), np.nan, np.float32)
    if len(mesh.polygons):
        slot, count = np.empty(len(mesh.polygons), np.int32), np.empty(len(mesh.polygons), np.int32)
        corner = np.empty(len(mesh.loops), np.int32)
        mesh.polygons.foreach_get("material_index", slot)
        mesh.polygons.foreach_get("loop_total", count)
        mesh.loops.foreach_get("vertex_index", corner)
        vertices[corner] = slots[np.repeat(slot.clip(0, len(slots) - 1), count)]
    if painted is not None:
        bare = np.isnan(vertices).any(axis=1)
        vertices[bare] = painted[bare]
    return vertices


def _colour(material: bpy.types.Material | None) -> tuple[float, float, float] | None:
    """A material's base colour; UNKNOWN where a texture gives it, None where the vertices' paint does."""
    tree = None if material is None else material.node_tree
    shader = next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None) if tree else None
    if shader is None:
        return UNKNOWN
    socket = shader.inputs["Base Color"]
    if not socket.is_linked:
        return tuple(socket.default_value[:3])
    paints = {"VERTEX_COLOR", "ATTRIBUTE"}
    return None if socket.links[0].from_node.type in paints else UNKNOWN


def _painted(mesh: bpy.types.Mesh) -> Colours | None:
    """The colours (V, 3) painted on the vertices; None where there are none."""
    paint = mesh.color_attributes.active_color
    if paint is None or not len(paint.data):
        return None
    values = np.empty(4 * len(paint.data), np.float32)
    paint.data.foreach_get("color", values)
    colours = values.reshape(-1, 4)[:, :3]
    if paint.domain == "POINT":
        return colours
    corner = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corner)
    vertices = np.full((len(mesh.vertices), 3), np.nan, np.float32)
    vertices[corner] = colours
    return vertices
