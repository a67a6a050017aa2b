# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of its sound a strip with a changed speed plays on each frame.

Python is told on which frames a strip's retiming keys lie, not which part of the sound each of them shows.
Mixing the strip down would tell, but in 4.5 the mixdown of a retimed strip ends Blender now and then (for the
frames before the strip it reads speeds that were never written: docs/addon.md), and it holds the window up.
So both are read out of the key's own memory, and believed only where all that Python tells agrees with it.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import bpy

from .errors import SceneError
from .strips import heard_frames, strip_frames

FACTOR_AT = {40: 16, 32: 12}
"""Where a key's factor lies, by the bytes from key to key: up to 4.5, and from 5.0 on."""

SHORTER = 0 if bpy.app.version >= (5, 0) else 1
"""Frames by which the content counts as shorter than it is, and its last key lies before its end."""

FLAG_AT, TRANSITION, EVEN = 8, 1, 0.01
"""A key's flags; that of a key after which the speed changes smoothly; speeds that count as equal."""

LATE = 0.085 if bpy.app.version < (5, 1) else 0.0
"""Seconds after which a change of speed is heard where Blender corrects the pitch: the stretcher of 5.0 has
so much in hand (*measured* against its mixdown: 0.076 to 0.108), that of 5.2 makes up for it."""

NAME_ROOM = 64
"""Bytes of a strip's name; flags, type, length of the content and its start follow it."""


@dataclass(frozen=True)
class _Key:
    """A retiming key: its frame after the content's start, the part (0 to 1) of the content that it shows,
    and whether the speed changes smoothly after it."""

    frame: float
    part: float
    smooth: bool = False


def is_retimed(strip: bpy.types.Strip) -> bool:
    """Whether the strip, or a meta strip that it lies in, may play its sound at another speed than it was
    recorded."""
    keys = len(getattr(strip, "retiming_keys", ()))
    return keys > 2 or _other_length(strip) or (keys == 2 and _content_frames(strip) is None)


def retiming_problem(strip: bpy.types.Strip) -> str | None:
    """Why the strip's sound can't be followed, as a sentence; None when it can."""
    if _metas_retimed(strip):
        return f"The strip “{strip.name}” lies in a meta strip with another speed: reset its retiming first."
    if is_retimed(strip) and _speeds(strip) is None:
        return _unreadable(strip)
    return None


def keeps_pitch(strip: bpy.types.Strip) -> bool:
    """Whether Blender corrects the pitch where the speed is another one (from 5.0 on)."""
    return bool(getattr(strip, "pitch_correction", False))


def file_times(strip: bpy.types.Strip, rate: float) -> tuple[float, ...]:
    """Seconds in the file that play on each frame in which the strip is heard, and on the one after, at
    `rate` frames a second; negative before the sound. Raises SceneError where they can't be known."""
    speeds = _speeds(strip)
    if speeds is None:
        raise SceneError(_unreadable(strip))
    passed = [0.0, *itertools.accumulate(speeds)]
    cut = strip_frames(strip, "trimmed")
    moved = strip.sound_offset * rate
    if keeps_pitch(strip):  # Blender stretches what was cut off with the rest
        cut, moved, late = 0.0, moved - cut, LATE * rate
    else:
        late = 0.0
    left, right = heard_frames(strip)
    first = left - strip_frames(strip, "start") - moved
    count = round(right - left)
    frames = range(count + 1)
    return tuple((_passed(passed, first + frame, late) + cut) / rate for frame in frames)


def _passed(passed: Sequence[float], frame: float, late: float) -> float:
    """Frames of the sound that were played `frame` frames after it began, changes of speed being `late` by so
    many frames; in front of it and behind its last key at the first and the last speed."""
    if frame <= 0:
        return frame
    if late:
        lead = min(frame, late)
        return passed[1] * lead + _passed(passed, frame - lead, 0.0)
    whole = min(int(frame), len(passed) - 2)
    return passed[whole] + (passed[whole + 1] - passed[whole]) * (frame - whole)


def _speeds(strip: bpy.types.Strip) -> list[float] | None:
    """Frames of the sound that are played on each frame after the content's start; None where memory and
    Python disagree."""
    length, keys = _content_frames(strip), _keys(strip)
    if length is None or keys is None:
        return None
    length -= SHORTER
    speeds: list[float] = []
    for index, (key, after) in enumerate(itertools.pairwise(keys)):
        count = int(after.frame) - int(key.frame)
        if key.smooth:
            speeds += _smooth(keys, index, length, int(key.frame), count)
        else:
            span = round(after.part * length) - round(key.part * length)
            speeds += [span / (after.frame - key.frame)] * count
    return speeds if speeds and all(speed >= 0 for speed in speeds) else None


