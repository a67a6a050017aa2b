# SPDX-License-Identifier: GPL-3.0-or-later
"""The one sound of a job that speaks over something: a strip, or a file."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ..scene.errors import SceneError
from ..scene.sound import SoundSource, source_of_file, source_of_strip
from ..scene.strips import sequencer_scene


def one_source(context: bpy.types.Context, file: str, strips: Sequence[str]) -> tuple[SoundSource, str]:
    """The file's sound where one is given, else the strip's (the only one without a name); and the file's
    path. Raises SceneError."""
    sequencer = sequencer_scene(context)
    if file:
        return source_of_file(file, sequencer.frame_start), file
    if len(strips) > 1:
        raise SceneError("A dub has one sound: select one strip, and dub one after the other.")
    return source_of_strip(sequencer, strips[0] if strips else ""), ""
