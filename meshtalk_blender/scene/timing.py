# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and frames of a scene; pure functions. Fractions are imported late: Blender starts without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction


def scene_rate(fps: int, fps_base: float) -> Fraction:
    """Exact frames per second: Blender keeps 23.976 as 24 and 1.001, and 1.001 only in single precision."""
    from fractions import Fraction

    return Fraction(fps) / Fraction(fps_base).limit_denominator(10_000)


def frames_to_seconds(frames: float, rate: Fraction) -> Fraction:
    """Duration of a number of frames (whole or not) in seconds."""
    from fractions import Fraction

    return Fraction(frames).limit_denominator(1_000_000) / rate


def seconds_to_frames(seconds: Fraction, rate: Fraction) -> int:
    """Nearest whole number of frames of a duration in seconds."""
    return round(seconds * rate)
