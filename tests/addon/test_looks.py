# SPDX-License-Identifier: GPL-3.0-or-later
"""What colour a head is for the gallery's pictures."""

from __future__ import annotations

import bpy
import numpy as np
import pytest


@pytest.fixture()
def cube(scene):
    """A cube with two materials: the first one on its first polygon alone."""
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.active_object
    for name in ("One", "Two"):
        material = bpy.data.materials.new(name)
        if bpy.app.version < (5, 0, 0):  # always on from then, and setting it warns
            material.use_nodes = True
        cube.data.materials.append(material)
    for polygon in cube.data.polygons[1:]:
        polygon.material_index = 1
    return cube


def base(cube, slot):
    """The shader's base colour of the material in this slot."""
    nodes = cube.data.materials[slot].node_tree.nodes
    return next(node for node in nodes if node.type == "BSDF_PRINCIPLED").inputs["Base Color"]


def feed(cube, slot, kind):
    """Let a node of this type give the base colour."""
    tree = cube.data.materials[slot].node_tree
    tree.links.new(tree.nodes.new(kind).outputs["Color"], base(cube, slot))


def test_base_colours_of_materials(part, cube):
    base(cube, 0).default_value = base(cube, 1).default_value = (1.0, 0.5, 0.0, 1.0)
    colours = part("scene.looks").head_colours(cube)
    assert colours.shape == (8, 3)
    np.testing.assert_allclose(colours, [[1.0, 0.5 ** (1.6 / 2.2), 0.0]] * 8, rtol=1e-5)


def test_each_vertex_has_its_polygons_material(part, cube):
    base(cube, 0).default_value, base(cube, 1).default_value = (1, 0, 0, 1), (0, 1, 0, 1)
    red = part("scene.looks").head_colours(cube)[:, 0] > 0.5
    assert set(np.flatnonzero(red)) <= set(cube.data.polygons[0].vertices)


def test_a_texture_is_unknown(part, cube):
    feed(cube, 1, "ShaderNodeTexImage")
    assert np.isnan(part("scene.looks").head_colours(cube)).any(axis=1).sum() >= 4


def test_painted_vertices(part, cube):
    paint = cube.data.color_attributes.new("Paint", "FLOAT_COLOR", "POINT")
    paint.data.foreach_set("color", np.tile([0.0, 0.0, 1.0, 1.0], 8))
    cube.data.color_attributes.active_color = paint
    feed(cube, 0, "ShaderNodeVertexColor")
    feed(cube, 1, "ShaderNodeVertexColor")
    np.testing.assert_allclose(part("scene.looks").head_colours(cube), [[0, 0, 1]] * 8, atol=1e-6)


def test_without_materials_nothing_is_known(part, scene):
    bpy.ops.mesh.primitive_cube_add()
    assert np.isnan(part("scene.looks").head_colours(bpy.context.active_object)).all()
