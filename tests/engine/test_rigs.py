# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads with shape keys of their own: which are recognised, and what their keys do while a take plays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.rigs.drive import drive
from engine.rigs.lips import LipMotion, lip_motion
from engine.rigs.mapping import KeyDrive, Preset, PresetKey, RigMapping
from engine.rigs.names import canonical_name, match_units
from engine.rigs.presets import RigError, preset_from_data, preset_text, read_preset, read_presets
from engine.rigs.recognise import recognise
from engine.rigs.visemes import VISEMES, pattern_rows
from engine.template import load_template

ROOT = Path(__file__).resolve().parents[2]
PRESETS = ROOT / "meshtalk_blender" / "presets" / "mappings"
TEMPLATE = ROOT / "engine" / "models" / "default" / "template.npz"

GIVEN, PROBLEMS = read_presets(PRESETS)
MODEL = load_template(TEMPLATE)
UNITS = MODEL.unit_names
LIPS = lip_motion(MODEL)

OCULUS = "sil PP FF TH DD kk CH SS nn RR aa E ih oh ou".split()
READY_PLAYER_ME = [f"viseme_{v}" for v in "sil PP FF TH DD kk CH SS nn RR aa E I O U".split()]
RPM_EXTRAS = ["mouthOpen", "mouthSmile", "eyesClosed", "eyesLookUp", "eyesLookDown"]
VOWELS = ("aa", "ih", "ou", "E", "oh")
VROID = [f"Fcl_MTH_{vowel}" for vowel in "AIUEO"]
CC4_SIDED = (
    "Mouth_Funnel_Up Mouth_Funnel_Down Mouth_Pucker_Up Mouth_Pucker_Down Mouth_Smile Mouth_Frown "
    "Mouth_Up_Upper Mouth_Down_Lower Mouth_Press Mouth_Stretch Eye_Blink Eye_L_Look Eye_R_Look Jaw"
).split()
CC4 = (
    "V_Open V_Explosive V_Dental_Lip V_Tight_O V_Wide V_Affricate V_Lip_Open Jaw_Open Jaw_Forward Mouth_Close"
)
CHARACTER_CREATOR = [*CC4.split(), *(f"{stem}_{side}" for stem in CC4_SIDED for side in "LR")]
CLEAR = ("PP", "FF", "TH", "CH", "SS", "aa", "ih", "oh", "ou")
"""What can be told from outside; the others look like these, or like a blend of two."""

SPELLINGS = {
    "as Apple": list(UNITS),
    "_L and _R": [unit.replace("Left", "_L").replace("Right", "_R") for unit in UNITS],
    "capitals": [unit.upper() for unit in UNITS],
    "MPFB": [f"!ex-{unit}" for unit in UNITS],
    "Maya": [f"blendShape{number}.{unit}" for number, unit in enumerate(UNITS)],
    "object name": [f"Head.{unit}" for unit in UNITS],
    "underscore prefix": [f"Face_{unit}" for unit in UNITS],
    "iClone": [f"A{number:02d}_{unit[0].upper()}{unit[1:]}" for number, unit in enumerate(UNITS)],
}


def found(names: Sequence[str], units: Sequence[str] = UNITS) -> RigMapping:
    mapping = recognise(names, units, GIVEN)
    assert mapping is not None
    return mapping


def weights_of(frames: int = 1, **units: float) -> np.ndarray:
    row = np.array([units.get(unit, 0.0) for unit in UNITS], np.float32)
    return np.tile(row, (frames, 1))


def viseme_rig(*visemes: str) -> RigMapping:
    return RigMapping("test", "visemes", tuple(KeyDrive(viseme, viseme) for viseme in visemes))


def test_every_preset_that_comes_with_the_add_on_can_be_read():
    assert PROBLEMS == []
    assert {"ARKit", "Oculus visemes", "VRM 0", "VRM 1", "Character Creator"} <= {p.name for p in GIVEN}


@pytest.mark.parametrize("names", SPELLINGS.values(), ids=list(SPELLINGS))
def test_all_of_arkit_is_found_in_any_spelling(names):
    mapping, spelled = found([*names, "smirk", "Key 1"]), dict(zip(UNITS, names, strict=True))
    assert mapping.units(UNITS) == set(UNITS)
    assert [entry.key for entry in mapping.used] == [spelled[e.drive] for e in mapping.used]
    assert mapping.covers_mouth(UNITS)


def test_units_win_over_visemes_on_ready_player_me():
    mapping = found([*UNITS, *READY_PLAYER_ME, *RPM_EXTRAS])
    assert {entry.key for entry in mapping.used} == set(UNITS)


