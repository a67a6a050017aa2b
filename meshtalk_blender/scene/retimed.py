# SPDX-License-Identifier: GPL-3.0-or-later
"""What a retimed strip plays, as Blender itself mixes it.

Python is told on which frames a strip's retiming keys lie, not which part of the sound each of them shows,
and whether the pitch follows the speed differs between versions. So Blender mixes the strip, alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import bpy

from .errors import SceneError
from .strips import all_strips, strip_frames

RATE, BLOCK = 48_000, 1024
"""Of Blender's mixdown: its usual ones, so that the strip sounds as in a film that is rendered. Other blocks
put the same speed changes up to a frame elsewhere (measured in 4.5 and 5.0)."""

Change = tuple[Any, str, Any]


def played_wav(scene: bpy.types.Scene, strip: bpy.types.Strip) -> bytes:
    """A mono WAV file of what the strip alone plays between its handles.

    Runs on the main thread: 0.3 s for a minute of sound, 0.9 s where its pitch is corrected. The scene is
    afterwards as it was. Raises SceneError where Blender can't mix.
    """
    with tempfile.TemporaryDirectory(prefix="meshtalk-") as folder, _changed(_alone(scene, strip)):
        path = Path(folder) / "strip.wav"
        try:
            _mix(scene, path)
            return path.read_bytes()
        except (RuntimeError, OSError) as error:
            raise SceneError(
                f"Blender can't play the retimed strip “{strip.name}”: reset its retiming first."
            ) from error


def _mix(scene: bpy.types.Scene, path: Path) -> None:
    with ExitStack() as stack:
        workspace = bpy.context.workspace
        if workspace is not None and hasattr(workspace, "sequencer_scene"):  # 5.0: mixes that scene
            stack.enter_context(_changed([(workspace, "sequencer_scene", scene)]))
        stack.enter_context(bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]))
        bpy.ops.sound.mixdown(
            filepath=str(path),
            relative_path=False,
            accuracy=BLOCK,
            container="WAV",
            codec="PCM",
            format="S16",
            channels="MONO",
            mixrate=RATE,
        )


def _alone(scene: bpy.types.Scene, strip: bpy.types.Strip) -> list[Change]:
    """What must be so that nothing but this strip is heard, from its left to its right handle."""
    changes: list[Change] = [
        (scene, "frame_start", int(strip_frames(strip, "left"))),
        (scene, "frame_end", int(strip_frames(strip, "right")) - 1),
        (scene, "audio_volume", 1.0),
    ]
    changes += [
        (other, "mute", other != strip)
        for other in all_strips(scene)
        if other == strip or other.type != "META"
    ]
    changes += [(speaker, "muted", True) for speaker in bpy.data.speakers]
    return changes


@contextmanager
def _changed(changes: Sequence[Change]) -> Iterator[None]:
    """Set properties for a while; what is so already is not touched."""
    kept: list[Change] = []
    try:
        for thing, name, value in changes:
            before = getattr(thing, name)
            if before != value:
                kept.append((thing, name, before))
                setattr(thing, name, value)
        yield
    finally:
        for thing, name, before in reversed(kept):
            setattr(thing, name, before)
