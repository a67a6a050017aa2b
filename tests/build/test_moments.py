# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's picture strip shows the moments that its captions name."""

from __future__ import annotations

import json

import numpy as np

from demo.moments import Motion, load_phones, pick_moments
from tools import project

SAMPLE = project.ROOT / "samples" / "speech.flac"


def motion(frames: int = 90, **weights: dict[int, float]) -> Motion:
    """Lips 5 mm apart but where `gap` says otherwise; the other weights are zero but where they are given."""
    gap = np.full(frames, 5.0)
    for frame, value in weights.pop("gap", {}).items():
        gap[frame] = value
    rows = {name: np.zeros(frames) for name in weights}
    for name, values in weights.items():
        for frame, value in values.items():
            rows[name][frame] = value
    return Motion(rows, gap, fps=30.0)


def test_by_phone_each_picture_lies_in_its_phone() -> None:
    phones = [(0.0, 0.5, "M"), (0.5, 1.0, "AA"), (1.0, 1.5, "UW"), (1.5, 2.0, "F"), (2.0, 3.0, "SIL")]
    take = motion(
        gap={7: 0.1, 20: 12.0, 80: 0.0},
        mouthRollLower={50: 0.6, 7: 0.9},
        mouthPucker={40: 0.9, 5: 1.0},
        eyeBlinkLeft={70: 1.0},
    )
    found = {moment.caption.split()[0]: moment.frame for moment in pick_moments(take, phones)}
    assert found == {"m": 7, "f": 50, "ah": 20, "oo": 40, "blink": 70}


def test_by_shape_where_no_phones_are_known() -> None:
    take = motion(
        gap={**dict.fromkeys(range(90), 0.0), **dict.fromkeys(range(30, 60), 6.0), 45: 0.5, 50: 14.0},
        mouthPucker={33: 0.8},
        eyeBlinkLeft={10: 0.2, 77: 0.9},
        eyeBlinkRight={77: 0.9},
    )
    captions = {moment.caption.partition("   ")[0]: moment.frame for moment in pick_moments(take, None)}
    assert captions["wide open"] == 50 and captions["rounded"] == 33 and captions["blink"] == 77


def test_a_head_without_these_units_still_gives_pictures() -> None:
    assert pick_moments(motion(), None)


def test_the_samples_phones_cover_it_in_order() -> None:
    phones = load_phones(SAMPLE)
    assert phones is not None and {label for _, _, label in phones} >= {"M", "F", "AA", "UW", "P", "B"}
    for (_, end, _), (start, _, _) in zip(phones, phones[1:], strict=False):
        assert end == start
    assert json.loads((SAMPLE.parent / "speech.phones.json").read_text("utf-8"))[0][0] == 0.0


def test_a_recording_without_phones_has_none() -> None:
    assert load_phones(project.ROOT / "README.md") is None