def _smooth(keys: Sequence[_Key], index: int, most: int, first: int, count: int) -> list[float]:
    """Speeds between a smooth key and the next: along the arc that touches the segments on both sides."""
    if not 0 < index < len(keys) - 2:
        return [math.nan]
    steps = [_step(keys[index - 1], keys[index]), _step(keys[index + 1], keys[index + 2])]
    if abs(steps[0] - steps[1]) * most < EVEN:
        return [steps[0] * most] * count
    arc = _arc(keys[index], keys[index + 1], steps)
    return [(arc(first + frame) - arc(first + frame - 1)) * most for frame in range(count)]


def _step(key: _Key, after: _Key) -> float:
    return (after.part - key.part) / (after.frame - key.frame)


def _arc(key: _Key, after: _Key, steps: Sequence[float]) -> Callable[[float], float]:
    """The part that is shown on a frame between two keys: a circle through both."""
    # Its centre is where the normals of both segments meet: (frame, part) + distance * (-step, 1).
    distance = (after.frame - key.frame - steps[1] * (key.part - after.part)) / (steps[1] - steps[0])
    middle = (key.frame - steps[0] * distance, key.part + distance)
    radius = math.hypot(key.frame - middle[0], key.part - middle[1])
    side = -1.0 if middle[1] > key.part else 1.0

    def part(frame: float) -> float:
        if frame <= key.frame:
            return key.part + steps[0] * (frame - key.frame)
        return middle[1] + side * math.sqrt(max(0.0, radius**2 - (frame - middle[0]) ** 2))

    return part


def _keys(strip: bpy.types.Strip) -> list[_Key] | None:
    """The strip's keys; where it has none, or Python isn't told of them (before 4.5), the content's ends;
    None where they can't be read."""
    found = list(getattr(strip, "retiming_keys", ()))
    if len(found) < 2:
        return [_Key(0.0, 0.0), _Key(float(strip_frames(strip, "length")) - SHORTER, 1.0)]
    places = [key.as_pointer() for key in found]
    strides = {after - before for before, after in itertools.pairwise(places)}
    size = strides.pop()
    if strides or size not in FACTOR_AT:
        return None
    keys = [_key_at(place, size) for place in places]
    return keys if _agree(strip, found, keys) else None


def _key_at(place: int, size: int) -> _Key:
    memory = ctypes.string_at(place, size)
    (frame,) = struct.unpack_from("<d", memory)
    (flags,) = struct.unpack_from("<i", memory, FLAG_AT)
    (part,) = struct.unpack_from("<f", memory, FACTOR_AT[size])
    return _Key(frame, part, bool(flags & TRANSITION))


def _agree(strip: bpy.types.Strip, found: Sequence[Any], keys: Sequence[_Key]) -> bool:
    """Whether what was read are keys: on the frames that Python tells, and in order from 0 to 1."""
    start = found[0].timeline_frame
    there = all(abs(one.timeline_frame - start - key.frame) < 1 for one, key in zip(found, keys, strict=True))
    rising = all(a.frame < b.frame and a.part <= b.part for a, b in itertools.pairwise(keys))
    return there and rising and keys[0].part == 0 and keys[-1].part == 1 and keys[0].frame == 0


def _content_frames(strip: bpy.types.Strip) -> int | None:
    """Frames that the strip's content had before its speed was changed; None where that can't be read."""
    name = strip.name.encode()
    memory = ctypes.string_at(strip.as_pointer(), 3 * NAME_ROOM)
    at = memory.find(name + b"\0", 0, 2 * NAME_ROOM)
    at -= 2 if at >= 2 and memory[at - 2 : at] == b"SQ" else 0  # the names of old
    if at < 0 or not name:
        return None
    _flag, _type, length, start = struct.unpack_from("<iiif", memory, at + NAME_ROOM)
    fits = start == strip_frames(strip, "start") and 0 < length < 1 << 24
    return length if fits else None


def _other_length(strip: bpy.types.Strip) -> bool:
    length = _content_frames(strip)
    return length is not None and abs(strip_frames(strip, "length") - length) > 1


def _unreadable(strip: bpy.types.Strip) -> str:
    return f"The speed of the strip “{strip.name}” can't be read: reset its retiming first."


def _metas_retimed(strip: bpy.types.Strip) -> bool:
    """Whether the strip lies in a meta strip whose speed was changed."""
    parent = strip.parent_meta() if hasattr(strip, "parent_meta") else None
    while parent is not None:
        if _other_length(parent):
            return True
        parent = parent.parent_meta()
    return False
