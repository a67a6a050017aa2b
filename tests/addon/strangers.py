# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads that nobody knows, as objects."""

from __future__ import annotations

import bpy
import numpy as np


def make_object(name: str, vertices, polygons) -> object:
    """A selected mesh object; polygons are rows padded with -1."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(
        np.asarray(vertices).tolist(), [], [[c for c in row if c >= 0] for row in polygons.tolist()]
    )
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    choose(thing)
    return thing


def choose(thing) -> None:
    bpy.context.view_layer.update()  # it learns of new objects no sooner
    for other in bpy.context.view_layer.objects:
        other.select_set(other == thing)
    bpy.context.view_layer.objects.active = thing
