# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a sound file into the sequencer, so that it is heard in time with the take."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ...engine.errors import MeshTalkError
from ..ids import RELATIVE_PATH
from ..scene.strips import (
    add_sound_strip,
    find_sound_strip,
    has_sound_support,
    heard_frames,
    sequencer_scene,
    show_in_sequencer,
)
from ..scene.take_list import active_take
from ..translations import say
from .checks import chosen_head


def put_into_sequencer(context: bpy.types.Context, text: str) -> bpy.types.Strip:
    """Make a strip of the file at the scene's first frame and choose it in the settings. Raises
    SceneError."""

    from ..scene.sound import source_of_file

    scene = sequencer_scene(context)
    source = source_of_file(text, scene.frame_start)
    strip = add_sound_strip(
        scene, text if text.startswith("//") else str(source.path), source.path.stem, source.frame
    )
    show_in_sequencer(context, scene)
    settings = context.scene.meshtalk
    settings.strip = strip.name
    settings.sound_source = "STRIP"
    return strip


class MESHTALK_OT_add_sound(bpy.types.Operator):
    """Put a sound file into the sequencer at the scene's first frame, and use it"""

    bl_idname = "meshtalk.add_sound"
    bl_label = "Add Sound"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"} | RELATIVE_PATH)
    filter_glob: StringProperty(
        default="*.wav;*.flac;*.ogg;*.mp3;*.aif;*.aiff;*.m4a;*.mp4;*.mov;*.mkv", options={"HIDDEN"}
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not has_sound_support():
            cls.poll_message_set(say("This Blender was built without sound"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            strip = put_into_sequencer(context, self.filepath)
        except MeshTalkError as error:
            self.report({"ERROR"}, say(str(error)))
            return {"CANCELLED"}
        self.report({"INFO"}, say(f"“{strip.name}” is in the sequencer"))
        return {"FINISHED"}


class MESHTALK_OT_fit_range(bpy.types.Operator):
    """Move the scene's last frame so that playback reaches the end of the sound, and of the take"""

    bl_idname = "meshtalk.fit_range"
    bl_label = "Extend the Scene to the Sound"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        scene.frame_end = max(scene.frame_end, last_sound_frame(context) or 0, last_take_frame(context) or 0)
        return {"FINISHED"}


def last_sound_frame(context: bpy.types.Context) -> int | None:
    """The last frame of the chosen strip; None when no strip is chosen."""
    settings = context.scene.meshtalk
    if settings.sound_source != "STRIP":
        return None
    strip = find_sound_strip(sequencer_scene(context), settings.strip)
    return None if strip is None else int(heard_frames(strip)[1]) - 1


def last_take_frame(context: bpy.types.Context) -> int | None:
    """The last frame in which the take that the list stands on speaks; None where there is none."""
    from ..scene.placement import spoken_frames

    take = active_take(chosen_head(context))
    return None if take is None or not len(take.objects) else spoken_frames(take)[1]


CLASSES = (MESHTALK_OT_add_sound, MESHTALK_OT_fit_range)
