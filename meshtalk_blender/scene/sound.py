# SPDX-License-Identifier: GPL-3.0-or-later
"""From a strip, or a file, to samples and their place in time.

The first half runs on the main thread and copies what is needed; `read_sound` needs no bpy and runs in the
job's thread.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ...engine.errors import SoundError
from .errors import SceneError
from .retimed import file_times, is_retimed, keeps_pitch, retiming_problem
from .strips import find_sound_strip, heard_frames, shown_frame, sound_strips, strip_frames
from .timing import frames_to_seconds, scene_rate, seconds_to_frames

if TYPE_CHECKING:
    from ...engine.audio.sound import Sound

_SOUNDFILE_SUFFIXES = {
    ".wav",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".aif",
    ".aiff",
    ".aifc",
    ".au",
    ".caf",
    ".w64",
}


MARGIN = 0.1
"""Seconds more that are read on both sides of what a retimed strip plays, for the filters."""


@dataclass(frozen=True)
class SoundSource:
    """Where speech comes from, copied out of bpy.

    `path` is absolute; `packed` holds the file's bytes where it is packed into the .blend. `start` is the
    time in the file, in seconds, that plays at scene frame `frame` (negative: silence comes first);
    `duration` in seconds, None for the rest of the file. `strip` is the strip's name, "" for a bare file. A
    strip with a changed speed says in `times` which second of the file plays on each of its frames, and
    whether Blender keeps the pitch; its `start` is 0. `silence` is how long, in seconds, the face lives on
    after it without a word.
    """

    label: str
    path: Path
    frame: int
    packed: bytes | None = None
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    strip: str = ""
    times: tuple[float, ...] = ()
    keeps_pitch: bool = False
    silence: Fraction = Fraction(0)


def file_problem(text: str) -> str | None:
    """Why this path of a sound can't be used, as a sentence; None when it looks usable."""
    if not text.strip():
        return "Choose a sound: a strip of the sequencer, or a file."
    if text.startswith("//") and not bpy.data.filepath:  # Blender would look in the folder it was started in
        return f"“{text}” is beside this file, which isn't saved yet: save it, or choose the sound again."
    path = Path(bpy.path.abspath(text))
    if path.is_dir():
        return f"“{path}” is a folder: choose a sound file."
    if not path.is_file():
        return f"There is no file “{path}”: choose the sound again."
    return None


def strip_problem(scene: bpy.types.Scene, name: str) -> str | None:
    """Why the sound strip of this name can't be used, as a sentence; None when it looks usable."""
    strip = find_sound_strip(scene, name)
    if strip is None:
        return _no_strip(scene, name)
    if strip.sound is None:
        return f"The strip “{strip.name}” has lost its sound: add the sound again."
    left, right = heard_frames(strip)
    if right <= left:
        return f"The strip “{strip.name}” isn't heard: its meta strip is trimmed. Move that one's handles."
    missing = None if strip.sound.packed_file is not None else _strip_file_problem(strip)
    return missing or retiming_problem(strip)


def source_of_strip(
    sequencer: bpy.types.Scene, name: str, scene: bpy.types.Scene | None = None
) -> SoundSource:
    """What a strip plays between its handles, and those of its meta strips; SceneError when it can't be used.

    `scene` is the one whose frames count, where that isn't the sequencer's own (5.0).
    """
    problem = strip_problem(sequencer, name)
    strip = find_sound_strip(sequencer, name)
    if problem is not None or strip is None:
        raise SceneError(problem or _no_strip(sequencer, name))
    frame, start = _place(sequencer, strip, sequencer if scene is None else scene)
    left, right = heard_frames(strip)
    rate = scene_rate(sequencer.render.fps, sequencer.render.fps_base)
    times = file_times(strip, float(rate)) if is_retimed(strip) else ()
    return SoundSource(
        label=strip.name,
        path=_sound_path(strip.sound),
        frame=frame,
        packed=_packed(strip.sound),
        start=start,
        duration=frames_to_seconds(right - left, rate),
        strip=strip.name,
        times=times,
        keeps_pitch=bool(times) and keeps_pitch(strip),
    )


def source_of_file(text: str, frame: int) -> SoundSource:
    """A whole file that plays from `frame` on; SceneError when it can't be used."""
    problem = file_problem(text)
    if problem is not None:
        raise SceneError(problem)
    path = Path(bpy.path.abspath(text))
    return SoundSource(label=path.stem, path=path, frame=frame)


def seconds_of(source: SoundSource) -> float | None:
    """How long a source lasts; None where only reading it tells."""
    from ...engine.audio.sound import file_seconds

    return file_seconds(source.path) if source.duration is None else float(source.duration)


def current_frame(
    source: SoundSource, sequencer: bpy.types.Scene, scene: bpy.types.Scene | None = None
) -> int:
    """Where the source's first sample plays now: the user may have moved the strip, not deleted it, since."""
    if not source.strip:
        return source.frame
    strip = find_sound_strip(sequencer, source.strip)
    if strip is None:
        raise SceneError(
            f"The strip “{source.strip}” was deleted while MeshTalk was running: nothing was changed."
        )
    timed = sequencer if scene is None else scene
    frame, start = _place(sequencer, strip, timed)
    rate = scene_rate(timed.render.fps, timed.render.fps_base)
    return frame + seconds_to_frames(source.start - start, rate)


