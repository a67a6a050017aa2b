# SPDX-License-Identifier: GPL-3.0-or-later
"""A file with takes belongs to its user: it opens and plays in a Blender that never heard of MeshTalk."""

from __future__ import annotations

import os
import subprocess
import sys

import bpy
import numpy as np
import pytest

FRAMES = (1, 12, 25, 40)

ELSEWHERE = """
import sys
import bpy, numpy
assert not any("meshtalk" in addon.module for addon in bpy.context.preferences.addons)
assert not hasattr(bpy.types.Object, "meshtalk")
path, there, again, *frames = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=path)
head = bpy.data.objects["Face"]
seen = []
for frame in frames:
    bpy.context.scene.frame_set(int(frame))
    mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    flat = numpy.empty(len(mesh.vertices) * 3, numpy.float32)
    mesh.vertices.foreach_get("co", flat)
    seen.append(flat)
numpy.save(there, numpy.stack(seen))
bpy.context.scene.frame_set(1)
bpy.ops.wm.save_as_mainfile(filepath=again)
"""


def _seen(head):
    found = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        flat = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", flat)
        found.append(flat)
    return np.stack(found)


@pytest.mark.parametrize("placement", ["NEW", "NLA"])
def test_takes_play_without_the_addon_and_come_back_with_it(talking, head, tmp_path, placement):
    head.name = "Face"
    for seed in (1, 2):
        assert bpy.ops.meshtalk.generate(seed=seed, placement=placement) == {"FINISHED"}
    ours, takes = _seen(head), [(take.name, take.uid) for take in head.meshtalk.takes]
    assert len(takes) == 2 and np.abs(ours - ours[0]).max() > 1e-4
    path, there, again = tmp_path / "mine.blend", tmp_path / "seen.npy", tmp_path / "again.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")}
    arguments = [str(path), str(there), str(again), *map(str, FRAMES)]
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *arguments], check=True, capture_output=True, env=environment
    )
    assert np.abs(np.load(there) - ours).max() < 1e-6
    bpy.ops.wm.open_mainfile(filepath=str(again))
    head = bpy.data.objects["Face"]
    assert [(take.name, take.uid) for take in head.meshtalk.takes] == takes
    assert np.abs(_seen(head) - ours).max() < 1e-6
    head.meshtalk.takes[-1].controls.mouth = 0.5  # its raw curves came through as well
    assert np.abs(_seen(head) - ours).max() > 1e-5
