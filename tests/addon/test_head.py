# SPDX-License-Identifier: GPL-3.0-or-later
"""Add ▸ Mesh ▸ MeshTalk Head."""

from __future__ import annotations

import importlib
from pathlib import Path

import bpy
import numpy as np
import pytest


def _positions(head):
    flat = np.empty(len(head.data.vertices) * 3, np.float32)
    head.data.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def test_head_is_the_templates_at_the_cursor_smooth_and_with_materials(part, scene):
    scene.cursor.location = (1.0, 2.0, 3.0)
    assert bpy.ops.meshtalk.add_head() == {"FINISHED"}
    head = bpy.context.active_object
    models = part("models")
    template = models.loaded_bundle(models.model_folder(scene.meshtalk.model), None).template
    offsets = _positions(head) - template.rest
    assert np.ptp(offsets, axis=0).max() < 1e-6
    assert tuple(head.location) == (1.0, 2.0, 3.0) and head.select_get()
    assert all(polygon.use_smooth for polygon in head.data.polygons)
    assert [len(polygon.vertices) for polygon in head.data.polygons] == (template.faces >= 0).sum(
        axis=1
    ).tolist()
    assert all(slot.material is not None for slot in head.material_slots)


def test_scale_makes_it_larger(scene):
    bpy.ops.meshtalk.add_head()
    small = np.ptp(_positions(bpy.context.active_object), axis=0)
    bpy.ops.meshtalk.add_head(scale=3.0)
    np.testing.assert_allclose(np.ptp(_positions(bpy.context.active_object), axis=0), 3 * small, rtol=1e-5)


def test_two_heads_share_their_materials(scene):
    bpy.ops.meshtalk.add_head()
    count = len(bpy.data.materials)
    bpy.ops.meshtalk.add_head()
    assert len(bpy.data.materials) == count


def test_the_default_models_head_has_teeth_that_talk_with_it(part, scene, speech_file):
    default = importlib.import_module(f"{part('models').__package__.rsplit('.', 1)[0]}.engine.bundle")
    if not Path(default.default_bundle_path()).is_dir():
        pytest.skip("there is no default model: train it")
    scene.meshtalk.model = "default"
    bpy.ops.meshtalk.add_head(scale=2.0)
    head = bpy.context.active_object
    models = part("models")
    template = models.loaded_bundle(models.model_folder("default"), None).template
    if not len(template.attached_rest):
        pytest.skip("the default model has no teeth: python -m training.faces.patch engine/models/default")
    names = {slot.material.name for slot in head.material_slots}
    assert {"MeshTalk Teeth", "MeshTalk Gums", "MeshTalk Tongue", "MeshTalk Iris", "MeshTalk Mouth"} <= names
    pose = part("scene.mesh").read_rest_pose(head)
    scene.meshtalk.sound_source, scene.meshtalk.sound_file = "FILE", str(speech_file)
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    jaw = head.data.shape_keys.key_blocks["jawOpen"]
    down = np.array([point.co.z for point in jaw.data]) - pose.vertices[:, 2]
    lower, upper = (np.flatnonzero(template.attached_bone == bone) + len(template) for bone in (1, 0))
    assert down[lower].max() < -0.005 and np.abs(down[upper]).max() == 0.0


def test_undo_takes_the_head_back(scene):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.meshtalk.add_head("EXEC_DEFAULT", True)
    assert len(bpy.data.objects) == 1
    bpy.ops.ed.undo()
    assert len(bpy.data.objects) == 0 and len(bpy.data.meshes) == 0


def test_not_in_edit_mode(head):
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Object Mode"):
        bpy.ops.meshtalk.add_head()


def test_iris_and_pupil_look_along_minus_y(part):
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rings = np.linspace(0.05, np.pi - 0.05, 24)
    ball = np.array(
        [
            [0.03 + 0.012 * np.sin(r) * np.cos(a), -0.012 * np.cos(r), 0.012 * np.sin(r) * np.sin(a)]
            for r in rings
            for a in angles
        ],
        np.float32,
    )
    faces = np.array(
        [
            [r * 24 + a, r * 24 + (a + 1) % 24, (r + 1) * 24 + (a + 1) % 24, (r + 1) * 24 + a]
            for r in range(23)
            for a in range(24)
        ],
        np.int32,
    )
    slots = part("scene.head").face_slots(ball, faces, np.ones(len(ball), np.uint8))
    depth = {slot: ball[faces[slots == slot]].mean(axis=(0, 1))[1] for slot in (1, 5, 6)}
    assert depth[6] < depth[5] < depth[1]
