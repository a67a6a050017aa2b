# SPDX-License-Identifier: GPL-3.0-or-later
"""Generating with the tiny model, and what the engine alone would give."""

from __future__ import annotations

import bpy
import numpy as np

from tests.addon.speaking import moved


def generate():
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}


def fcurves(part, head):
    """The playing F-curves by RNA path."""
    return {
        c.data_path: c for c in part("scene.actions").channels_of(head.data.shape_keys.animation_data).fcurves
    }


def expected(part, scene, head, sound_path, rate, **cut):
    """Weights (T', U) and unit deltas that the engine gives for this head, without the add-on's writing."""
    import meshtalk_checkout.engine.audio.sound as sound
    from meshtalk_checkout.engine.generate import GenerateOptions
    from meshtalk_checkout.engine.generate import generate as run
    from meshtalk_checkout.engine.geometry.bind import bind_head

    models, mesh = part("models"), part("scene.mesh")
    bundle = models.loaded_bundle(models.model_folder(scene.meshtalk.model), None)
    rest = mesh.read_rest_pose(head)
    binding = bind_head(bundle.template, rest.vertices, rest.polygons)
    options = GenerateOptions(seed=scene.meshtalk.seed, temperature=scene.meshtalk.temperature, fps=rate)
    (take,) = run(bundle, sound.load_sound(sound_path, **cut), binding, options)
    return take.weights, binding.unit_deltas(), rest.vertices


def assert_plays(head, first, weights, deltas, rest):
    """The evaluated mesh is rest + weights · deltas, frame by frame."""
    for index in {0, 1, len(weights) // 3, len(weights) // 2, len(weights) - 1}:
        want = rest + np.tensordot(weights[index], deltas, 1)
        np.testing.assert_allclose(moved(head, first + index), want, atol=2e-5)


def sound_of(talking, part):
    """The file that the chosen sound plays."""
    if talking.meshtalk.sound_source == "FILE":
        return talking.meshtalk.sound_file
    strip = part("scene.strips").find_sound_strip(talking, talking.meshtalk.strip)
    return bpy.path.abspath(strip.sound.filepath)
