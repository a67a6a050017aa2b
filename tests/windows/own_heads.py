# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads as users have them: with ARKit's 52 keys, each drawn in its own way; with a mesh nobody knows."""

from __future__ import annotations

import importlib

import bmesh
import bpy
import numpy as np
from hands import EXTENSION
from tab import add_on

FURTHER = {"jaw": 0.7, "mouth": 1.4}
"""How far the rig's keys go beside MeshTalk's, by how their names begin."""

NAME = "My Rig"


def give_keys(head: bpy.types.Object) -> None:
    """Make shape keys as a modeller would, and forget where the head came from."""
    models, rest = add_on("models"), add_on("scene.mesh").read_rest_pose(head)
    bundle = models.loaded_bundle(models.model_folder(bpy.context.scene.meshtalk.model), None)
    bind_head = importlib.import_module(f"{EXTENSION}.engine.geometry.bind").bind_head
    binding = bind_head(bundle.template, rest.vertices, rest.polygons)
    head.name = head.data.name = NAME
    head.shape_key_add(name="Basis", from_mix=False)
    for name, deltas in zip(bundle.unit_names, binding.unit_deltas(), strict=True):
        further = next((factor for start, factor in FURTHER.items() if name.startswith(start)), 1.0)
        block = head.shape_key_add(name=name, from_mix=False)
        block.points.foreach_set("co", (rest.vertices + further * deltas).astype(np.float32).ravel())
        block.value = 0.0


def make_stranger(head: bpy.types.Object) -> None:
    """Give the head another mesh, four times as dense, and other proportions: a broad jaw, a long face."""
    head.name = head.data.name = "Sculpt"
    mesh = bmesh.new()
    mesh.from_mesh(head.data)
    bmesh.ops.subdivide_edges(mesh, edges=mesh.edges[:], cuts=1, use_grid_fill=True)
    places = np.array([vertex.co for vertex in mesh.verts])
    low, high = places.min(axis=0), places.max(axis=0)
    middle = (low + high) / 2
    for vertex in mesh.verts:
        down = np.clip((middle[2] - vertex.co.z) / (middle[2] - low[2]), 0, 1)
        vertex.co.x = middle[0] + (vertex.co.x - middle[0]) * (1 + 0.16 * down)
        vertex.co.z = middle[2] + (vertex.co.z - middle[2]) * 1.06
        vertex.co.y = middle[1] + (vertex.co.y - middle[1]) * 1.05
    mesh.to_mesh(head.data)
    mesh.free()
    head.data.update()
