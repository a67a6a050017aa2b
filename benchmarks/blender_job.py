# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by a Python that has bpy: ``blender_job.py CHECKOUT MESHES.npz SOUND LONG_SOUND``; prints JSON.

MESHES.npz holds the template's and another head's vertices and polygons (−1 pads).
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

import bpy
import numpy as np

PACKAGE = "meshtalk_measured"
PLAYED = range(1, 1801, 6)
"""Frames that are played: over the whole minute, for a face does not do the same all the time."""


def main(root: str, meshes: str, sound: str, long_sound: str) -> None:
    """Measure, and print what was found."""
    start = clocks()
    package = types.ModuleType(PACKAGE)
    package.__path__ = [root]
    sys.modules[PACKAGE] = package
    bpy.context.preferences.addons.new().module = PACKAGE
    importlib.import_module(f"{PACKAGE}.meshtalk_blender").register()
    found: dict[str, Any] = {"registered": since(start)}
    arrays = np.load(meshes)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 30
    head = add_mesh("Template", arrays["own_vertices"], arrays["own_polygons"])
    found["first"] = generate(head, sound)
    if "vertices" in arrays:
        found |= long_take(arrays, sound, long_sound)
        found["again"] = against_template(arrays, long_sound)
    print("RESULT", json.dumps(found))


def clocks() -> tuple[float, float]:
    """The wall's clock, and the processors' time of this process: on a busy machine the second one counts."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float], parts: float = 1.0) -> tuple[float, float]:
    """What passed on both clocks, divided by a number of parts."""
    now = clocks()
    return (now[0] - start[0]) / parts, (now[1] - start[1]) / parts


def long_take(arrays: Any, sound: str, long_sound: str) -> dict[str, Any]:
    """A minute on a head of many vertices: reading, writing, playing, the file's size."""
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 30
    head = add_mesh("Head", arrays["vertices"], arrays["polygons"])
    generate(head, sound)  # fits it, and warms everything up
    head.shape_key_clear()
    head.meshtalk.takes.clear()
    for action in list(bpy.data.actions):
        bpy.data.actions.remove(action)
    found: dict[str, Any] = {"size_before": saved_mb(), "play_before": play()}
    plan = importlib.import_module(f"{PACKAGE}.meshtalk_blender.ops.plan")
    spent = {name: clocked(plan, name) for name in ("target_of", "write_heads")}
    found["whole"] = generate(head, long_sound)
    found |= {name: times[-1] for name, times in spent.items()}
    found |= {"size": saved_mb(), "keys": float(len(head.data.shape_keys.key_blocks))}
    return found | played_parts(head)


def against_template(arrays: Any, sound: str) -> float:
    """How many times as long a head of many vertices takes as the template, both with their keys and fitted
    before: the least of five each, in turns, because this is about a second."""
    large = bpy.data.objects["Head"]
    own = add_mesh("Template", arrays["own_vertices"], arrays["own_polygons"])
    generate(own, sound)
    spent = [(generate(own, sound)[0], generate(large, sound)[0]) for _ in range(5)]
    less, more = (min(each) for each in zip(*spent, strict=True))
    return more / less


def played_parts(head: bpy.types.Object) -> dict[str, Any]:
    """What playing costs: as it is, and with all keys but the one muted that is seldom 0; and how many aren't
    0 in a frame."""
    blocks, busy = head.data.shape_keys.key_blocks[1:], busy_keys(head)
    found: dict[str, Any] = {"play": play(), "play_one_busy": max(busy)}
    found["busy"] = dict(zip([block.name for block in blocks], busy, strict=True))
    for number, block in enumerate(blocks):
        block.mute = number != busy.index(max(busy))
    return found | {"play_one": play()}


def busy_keys(head: bpy.types.Object) -> list[float]:
    """In which part of the played frames each key isn't 0; Blender passes over those that are."""
    scene, counts = bpy.context.scene, np.zeros(len(head.data.shape_keys.key_blocks) - 1)
    for frame in PLAYED:
        scene.frame_set(frame)
        counts += [block.value != 0 for block in head.data.shape_keys.key_blocks[1:]]
    return (counts / len(PLAYED)).tolist()


def add_mesh(name: str, vertices: Any, polygons: Any) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], [[v for v in row if v >= 0] for row in polygons.tolist()])
    head = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(head)
    bpy.context.view_layer.objects.active = head
    return head


def generate(head: bpy.types.Object, sound: str) -> tuple[float, float]:
    """Seconds of the operator, from the press to the result."""
    start = clocks()
    done = bpy.ops.meshtalk.generate(head=head.name, sound_file=sound)
    assert done == {"FINISHED"}, done
    return since(start)


def clocked(module: types.ModuleType, name: str) -> list[tuple[float, float]]:
    """Have a function note how long each of its calls takes."""
    function, times = getattr(module, name), []

    def call(*arguments: Any, **named: Any) -> Any:
        start = clocks()
        try:
            return function(*arguments, **named)
        finally:
            times.append(since(start))

    setattr(module, name, call)
    return times


def play() -> tuple[float, float]:
    """Milliseconds a frame, the least of three runs on each clock."""
    scene, runs = bpy.context.scene, []
    for _ in range(3):
        start = clocks()
        for frame in PLAYED:
            scene.frame_set(frame)
        runs.append(since(start, len(PLAYED) / 1000))
    return min(run[0] for run in runs), min(run[1] for run in runs)


def saved_mb() -> float:
    """What the file takes on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=False)
        return path.stat().st_size / 2**20


if __name__ == "__main__":
    main(*sys.argv[1:])
