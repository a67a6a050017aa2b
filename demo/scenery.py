# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera, lights and render settings: quick on two cores without a graphics card, and pleasant to look at."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
from mathutils import Vector

# Name, place around the head in head sizes, power in watts for a head of 1 m, size in head sizes.
LIGHTS = (
    ("Key", (-1.5, -2.0, 1.5), 95.0, 0.25),
    ("Fill", (1.8, -2.2, -0.3), 30.0, 0.8),
    ("Rim", (1.0, 1.9, 1.1), 120.0, 0.4),
)
BACKGROUND = (0.045, 0.055, 0.07)
MOVIE_SAMPLES = 3
PICTURE_SAMPLES = 16


def clear_scene() -> bpy.types.Scene:
    """Blender's factory scene without its cube, camera and light."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    return bpy.context.scene


def build_scenery(scene: bpy.types.Scene, head: bpy.types.Object) -> None:
    """Camera, three lights and a background for the head, and a finer surface for it."""
    corners = [head.matrix_world @ Vector(corner) for corner in head.bound_box]
    centre = sum(corners, Vector()) / len(corners)
    size = max(corner.z for corner in corners) - min(corner.z for corner in corners)
    _add_camera(scene, centre, size)
    for name, place, power, width in LIGHTS:
        _add_light(scene, name, centre, Vector(place) * size, power * size**2, width * size)
    _set_background(scene)
    smooth = head.modifiers.new("Smooth", "SUBSURF")
    smooth.levels = smooth.render_levels = 1


def _add_camera(scene: bpy.types.Scene, centre: Vector, size: float) -> None:
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.lens = 85.0
    camera.location = centre + Vector((0.0, -2.7 * size, -0.01 * size))
    camera.rotation_euler = (math.pi / 2, 0.0, 0.0)
    camera.data.clip_start = size / 100
    scene.collection.objects.link(camera)
    scene.camera = camera


def _add_light(
    scene: bpy.types.Scene, name: str, centre: Vector, offset: Vector, power: float, width: float
) -> None:
    data = bpy.data.lights.new(name, "AREA")
    data.energy, data.size = power, width
    light = bpy.data.objects.new(name, data)
    light.location = centre + offset
    light.rotation_euler = (-offset).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(light)


def _set_background(scene: bpy.types.Scene) -> None:
    scene.world = bpy.data.worlds.new("Studio")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (*BACKGROUND, 1.0)


def set_quick_render(scene: bpy.types.Scene, samples: int) -> None:
    """Cycles on the processor with few samples, one bounce and the quickest denoising."""
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = samples
    cycles.use_adaptive_sampling = False
    cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_quality = "FAST"
    cycles.denoising_prefilter = "NONE"
    scene.render.use_persistent_data = True
    scene.render.resolution_x = scene.render.resolution_y = 480
    scene.render.resolution_percentage = 100


def set_movie_output(scene: bpy.types.Scene, path: Path) -> None:
    """H.264 with AAC sound in an .mp4 at `path`, written by Blender itself."""
    scene.render.filepath = str(path)
    scene.render.use_file_extension = False
    scene.render.image_settings.file_format = "FFMPEG"
    ffmpeg = scene.render.ffmpeg
    ffmpeg.format, ffmpeg.codec = "MPEG4", "H264"
    ffmpeg.constant_rate_factor, ffmpeg.ffmpeg_preset = "HIGH", "GOOD"
    ffmpeg.audio_codec, ffmpeg.audio_bitrate = "AAC", 160
    ffmpeg.audio_channels = "STEREO"


def set_picture_output(scene: bpy.types.Scene) -> None:
    """Single PNG pictures."""
    scene.render.use_file_extension = True
    scene.render.image_settings.file_format = "PNG"


def set_viewports(scene: bpy.types.Scene) -> None:
    """Opened in Blender, the file shows the head through the camera and plays in time with the sound."""
    scene.sync_mode = "AUDIO_SYNC"
    scene.frame_set(scene.frame_start)
    for screen in bpy.data.screens:
        for area in screen.areas:
            for space in area.spaces:
                if space.type == "VIEW_3D":
                    space.shading.type = "MATERIAL"
                    space.region_3d.view_perspective = "CAMERA"
