# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the model's own head as an object: quads, smooth shading, a material for each part."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

# Linear base colour, roughness and subsurface weight of each part, in the order of the template's part
# numbers.
MATERIALS: tuple[tuple[str, tuple[float, float, float], float, float], ...] = (
    ("MeshTalk Skin", (0.52, 0.27, 0.18), 0.50, 0.10),
    ("MeshTalk Eye", (0.80, 0.78, 0.75), 0.15, 0.0),
    ("MeshTalk Teeth", (0.88, 0.81, 0.68), 0.25, 0.0),
    ("MeshTalk Tongue", (0.45, 0.12, 0.11), 0.40, 0.10),
    ("MeshTalk Hair", (0.05, 0.03, 0.02), 0.60, 0.0),
    ("MeshTalk Iris", (0.08, 0.13, 0.17), 0.10, 0.0),
    ("MeshTalk Pupil", (0.003, 0.003, 0.003), 0.05, 0.0),
    ("MeshTalk Gums", (0.42, 0.14, 0.13), 0.35, 0.10),
    ("MeshTalk Mouth", (0.22, 0.06, 0.05), 0.50, 0.0),
)
VIEWPORT_GAIN = 1.35
"""Solid view's studio light is darker than a lit scene: its colours are raised by this."""

_EYE, _IRIS, _PUPIL = 1, 5, 6


def make_head_mesh(
    name: str, vertices: NDArray[np.float32], faces: NDArray[np.int32], part: NDArray[np.uint8]
) -> bpy.types.Mesh:
    """A mesh of `vertices` (V, 3) and `faces` (F, 4), -1 pads a triangle; `part` (V,) chooses the
    materials."""
    mesh = bpy.data.meshes.new(name)
    sizes = (faces >= 0).sum(axis=1).astype(np.int32)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    mesh.loops.add(int(sizes.sum()))
    mesh.loops.foreach_set("vertex_index", faces[faces >= 0].astype(np.int32))
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.cumsum(np.append(0, sizes[:-1])).astype(np.int32))
    used, slots = np.unique(face_slots(vertices, faces, part), return_inverse=True)
    mesh.polygons.foreach_set("material_index", slots.astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    for number in used:
        mesh.materials.append(_material(*MATERIALS[number]))
    mesh.update(calc_edges=True)
    mesh.validate()
    return mesh


def face_slots(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], part: NDArray[np.uint8]
) -> NDArray[np.int32]:
    """Material slot (F,) of each face: its part, where parts meet the lower one. A head without irises of its
    own gets them from the faces around the front of each eyeball."""
    slots = np.where(faces < 0, len(MATERIALS), part[faces]).min(axis=1).astype(np.int32)
    if (slots == _IRIS).any():
        return slots
    centres = vertices[faces[:, :3]].mean(axis=1)
    for side in (centres[:, 0] > 0, centres[:, 0] <= 0):
        eye = np.flatnonzero(side & (slots == _EYE))
        if len(eye):
            slots[eye] = _eye_slots(centres[eye])
    return slots


def _eye_slots(centres: NDArray[np.float32]) -> NDArray[np.int32]:
    """Slots of one eye's faces by their angle to the gaze, which is along -Y at rest."""
    away = centres - _ball_centre(centres)
    cosine = -away[:, 1] / np.maximum(np.linalg.norm(away, axis=1), 1e-9)
    return np.where(cosine > 0.978, _PUPIL, np.where(cosine > 0.93, _IRIS, _EYE)).astype(np.int32)


def _ball_centre(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centre of the sphere through points (N, 3) in the least-squares sense: an eye may be only half a
    ball."""
    mean = points.mean(axis=0)
    local = (points - mean).astype(np.float64)
    system = np.column_stack([2 * local, np.ones(len(local))])
    solution = np.linalg.lstsq(system, (local**2).sum(axis=1), rcond=None)[0]
    return (mean + solution[:3]).astype(np.float32)


def place_head(
    mesh: bpy.types.Mesh, collection: bpy.types.Collection, location: Sequence[float]
) -> bpy.types.Object:
    """An object with this mesh at `location`."""
    head = bpy.data.objects.new(mesh.name, mesh)
    head.location = location
    collection.objects.link(head)
    return head


def _material(
    name: str, colour: tuple[float, float, float], roughness: float, subsurface: float
) -> bpy.types.Material:
    """The material of this name if the file has it already, else a new one; the viewport shows the same
    colour."""
    material = bpy.data.materials.get(name)
    if material is not None and material.library is None:
        return material
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):  # always on from then, and setting it warns
        material.use_nodes = True
    material.diffuse_color = (*(min(1.0, VIEWPORT_GAIN * channel) for channel in colour), 1.0)
    material.roughness = roughness
    shader = material.node_tree.nodes.get("Principled BSDF")
    if shader is not None:
        shader.inputs["Base Color"].default_value = (*colour, 1.0)
        shader.inputs["Roughness"].default_value = roughness
        shader.inputs["Subsurface Weight"].default_value = subsurface
        shader.inputs["Subsurface Scale"].default_value = 0.005
    return material
