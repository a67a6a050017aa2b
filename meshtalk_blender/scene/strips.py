# SPDX-License-Identifier: GPL-3.0-or-later
"""The sequencer's strips, under the names that each Blender version gives them (4.2 to 5.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

from .errors import SceneError
from .timing import frames_to_seconds, scene_rate

# Old names first warn in 5.2, so the new ones are tried first.
_NAMES = {
    "left": ("left_handle", "frame_final_start"),
    "right": ("right_handle", "frame_final_end"),
    "start": ("content_start", "frame_start"),
    "trimmed": ("content_trim_start", "animation_offset_start"),
    "length": ("content_duration", "frame_duration"),
}


def strip_frames(strip: bpy.types.Strip, name: str) -> float:
    """One of a strip's frames: left and right handle, start of its content, frames cut off for good, content
    length."""
    for attribute in _NAMES[name]:
        if attribute in strip.bl_rna.properties:
            return getattr(strip, attribute)
    return 0


def heard_frames(strip: bpy.types.Strip) -> tuple[float, float]:
    """The frames from which and before which a strip is heard: between its handles, and between those of all
    meta strips that it lies in. The second isn't after the first where these hide it."""
    left, right = strip_frames(strip, "left"), strip_frames(strip, "right")
    parent = strip.parent_meta() if hasattr(strip, "parent_meta") else None
    while parent is not None:
        left, right = max(left, strip_frames(parent, "left")), min(right, strip_frames(parent, "right"))
        parent = parent.parent_meta()
    return left, right


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose strips the user sees in the sequencer; from 5.0 on it need not be the active one."""
    return getattr(context, "sequencer_scene", None) or context.scene


def show_in_sequencer(context: bpy.types.Context, scene: bpy.types.Scene) -> None:
    """From 5.0 on a workspace's sequencer shows no scene until one is chosen: choose this one where none
    is."""
    workspace = context.workspace
    if workspace is not None and hasattr(workspace, "sequencer_scene") and workspace.sequencer_scene is None:
        workspace.sequencer_scene = scene


def sound_strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """Every sound strip of a scene, those inside meta strips included."""
    return [strip for strip in all_strips(scene) if strip.type == "SOUND"]


def find_sound_strip(scene: bpy.types.Scene, name: str) -> bpy.types.Strip | None:
    """The sound strip of this name; with no name given, the scene's only sound strip."""
    strips = sound_strips(scene)
    if not name:
        return strips[0] if len(strips) == 1 else None
    return next((strip for strip in strips if strip.name == name), None)


def shown_frame(sequencer: bpy.types.Scene, scene: bpy.types.Scene, frame: float) -> float:
    """The frame of `scene` that belongs to a frame of the sequencer's scene.

    They are the same unless the sequencer is that of another scene (5.0): then a scene strip says which frame
    it shows there, and where there is none both run in step, at the same time.
    """
    if sequencer == scene:
        return frame
    strips = [each for each in all_strips(sequencer) if each.type == "SCENE" and each.scene == scene]
    shown = [
        each for each in strips if strip_frames(each, "left") <= frame < strip_frames(each, "right")
    ] or strips
    if shown:
        begin = scene.frame_start + strip_frames(shown[0], "trimmed")
        return frame - strip_frames(shown[0], "start") + begin
    rates = [scene_rate(each.render.fps, each.render.fps_base) for each in (scene, sequencer)]
    return frame if rates[0] == rates[1] else float(frames_to_seconds(frame, rates[1]) * rates[0])


def add_sound_strip(scene: bpy.types.Scene, path: str, name: str, frame: int) -> bpy.types.Strip:
    """Put a sound file into the sequencer, in the lowest channel with room; SceneError where Blender
    can't."""
    scene.sequence_editor_create()
    editor = scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    try:
        strip = strips.new_sound(name, path, 1, frame)
    except RuntimeError as error:
        raise SceneError(f"Blender can't put {name} into the sequencer: {str(error).strip()}.") from error
    strip.channel = _free_channel([other for other in strips if other != strip], strip)
    return strip


def mute_beside(
    scene: bpy.types.Scene, name: str, strips: frozenset[str], files: frozenset[str]
) -> tuple[str, ...]:
    """Mute the sound strips of these names, or that play these files (absolute paths), where they sound at
    the same time as the strip `name`; the names of those that were."""
    heard = next((strip for strip in sound_strips(scene) if strip.name == name), None)
    if heard is None:
        return ()
    left, right = heard_frames(heard)
    old = [
        strip
        for strip in sound_strips(scene)
        if strip.name != name
        and not strip.mute
        and (strip.name in strips or bpy.path.abspath(strip.sound.filepath) in files)
        and heard_frames(strip)[0] < right
        and heard_frames(strip)[1] > left
    ]
    for strip in old:
        strip.mute = True
    return tuple(strip.name for strip in old)


def has_sound_support() -> bool:
    """Whether this Blender was built with sound (the bpy 4.2 wheel was not)."""
    return bool(getattr(bpy.app.build_options, "audaspace", True))


def all_strips(scene: bpy.types.Scene) -> Iterable[Any]:
    """Every strip of a scene, those inside meta strips included."""
    editor = scene.sequence_editor
    if editor is None:
        return ()
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def _free_channel(others: list[bpy.types.Strip], strip: bpy.types.Strip) -> int:
    left, right = strip_frames(strip, "left"), strip_frames(strip, "right")
    taken = {o.channel for o in others if strip_frames(o, "left") < right and strip_frames(o, "right") > left}
    return next((channel for channel in range(1, 128) if channel not in taken), 128)