def test_visemes_are_driven_where_units_can_not_speak():
    mapping = found(
        [*READY_PLAYER_ME, *RPM_EXTRAS, "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp", "jawOpen"]
    )
    used = {entry.key: entry.drive for entry in mapping.used}
    assert mapping.kind == "visemes"
    assert {used[key] for key in READY_PLAYER_ME} == set(VISEMES)
    assert used["browInnerUp"] == "browInnerUp" and used["eyeBlinkLeft"] == "eyeBlinkLeft"
    assert "jawOpen" not in used and "eyesClosed" not in used


@pytest.mark.parametrize(
    "names, expected",
    [
        (OCULUS, dict(zip(OCULUS, OCULUS, strict=True))),
        ([f"vrc.v_{v.lower()}" for v in OCULUS], {f"vrc.v_{v.lower()}": v for v in OCULUS}),
        (["A", "I", "U", "E", "O"], {"A": "aa", "I": "ih", "U": "ou", "E": "E", "O": "oh"}),
        (["aa", "ih", "ou", "ee", "oh"], {"aa": "aa", "ih": "ih", "ou": "ou", "ee": "E", "oh": "oh"}),
        (VROID, dict(zip(VROID, VOWELS, strict=True))),
        (["あ", "い", "う", "え", "お"], dict(zip("あいうえお", VOWELS, strict=True))),
    ],
    ids=["Oculus", "VRChat", "VRM 0", "VRM 1", "VRoid", "MMD"],
)
def test_viseme_rigs_are_recognised(names, expected):
    mapping = found([*names, "Joy", "Surprised"])
    assert {entry.key: entry.drive for entry in mapping.used} == expected
    assert mapping.covers_mouth(UNITS) and mapping.units(UNITS) == frozenset()


def test_character_creator_is_driven_by_its_units():
    used = {entry.key: entry.drive for entry in found(CHARACTER_CREATOR).used}
    assert used["Mouth_Funnel_Down_R"] == "mouthFunnel"
    assert used["Eye_L_Look_L"] == "eyeLookOutLeft" and used["Eye_R_Look_L"] == "eyeLookInRight"
    assert not any(key.startswith("V_") for key in used)


def test_one_key_for_both_lids_yields_to_one_for_each():
    both = found([*"AIUEO", "Blink"])
    each = found([*"AIUEO", "Blink", "Blink_L", "Blink_R"])
    assert {e.key: e.drive for e in both.used}["Blink"] == "eyeBlink"
    assert {e.key for e in each.used} >= {"Blink_L", "Blink_R"}
    assert [e.key for e in each.keys if not e.on] == ["Blink"]


@pytest.mark.parametrize("names", [[], ["Basis"], ["smile", "Key 1"], ["A", "E"], ["corrective_jawOpen"]])
def test_other_keys_are_no_rig(names):
    assert recognise(names, UNITS, GIVEN) is None


def test_a_few_units_are_a_mapping_that_can_not_speak_alone():
    mapping = found(["jawOpen", "mouthSmile_L"])
    assert mapping.units(UNITS) == {"jawOpen", "mouthSmileLeft"}
    assert not mapping.covers_mouth(UNITS)


def test_a_model_with_other_units_finds_its_own_by_name():
    mapping = found(["earWiggle_L"], ["jawOpen", "earWiggleLeft"])
    assert {entry.key: entry.drive for entry in mapping.used} == {"earWiggle_L": "earWiggleLeft"}


def test_exact_names_win_over_similar_and_prefixed_ones():
    names = ["jaw_open", "jawOpen", *(f"old.{unit}" for unit in UNITS[:20])]
    assert match_units(["jawOpen"], names) == {"jawOpen": "jawOpen"}


@settings(deadline=None)
@given(st.sampled_from(UNITS), st.data())
def test_spelling_never_changes_the_unit(unit, data):
    words = [word for word in _words(unit)]
    separator = data.draw(st.sampled_from(["", "_", ".", " ", "-"]))
    case = data.draw(st.sampled_from([str.lower, str.upper, str.title]))
    if words[-1] in ("Left", "Right") and separator and data.draw(st.booleans()):
        words[-1] = words[-1][0]
    assert canonical_name(separator.join(map(case, words))) == canonical_name(unit)


