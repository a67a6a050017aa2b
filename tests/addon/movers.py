# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads of the tiny model that something moves already: keys, drivers, bones, a cache."""

from __future__ import annotations

import struct
from pathlib import Path

import bpy
import numpy as np

FIRST, LAST = 1, 60
"""Frames over which they move."""


def film(thing, first=FIRST, last=LAST):
    """Vertices (T, V, 3) of the evaluated mesh."""
    found = []
    for frame in range(first, last + 1):
        bpy.context.scene.frame_set(frame)
        mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        flat = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", flat)
        found.append(flat.reshape(-1, 3))
    return np.array(found)


def by_take(part, head, tmp_path):
    """A take of MeshTalk's own."""
    from tests.addon.speaking import Speaker

    Speaker(part, head).write(FIRST, LAST)


def by_keys(part, head, tmp_path):
    """Keys that the animator made and named in a way that nobody knows."""
    rest = part("scene.mesh").read_rest_pose(head).vertices
    head.shape_key_add(name="Basis", from_mix=False)
    for number, place in enumerate((rest[:, 2] > np.median(rest[:, 2]), rest[:, 2] < np.median(rest[:, 2]))):
        key = head.shape_key_add(name=f"Pose {number}", from_mix=False)
        key.value = 0.0
        moved = rest + place[:, None] * 0.02 * np.ptp(rest, axis=0).max() * np.array([0.3, -0.4, 0.2])
        key.data.foreach_set("co", moved.astype(np.float32).ravel())
        for frame in range(FIRST, LAST + 1, 6):
            key.value = 0.5 + 0.5 * np.sin(0.3 * frame + number)
            key.keyframe_insert("value", frame=frame)


def by_drivers(part, head, tmp_path):
    """Keys with the units' names that an empty drives."""
    by_take(part, head, tmp_path)
    keys = head.data.shape_keys
    names = [key.name for key in keys.key_blocks][1:]
    keys.animation_data_clear()
    head.meshtalk.takes.clear()
    del keys["meshtalk"]
    boss = bpy.data.objects.new("Boss", None)
    bpy.context.scene.collection.objects.link(boss)
    for number, name in enumerate(names):
        boss[name] = 0.0
        for frame in range(FIRST, LAST + 1, 5):
            boss[name] = 0.4 + 0.4 * float(np.sin(0.2 * frame + number))
            boss.keyframe_insert(f'["{name}"]', frame=frame)
        driver = keys.key_blocks[name].driver_add("value").driver
        driver.type = "AVERAGE"
        target = driver.variables.new().targets[0]
        target.id, target.data_path = boss, f'["{name}"]'


def by_bones(part, head, tmp_path):
    """A jaw and a head bone."""
    rest = part("scene.mesh").read_rest_pose(head).vertices
    middle, size = rest.mean(axis=0), np.ptp(rest, axis=0)
    data = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    skull, jaw = data.edit_bones.new("head"), data.edit_bones.new("jaw")
    skull.head, skull.tail = middle - [0, 0, size[2] / 2], middle + [0, 0, size[2] / 2]
    jaw.head, jaw.tail = middle + [0, size[1] / 3, 0], middle - [0, size[1] / 2, size[2] / 4]
    jaw.parent = skull
    bpy.ops.object.mode_set(mode="OBJECT")
    below = np.clip((middle[2] - rest[:, 2]) / (0.3 * size[2]), 0, 1)
    groups = [head.vertex_groups.new(name=name) for name in ("head", "jaw")]
    for number, weight in enumerate(below):
        groups[0].add([number], float(1 - weight), "REPLACE")
        groups[1].add([number], float(weight), "REPLACE")
    head.modifiers.new("Rig", "ARMATURE").object = rig
    for frame in range(FIRST, LAST + 1, 4):
        for name, angle in (("jaw", 0.1 + 0.1 * np.sin(frame)), ("head", 0.3 * np.sin(0.1 * frame))):
            bone = rig.pose.bones[name]
            bone.rotation_mode = "XYZ"
            bone.rotation_euler[0] = angle
            bone.keyframe_insert("rotation_euler", frame=frame)
    bpy.context.view_layer.objects.active = head


def by_cache(part, head, tmp_path: Path):
    """A Mesh Cache modifier that overwrites whatever keys do."""
    by_take(part, head, tmp_path)
    places = film(head)
    head.shape_key_clear()
    head.meshtalk.takes.clear()
    path = tmp_path / "cache.pc2"
    header = b"POINTCACHE2\0" + struct.pack("<iiffi", 1, places.shape[1], 0.0, 1.0, len(places))
    path.write_bytes(header + places.astype("<f4").tobytes())
    cache = head.modifiers.new("Cache", "MESH_CACHE")
    cache.cache_format, cache.filepath, cache.frame_start = "PC2", str(path), FIRST
    bpy.context.scene.frame_end = LAST


MOVERS = {"take": by_take, "keys": by_keys, "drivers": by_drivers, "bones": by_bones, "cache": by_cache}