def read_sound(source: SoundSource, cancelled: Callable[[], bool] | None = None) -> Sound:
    """Samples of the source at 16 kHz, silence before and after it included; no bpy is called. Raises
    SoundError, Cancelled."""
    sound = _read_source(source, cancelled)
    return _with_silence(sound, after=source.silence) if source.silence else sound


def _read_source(source: SoundSource, cancelled: Callable[[], bool] | None) -> Sound:
    if source.packed is None:
        return _read_file(source, source.path, cancelled)
    with tempfile.TemporaryDirectory(prefix="meshtalk-") as folder:
        path = Path(folder) / f"packed{source.path.suffix}"
        path.write_bytes(source.packed)
        return _read_file(source, path, cancelled)


def _read_file(source: SoundSource, path: Path, cancelled: Callable[[], bool] | None) -> Sound:
    if source.times:
        return _read_retimed(source, path, cancelled)
    lead = max(Fraction(0), -source.start)
    duration = None if source.duration is None else source.duration - lead
    if duration is not None and duration <= 0:
        raise SoundError(f"The strip “{source.label}” ends before its sound begins: move its handles.")
    sound = _load(path, max(Fraction(0), source.start), duration, cancelled)
    return _with_silence(sound, before=lead) if lead else sound


def _read_retimed(source: SoundSource, path: Path, cancelled: Callable[[], bool] | None) -> Sound:
    from ...engine.audio.sound import Sound
    from ...engine.audio.warp import play_at

    times, duration = np.asarray(source.times), source.duration
    if duration is None or times[-1] <= 0:
        raise SoundError(f"The strip “{source.label}” ends before its sound begins: move its handles.")
    first = max(0.0, times[0] - MARGIN)
    sound = _load(path, Fraction(first), Fraction(times[-1] + MARGIN - first), cancelled)
    step = float(duration) / (len(times) - 1)
    return Sound(play_at(sound.samples, times - first, step, source.keeps_pitch, cancelled), duration)


def _load(
    path: Path, start: Fraction, duration: Fraction | None, cancelled: Callable[[], bool] | None
) -> Sound:
    from ...engine.audio.sound import load_sound

    length = None if duration is None else float(duration)
    try:
        return load_sound(path, float(start), length, cancelled)
    except SoundError:
        if path.suffix.lower() in _SOUNDFILE_SUFFIXES or not path.is_file():
            raise
        sound = _load_with_blender(path, float(start), length)
        if sound is None:
            raise
        return sound


def _load_with_blender(path: Path, start: float, duration: float | None) -> Sound | None:
    """Films and m4a, which libsndfile can't read, through Blender's own sound library; None where that is
    missing."""

    from ...engine.audio.sound import sound_from_samples

    try:
        import aud
    except ImportError:
        return None
    try:
        sound = aud.Sound.file(str(path))
        rate = int(sound.specs[0])
        samples = sound.data()
    except aud.error:
        return None
    first = round(start * rate)
    last = len(samples) if duration is None else first + max(1, round(duration * rate))
    return sound_from_samples(np.asarray(samples[first:last], np.float32), rate)


def _with_silence(sound: Sound, before: Fraction = Fraction(0), after: Fraction = Fraction(0)) -> Sound:
    from ...engine.audio.sound import SAMPLE_RATE, Sound

    ends = (round(before * SAMPLE_RATE), round(after * SAMPLE_RATE))
    return Sound(np.pad(sound.samples, ends), sound.duration + before + after)


def _place(
    sequencer: bpy.types.Scene, strip: bpy.types.Strip, scene: bpy.types.Scene
) -> tuple[int, Fraction]:
    """The scene's frame from which the strip is heard, and the time in its sound that plays there, in s."""
    left = heard_frames(strip)[0]
    frame = round(shown_frame(sequencer, scene, left))
    if is_retimed(strip):
        return frame, Fraction(0)  # what is read of it begins there
    skipped = left - strip_frames(strip, "start") + strip_frames(strip, "trimmed")
    rate = scene_rate(sequencer.render.fps, sequencer.render.fps_base)
    offset = Fraction(strip.sound_offset).limit_denominator(1_000_000)
    return frame, frames_to_seconds(skipped, rate) - offset


def _packed(sound: bpy.types.Sound) -> bytes | None:
    return None if sound.packed_file is None else bytes(sound.packed_file.data)


def _sound_path(sound: bpy.types.Sound) -> Path:
    return Path(bpy.path.abspath(sound.filepath, library=sound.library))


def _strip_file_problem(strip: bpy.types.Strip) -> str | None:
    path = _sound_path(strip.sound)
    if path.is_file():
        return None
    return f"The file of the strip “{strip.name}” is missing ({path}): relink it, or choose another sound."


def _no_strip(scene: bpy.types.Scene, name: str) -> str:
    if name:
        return f"There is no sound strip “{name}” in the sequencer: choose another sound."
    if sound_strips(scene):
        return "The sequencer has several sound strips: choose one of them."
    return "Choose a sound: add a sound strip to the sequencer, or choose a file."
