# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame rates as Blender keeps them, exactly."""

from fractions import Fraction

import numpy as np
import pytest

RATES = [
    (24, 1.001, Fraction(24000, 1001)),
    (24, 1.0, Fraction(24)),
    (25, 1.0, Fraction(25)),
    (30, 1.001, Fraction(30000, 1001)),
    (30, 1.0, Fraction(30)),
    (60, 1.001, Fraction(60000, 1001)),
    (120, 1.0, Fraction(120)),
    (12, 0.5, Fraction(24)),
]


@pytest.mark.parametrize("fps, base, rate", RATES)
def test_rate_is_exact_though_blender_keeps_the_base_in_single_precision(part, fps, base, rate):
    assert part("scene.timing").scene_rate(fps, float(np.float32(base))) == rate


@pytest.mark.parametrize("fps, base, rate", RATES)
def test_an_hour_of_frames_and_back(part, fps, base, rate):
    timing = part("scene.timing")
    frames = round(3600 * rate)
    assert timing.seconds_to_frames(timing.frames_to_seconds(frames, rate), rate) == frames