@settings(deadline=None)
@given(st.lists(st.text(max_size=14), max_size=30))
def test_only_keys_of_the_mesh_come_back_and_each_once(names):
    mapping = recognise(names, UNITS, GIVEN)
    keys = [entry.key for entry in mapping.keys] if mapping else []
    assert set(keys) <= set(names) and len(keys) == len(set(keys))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([tuple(OCULUS), VOWELS, ("PP", "aa"), ("aa",)]),
    arrays.arrays(np.float32, (5, len(UNITS)), elements=st.floats(0, 1, width=32)),
    st.floats(0.05, 1),
)
def test_values_stay_in_range_and_never_add_up_to_more_than_one(visemes, weights, high):
    mapping = viseme_rig(*visemes)
    values = drive(mapping, UNITS, weights, LIPS, {visemes[0]: (0.0, high)})
    assert set(values) == set(visemes)
    stacked = np.stack([values[viseme] for viseme in visemes], axis=1)
    assert np.isfinite(stacked).all() and stacked.min() >= 0.0
    assert values[visemes[0]].max() <= high + 1e-6
    assert stacked.sum(axis=1).max() <= 1.0 + 1e-5


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(np.float32, (4, len(UNITS)), elements=st.floats(0, 1, width=32)))
def test_visemes_never_open_the_lips_further_than_the_units(weights):
    visemes = [viseme for viseme in OCULUS if viseme != "sil"]
    values = drive(viseme_rig(*visemes), UNITS, weights, LIPS)
    shown = np.stack([values[viseme] for viseme in visemes], axis=1) @ pattern_rows(visemes, UNITS)
    asked = np.maximum(weights @ LIPS.gap, 0.0)
    assert (shown @ LIPS.gap <= asked + 0.21).all()


@pytest.mark.parametrize("viseme", CLEAR)
def test_a_mouth_that_shows_a_viseme_drives_that_viseme(viseme):
    row = pattern_rows([viseme], UNITS)
    values = drive(viseme_rig(*OCULUS), UNITS, np.repeat(row, 5, axis=0), LIPS)
    assert max(values, key=lambda key: values[key][2]) == viseme
    assert values[viseme][2] > 0.75


@pytest.mark.parametrize("viseme", OCULUS[2:])
def test_the_mouth_moves_as_it_does_by_units(viseme):
    row = pattern_rows([viseme], UNITS)
    values = drive(viseme_rig(*OCULUS), UNITS, np.repeat(row, 3, axis=0), LIPS)
    shown = np.array([values[name][1] for name in OCULUS]) @ pattern_rows(OCULUS, UNITS)
    missed = shown - row[0]
    assert missed @ LIPS.metric @ missed < 0.15**2 * (row[0] @ LIPS.metric @ row[0])


def test_nothing_said_is_silence():
    values = drive(viseme_rig(*OCULUS), UNITS, weights_of(3), LIPS)
    assert values["sil"] == pytest.approx(1.0)
    assert all(values[viseme].max() < 1e-3 for viseme in OCULUS if viseme != "sil")


def test_a_smile_is_not_taken_for_speech():
    smile = weights_of(3, mouthSmileLeft=0.6, mouthSmileRight=0.6, cheekSquintLeft=0.4, cheekSquintRight=0.4)
    values = drive(viseme_rig(*OCULUS), UNITS, smile, LIPS)
    assert sum(values[viseme][1] for viseme in OCULUS if viseme != "sil") < 0.25


def test_lips_are_shut_at_a_closure_even_when_rounded():
    row = pattern_rows(["PP"], UNITS)[0] + weights_of(1, mouthPucker=0.15)[0]
    values = drive(viseme_rig(*OCULUS), UNITS, np.tile(row, (3, 1)), LIPS)
    assert values["PP"][1] > 0.95
    assert sum(values[viseme][1] for viseme in ("aa", "oh", "ou", "E", "ih")) < 0.05


def test_rigs_without_pp_shut_their_lips_at_a_closure():
    visemes = VOWELS
    row = pattern_rows(["PP"], UNITS)[0]
    values = drive(viseme_rig(*visemes), UNITS, np.tile(row, (3, 1)), LIPS)
    shown = sum(values[v][1] * pattern_rows([v], UNITS)[0] for v in visemes)
    assert float(shown @ LIPS.gap) < 0.25


def test_curves_are_as_smooth_as_the_motion():
    phase = np.linspace(0, 2 * np.pi, 61)[:, None]
    aa, ou = pattern_rows(["aa", "ou"], UNITS)
    weights = (0.5 - 0.5 * np.cos(phase)) * aa + (0.5 + 0.5 * np.cos(phase)) * ou
    values = drive(viseme_rig(*OCULUS), UNITS, weights, LIPS)
    steps = max(float(np.abs(np.diff(values[viseme])).max()) for viseme in OCULUS)
    assert steps < 0.15


