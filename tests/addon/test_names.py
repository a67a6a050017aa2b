# SPDX-License-Identifier: GPL-3.0-or-later
"""Which shape key is which unit, in any spelling."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SPELLINGS = {
    "eyeBlinkLeft": (
        "eyeBlinkLeft",
        "EyeBlinkLeft",
        "eyeBlink_L",
        "eye_blink_left",
        "EYE_BLINK_L",
        "eyeBlink.L",
        "eyeBlinkL",
        "Eye Blink Left",
        "eyeblink-l",
    ),
    "mouthRight": ("mouthRight", "mouth_R", "Mouth.R", "mouthR"),
    "jawOpen": ("jawOpen", "JawOpen", "jaw_open", "Jaw Open"),
    "tongueOut": ("tongueOut", "Tongue_Out"),
}


@pytest.mark.parametrize("unit, name", [(unit, name) for unit, names in SPELLINGS.items() for name in names])
def test_every_usual_spelling_is_found(part, unit, name):
    assert part("scene.names").match_units([unit], ["Basis", "smile", name]) == {unit: name}


@pytest.mark.parametrize(
    "unit, name",
    [
        ("eyeBlinkLeft", "eyeBlinkRight"),
        ("eyeBlinkLeft", "eyeBlink"),
        ("jawOpen", "jawOpenWide"),
        ("jawLeft", "jaw"),
        ("jawOpen", ""),
    ],
)
def test_other_keys_are_left_alone(part, unit, name):
    assert part("scene.names").match_units([unit], [name]) == {}


def test_exact_spelling_wins(part):
    names = ["jaw_open", "jawOpen"]
    assert part("scene.names").match_units(["jawOpen"], names) == {"jawOpen": "jawOpen"}


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), max_size=20))
def test_only_names_of_the_mesh_come_back(names):
    import meshtalk_checkout.meshtalk_blender.scene.names as subject

    found = subject.match_units(["jawOpen", "eyeBlinkLeft", "eyeBlinkRight"], names)
    assert set(found.values()) <= set(names)
    assert len(set(found.values())) == len(found)
