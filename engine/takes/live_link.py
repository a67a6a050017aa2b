# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit weights as the CSV that Apple's "Live Link Face" writes, for Unreal, Maya and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..generate.options import Take
from .atomic import replacing

SHAPES = (
    "EyeBlinkLeft EyeLookDownLeft EyeLookInLeft EyeLookOutLeft EyeLookUpLeft EyeSquintLeft EyeWideLeft "
    "EyeBlinkRight EyeLookDownRight EyeLookInRight EyeLookOutRight EyeLookUpRight EyeSquintRight "
    "EyeWideRight JawForward JawRight JawLeft JawOpen MouthClose MouthFunnel MouthPucker MouthRight "
    "MouthLeft MouthSmileLeft MouthSmileRight MouthFrownLeft MouthFrownRight MouthDimpleLeft "
    "MouthDimpleRight MouthStretchLeft MouthStretchRight MouthRollLower MouthRollUpper MouthShrugLower "
    "MouthShrugUpper MouthPressLeft MouthPressRight MouthLowerDownLeft MouthLowerDownRight "
    "MouthUpperUpLeft MouthUpperUpRight BrowDownLeft BrowDownRight BrowInnerUp BrowOuterUpLeft "
    "BrowOuterUpRight CheekPuff CheekSquintLeft CheekSquintRight NoseSneerLeft NoseSneerRight TongueOut"
).split()
"""The 52 blend shapes in the order in which Live Link Face writes them."""

ROTATIONS = (
    "HeadYaw HeadPitch HeadRoll LeftEyeYaw LeftEyePitch LeftEyeRoll RightEyeYaw RightEyePitch RightEyeRoll"
).split()
"""Rotations in radians that follow the shapes; 0 here, because MeshTalk moves the face and not the head."""

COLUMNS = ("Timecode", "BlendShapeCount", *SHAPES, *ROTATIONS)


def write_live_link_csv(path: str | Path, take: Take) -> None:
    """Write a take's weights; columns that the model has no unit for are 0. Whole or not at all
    (TakeError)."""
    with replacing(Path(path)) as temporary, temporary.open("w", encoding="ascii", newline="") as file:
        file.writelines(line + "\n" for line in live_link_lines(take))


def live_link_lines(take: Take) -> Iterator[str]:
    """The lines of the CSV, the header first."""
    yield ",".join(COLUMNS)
    count = str(len(COLUMNS) - 2)
    for frame, values in enumerate(_columns(take)):
        yield ",".join([timecode(frame, take.fps), count, *(f"{value:.6f}" for value in values)])


def timecode(frame: int, fps: Fraction) -> str:
    """HH:MM:SS:FF.fff of a frame from 0 on: real time, so that it never drifts; FF.fff counts frames, and
    parts of them, within the second (the parts are 0 at whole rates)."""
    second, rest = divmod(Fraction(frame) / fps, 1)
    thousandths = round(rest * fps * 1000)
    minute, hour = second // 60, second // 3600
    return (
        f"{hour:02d}:{minute % 60:02d}:{second % 60:02d}:{thousandths // 1000:02d}.{thousandths % 1000:03d}"
    )


def _columns(take: Take) -> NDArray[np.float32]:
    """The take's weights ``(T', 61)`` in the columns' order."""
    rows = np.zeros((len(take.weights), len(COLUMNS) - 2), np.float32)
    units = {name.lower(): index for index, name in enumerate(take.unit_names)}
    for column, name in enumerate(SHAPES):
        if name.lower() in units:
            rows[:, column] = take.weights[:, units[name.lower()]]
    return rows