def test_both_lids_take_the_larger_and_both_corners_the_mean():
    mapping = RigMapping("test", "units", (KeyDrive("Blink", "eyeBlink"), KeyDrive("Smile", "mouthSmile")))
    wink = weights_of(2, eyeBlinkLeft=1.0, mouthSmileLeft=0.8)
    values = drive(mapping, UNITS, wink, LIPS)
    assert values["Blink"] == pytest.approx(1.0)
    assert values["Smile"] == pytest.approx(0.4)


def test_a_key_of_both_directions_goes_below_zero():
    mapping = RigMapping("test", "units", (KeyDrive("Jaw X", "jawLeft - jawRight"),))
    values = drive(mapping, UNITS, weights_of(2, jawRight=0.6), LIPS, {"Jaw X": (-1.0, 1.0)})
    assert values["Jaw X"] == pytest.approx(-0.6)
    assert drive(mapping, UNITS, weights_of(2, jawRight=0.6), LIPS)["Jaw X"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    "bounds, gain, expected",
    [
        ((0, 1), 1, 0.8),
        ((0, 0.5), 1, 0.5),
        ((-1, 1), 1, 0.8),
        ((0, 100), 1, 80),
        ((0, 1), 0.5, 0.4),
        ((-1, 0), -1, -0.8),
    ],
)
def test_ranges_and_gain_are_respected(bounds, gain, expected):
    mapping = RigMapping("test", "units", (KeyDrive("jaw", "jawOpen", gain),))
    values = drive(mapping, UNITS, weights_of(2, jawOpen=0.8), LIPS, {"jaw": bounds})
    assert values["jaw"] == pytest.approx(expected)


def test_keys_that_are_off_are_not_driven():
    mapping = RigMapping("test", "visemes", (KeyDrive("aa", "aa", on=False), KeyDrive("E", "E")))
    assert set(drive(mapping, UNITS, weights_of(2), LIPS)) == {"E"}


def test_a_model_without_a_mouth_gives_silence():
    lips = LipMotion(np.zeros((1, 1)), np.zeros(1))
    values = drive(viseme_rig(*OCULUS), ("browInnerUp",), np.ones((3, 1), np.float32), lips)
    assert all(np.isfinite(value).all() for value in values.values())
    assert values["aa"].max() < 1e-3


def test_presets_are_what_was_written():
    preset = Preset(
        "Mine",
        "visemes",
        (PresetKey(("Ah", "A"), "aa", 0.7), PresetKey(("B",), "eyeBlink", on=False, unless=("Ah",))),
    )
    assert preset_from_data(json.loads(preset_text(preset))) == preset


@pytest.mark.parametrize(
    "change, word",
    [
        ({"format": 2}, "format"),
        ({"name": " "}, "name"),
        ({"kind": "bones"}, "kind"),
        ({"keys": []}, "keys"),
        ({"keys": [{"drive": "aa"}]}, "key"),
        ({"keys": [{"key": "A"}]}, "drive"),
        ({"keys": [{"key": "A", "drive": "aa + jawOpen"}]}, "viseme"),
        ({"keys": [{"key": "A", "drive": "aa", "gain": "much"}]}, "gain"),
        ({"keys": [{"key": "A", "drive": "aa", "gain": 1e9}]}, "gain"),
        ({"keys": [{"key": "A", "drive": "aa", "on": 1}]}, "on"),
        ({"keys": [{"key": "A", "drive": "aa", "also": "a"}]}, "also"),
        ({"keys": [{"key": "A", "drive": "aa"}, {"key": "A", "drive": "E"}]}, "twice"),
        ({"keys": [{"key": "A", "drive": "aa", "wieght": 1}]}, "wieght"),
        ({"mapping": {}}, "mapping"),
    ],
)
def test_a_wrong_preset_is_refused_with_what_is_wrong(change, word):
    data = {
        "format": 1,
        "name": "Mine",
        "kind": "units",
        "keys": [{"key": "jaw", "drive": "jawOpen"}],
    } | change
    with pytest.raises(RigError, match=word):
        preset_from_data(data, "mine.json")


def test_a_damaged_file_is_told_and_the_others_are_read(tmp_path):
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    preset = Preset("Mine", "units", (PresetKey(("jaw",), "jawOpen"),))
    (tmp_path / "c.json").write_text(preset_text(preset), encoding="utf-8")
    presets, problems = read_presets(tmp_path)
    assert presets == [preset]
    assert [name in problem for name, problem in zip(("a.json", "b.json"), problems, strict=True)] == [
        True,
        True,
    ]
    with pytest.raises(RigError, match="gone.json"):
        read_preset(tmp_path / "gone.json")


def _words(unit: str) -> list[str]:
    import re

    return re.findall(r"[A-Z]?[a-z]+", unit)
