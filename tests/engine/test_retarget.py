# SPDX-License-Identifier: GPL-3.0-or-later
"""Retargeting: the same expression on another head, in its own size."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main
from engine.audio.sound import sound_from_samples
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.errors import OptionError
from engine.generate import GenerateOptions, generate
from engine.generate.dub_curves import upper_units
from engine.generate.options import Take
from engine.generate.past import Original
from engine.generate.retarget import Part, RetargetOptions, retarget
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding
from tests.engine.conftest import RATE, syllables
from tests.engine.heads import person

FPS = Fraction(30)


@pytest.fixture(scope="module")
def default() -> Bundle:
    return load_bundle(default_bundle_path(), threads=1)


@pytest.fixture(scope="module")
def source(default: Bundle) -> Binding:
    return bind_head(default.template, person(default.template, 4), default.template.faces)


@pytest.fixture(scope="module")
def target(default: Bundle) -> Binding:
    """Another person, a third larger, turned and elsewhere."""
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    points = 1.33 * person(default.template, 9) @ turn.T + [1.0, 2, 3]
    return bind_head(default.template, points, default.template.faces)


@pytest.fixture(scope="module")
def spoken(default: Bundle, source: Binding) -> Take:
    """A take whose mouth opens and shuts, besides what was sampled."""
    sound = sound_from_samples(syllables(1.5), RATE)
    (take,) = generate(default, sound, source, GenerateOptions(seed=2, fps=FPS))
    weights = take.weights.copy()
    weights[:, take.unit_names.index("jawOpen")] = 0.15 * (1 - np.cos(np.arange(len(weights)) * 0.5))
    vertices = source.vertices + np.tensordot(weights, source.unit_deltas(), 1)
    return replace(take, weights=weights, vertices=vertices.astype(np.float32))


def gaps(binding: Binding, vertices: np.ndarray, upper: str, lower: str) -> np.ndarray:
    """Distances (T,) between two landmarks, in metres of human size."""
    marks = binding.template.landmarks
    apart = vertices[:, marks[upper]] - vertices[:, marks[lower]]
    return apart @ binding.rotation[:, 2] / binding.scale


def test_lips_and_lids_do_the_same_on_another_head(
    default: Bundle, source: Binding, target: Binding, spoken: Take
) -> None:
    original = Original(FPS, spoken.vertices)
    options = RetargetOptions(corrective_tolerance_mm=0.2)
    take = retarget(default, source, original, target, options)
    assert take.vertices is not None and spoken.vertices is not None
    assert take.vertices.shape[1:] == target.vertices.shape
    pairs = (("lip_upper_inner", "lip_lower_inner", 0.99), ("lid_upper_left", "lid_lower_left", 0.97))
    for upper, lower, least in pairs:
        here = gaps(source, spoken.vertices, upper, lower)
        there = gaps(target, take.vertices, upper, lower)
        assert np.corrcoef(here, there)[0, 1] > least
    lips = gaps(source, spoken.vertices, "lip_upper_inner", "lip_lower_inner")
    there = gaps(target, take.vertices, "lip_upper_inner", "lip_lower_inner")
    rest = [
        gaps(one, one.vertices[None], "lip_upper_inner", "lip_lower_inner")[0] for one in (source, target)
    ]
    closed = lips < rest[0] + 0.0005
    assert closed.any() and (there[closed] < rest[1] + 0.001).all()


def test_what_the_model_never_does_gets_shapes_of_its_own(default: Bundle, source: Binding) -> None:
    """Another rig's lips bulge where the model's never do; its correctives left 2 mm of such motion."""
    lips, moments = default.template.corrective_lips, np.arange(60) / 30
    bulges = []
    for turn, at in enumerate(lips[:: len(lips) // 6]):
        away = np.linalg.norm(source.vertices - source.vertices[at], axis=1) / source.scale
        bulges.append(np.exp(-((away / 0.008) ** 2))[:, None] * np.roll([0.003, 0.001, 0.0], turn))
    strengths = np.clip(np.sin(np.outer(moments, np.arange(3, 3 + len(bulges)))), 0, 1)
    moved = source.scale * np.tensordot(strengths, np.array(bulges), 1)
    vertices = (source.vertices + moved).astype(np.float32)
    options = RetargetOptions(corrective_tolerance_mm=0.2)
    take = retarget(default, source, Original(FPS, vertices), source, options)
    assert take.vertices is not None and take.corrective_names is not None
    off = np.linalg.norm(take.vertices - vertices, axis=2)[:, lips].max(axis=1) / source.scale * 1000
    assert np.percentile(off, 95) < 0.2 + 1e-3
    assert not set(take.corrective_names) & set(default.template.corrective_names)
    assert len(take.corrective_names) < 16


def test_how_the_whole_head_turns_is_not_taken_over(
    default: Bundle, source: Binding, target: Binding, spoken: Take
) -> None:
    assert spoken.vertices is not None
    angle = np.deg2rad(20) * np.sin(np.arange(len(spoken.vertices)) * 0.2)
    turns = np.tile(np.eye(3), (len(angle), 1, 1))
    turns[:, 0, 0], turns[:, 0, 1], turns[:, 1, 0], turns[:, 1, 1] = (
        np.cos(angle),
        -np.sin(angle),
        np.sin(angle),
        np.cos(angle),
    )
    nodding = np.einsum("tij,tvj->tvi", turns, spoken.vertices).astype(np.float32)
    still, turned = (
        retarget(default, source, Original(FPS, vertices), target, RetargetOptions()).weights
        for vertices in (spoken.vertices, nodding)
    )
    assert np.abs(still - turned).max() < 0.05


def test_curves_that_are_known_stay_as_they_are(
    default: Bundle, source: Binding, target: Binding, spoken: Take
) -> None:
    original = Original(FPS, spoken.vertices, spoken.weights, spoken.unit_names)
    take = retarget(default, source, original, target, RetargetOptions())
    assert np.array_equal(take.weights, spoken.weights)
    alone = retarget(
        default, source, Original(FPS, None, spoken.weights, spoken.unit_names), target, RetargetOptions()
    )
    assert np.array_equal(alone.weights, spoken.weights)


def test_a_part_has_its_own_units_alone(
    default: Bundle, source: Binding, target: Binding, spoken: Take
) -> None:
    original = Original(FPS, spoken.vertices, spoken.weights, spoken.unit_names)
    mouth, upper = (
        retarget(default, source, original, target, RetargetOptions(part))
        for part in (Part.MOUTH, Part.UPPER)
    )
    assert set(mouth.unit_names) | set(upper.unit_names) == set(spoken.unit_names)
    assert not set(mouth.unit_names) & set(upper.unit_names)
    kept = upper_units(default.template)
    assert np.array_equal(upper.weights, spoken.weights[:, kept])
    assert "jawOpen" in mouth.unit_names and "eyeBlinkLeft" in upper.unit_names


def test_another_rate(default: Bundle, source: Binding, target: Binding, spoken: Take) -> None:
    original = Original(FPS, None, spoken.weights, spoken.unit_names)
    take = retarget(default, source, original, target, RetargetOptions(fps=60))
    assert take.fps == 60 and len(take.weights) == 2 * len(spoken.weights) - 1
    assert np.array_equal(take.weights[::2], spoken.weights)


def test_options_are_checked() -> None:
    with pytest.raises(OptionError):
        RetargetOptions(part="mouth")  # type: ignore[arg-type]
    with pytest.raises(OptionError):
        RetargetOptions(fps=0)


def test_command(default: Bundle, tmp_path: Path, spoken: Take, capsys: pytest.CaptureFixture) -> None:
    take = tmp_path / "take.npz"
    np.savez(take, fps=30.0, weights=spoken.weights, unit_names=np.array(spoken.unit_names))
    assert main(["retarget", str(take), "--out", str(tmp_path / "new"), "--part", "upper"]) == 0
    assert "upper" in capsys.readouterr().out
    with np.load(tmp_path / "new.npz") as file:
        assert len(file["weights"]) == len(spoken.weights) and "jawOpen" not in file["unit_names"]
    assert (tmp_path / "new.csv").is_file()
    assert main(["retarget", str(tmp_path / "none.npz"), "--out", str(tmp_path / "other")]) == 2
    assert not (tmp_path / "other.npz").exists()
