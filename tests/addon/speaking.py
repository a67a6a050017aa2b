# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes with motion that a test knows, without running the engine."""

from __future__ import annotations

import bpy
import numpy as np

JAW = "jawOpen"


class Speaker:
    """Writes takes on the tiny model's head."""

    def __init__(self, part, head) -> None:
        self.part, self.head = part, head
        self.writing = part("ops.writing")
        models = part("models")
        self.bundle = models.loaded_bundle(models.model_folder("tiny_bundle"), None)
        self.units = self.bundle.unit_names
        self.sentence = ""
        scene = bpy.context.scene
        self.rate = part("scene.timing").scene_rate(scene.render.fps, scene.render.fps_base)

    @property
    def take(self):
        """The head's newest take."""
        return self.head.meshtalk.takes[-1]

    def unit(self, name):
        return self.units.index(name)

    def performance(self, count, seed=0):
        """A take that moves every unit, a swing of its own each; its weights are (count, U)."""
        from meshtalk_checkout.engine.generate.options import Take

        rng = np.random.default_rng(seed)
        speed, phase = rng.uniform(0.1, 0.4, len(self.units)), rng.uniform(0, 6, len(self.units))
        weights = 0.45 + 0.4 * np.sin(np.arange(count)[:, None] * speed + phase)
        return Take(weights.astype(np.float32), self.units, self.rate, seed, np.zeros((count, 4), np.int16))

    def deltas(self, rest):
        from meshtalk_checkout.engine.geometry.bind import bind_head

        return bind_head(self.bundle.template, rest.vertices, rest.polygons).unit_deltas()

    def write(self, frame, count, *, seed=0, **how):
        """One stretch; gives its weights (count, U)."""
        return self.write_many([(frame, count)], seed=seed, **how)[0]

    def write_many(self, stretches, *, seed=0, preview=False, **how):
        """A take of several stretches, (frame, count) each; gives their weights."""
        target = self.writing.target_of(bpy.context, self.head, model="tiny_bundle", **how)
        takes = [self.performance(count, seed + n) for n, (_, count) in enumerate(stretches)]
        spoken = tuple(
            self.writing.Spoken(take, None, frame) for take, (frame, _) in zip(takes, stretches, strict=True)
        )
        result = self.writing.HeadResult(spoken, self.deltas(target.rest))
        self.sentence = self.writing.write_head(target, result, preview=preview).sentence
        return [take.weights for take in takes]


def give_keys(head, names):
    """Keys of the user's own, each of which moves something."""
    head.shape_key_add(name="Basis", from_mix=False)
    for number, name in enumerate(names):
        block = head.shape_key_add(name=name, from_mix=False)
        block.data[number].co.z += 0.01
        block.value = 0.0  # 5.0 makes them at 1


def played(head):
    """The F-curves that play on the head's keys."""
    animation = head.data.shape_keys.animation_data
    if not hasattr(animation.action, "slots"):
        return list(animation.action.fcurves)
    return list(animation.action.layers[0].strips[0].channelbag(animation.action_slot).fcurves)


def curve_values(head, name, frames):
    """Values of a key's F-curve at frames, whole or not."""
    path = f'key_blocks["{name}"].value'
    curve = next(curve for curve in played(head) if curve.data_path == path)
    return np.array([curve.evaluate(float(frame)) for frame in frames])


def moved(head, frame, subframe=0.0):
    """Vertices (V, 3) of the evaluated mesh at a frame."""
    bpy.context.scene.frame_set(frame, subframe=subframe)
    mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)
