# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads that rest with parted lips: the model is shown them with the lips together, so that they close."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.audio.sound import load_sound
from engine.bundle import default_bundle_path, load_bundle
from engine.generate import GenerateOptions, generate
from engine.geometry.bind import bind_head
from engine.geometry.fit.ajar import lips_together
from engine.geometry.fit.binding import FitFigures, FittedBinding
from engine.geometry.units import carry_units
from engine.template import Template
from tests.engine.heads import own_mesh, person

MODEL = Path(default_bundle_path())
SPEECH = Path(__file__).resolve().parents[2] / "samples" / "speech.flac"


def lip_gap_mm(template: Template, shape: np.ndarray) -> float:
    """The widest gap between the lips' pairs in the middle of the mouth."""
    pairs = np.flatnonzero(template.closure_unit == template.unit("mouthClose"))
    moving, fixed = template.closure_moving[pairs], template.closure_fixed[pairs]
    mix = template.closure_mix[pairs, None]
    gaps = (shape[fixed[:, 0]] * (1 - mix) + shape[fixed[:, 1]] * mix - shape[moving])[:, 2]
    side = np.abs(template.rest[moving, 0])
    return 1e3 * float(gaps[side <= 0.5 * side.max()].max())


def parted(template: Template, shape: np.ndarray, jaw: float) -> np.ndarray:
    return shape + jaw * template.unit_deltas[template.unit("jawOpen")]


@pytest.mark.parametrize("seed", [None, 3])
def test_parted_lips_are_together_in_what_the_model_is_shown(template: Template, seed: int | None) -> None:
    shape = template.rest if seed is None else person(template, seed)
    rest = parted(template, shape, 0.1).astype(np.float32)
    neutral = lips_together(template, rest)
    assert lip_gap_mm(template, rest) > 3
    assert lip_gap_mm(template, neutral) < lip_gap_mm(template, template.rest) + 0.5
    moved = np.linalg.norm(neutral - rest, axis=1)
    high = rest[:, 2] > rest[template.landmarks["nose_tip"], 2]
    assert moved[high].max() < 1e-4  # nothing above the mouth goes with them


def test_lips_of_people_at_rest_stay_as_they_are(template: Template) -> None:
    for seed in range(20):
        rest = person(template, seed).astype(np.float32)
        assert np.linalg.norm(lips_together(template, rest) - rest, axis=1).max() < 1e-3
    assert lips_together(template, template.rest) is template.rest


def test_a_fitted_head_knows_its_neutral_and_known_ones_are_their_own(template: Template) -> None:
    head = own_mesh(template, parted(template, template.rest.astype(np.float64), 0.12))
    binding = bind_head(template, head.vertices, head.polygons)
    assert lip_gap_mm(template, binding.rest) > 3
    assert lip_gap_mm(template, binding.neutral) < lip_gap_mm(template, template.rest) + 0.5
    own = bind_head(template, template.rest, template.faces)
    assert own.neutral is own.rest


def test_a_carried_basis_moves_frames_as_carrying_does(template: Template) -> None:
    basis = template.motion_basis[:12]
    codes = np.random.default_rng(0).normal(0, 0.01, (5, len(basis))).astype(np.float32)
    motion = np.einsum("tk,kvc->tvc", codes, basis)
    fitted = own_mesh(template, person(template, 2))
    for vertices, polygons in ((template.rest, template.faces), (fitted.vertices, fitted.polygons)):
        binding = bind_head(template, vertices, polygons)
        np.testing.assert_allclose(binding.carried(basis).carry(codes), binding.carry(motion), atol=1e-5)


def blinking(template: Template, shape: np.ndarray) -> np.ndarray:
    units = carry_units(template, shape)
    return shape + units[template.unit("eyeBlinkLeft")] + units[template.unit("eyeBlinkRight")]


@pytest.mark.parametrize("seed", [4, 6])
def test_eyes_that_are_shut_at_rest_are_noticed(template: Template, seed: int) -> None:
    shape = person(template, seed)
    for rest, shut in ((shape, False), (blinking(template, shape), True)):
        head = own_mesh(template, rest)
        binding = bind_head(template, head.vertices, head.polygons)
        assert isinstance(binding, FittedBinding)
        assert binding.figures.eyes_shut == shut
        assert any("eyes" in remark for remark in binding.figures.remarks) == shut


def test_lips_that_rest_apart_are_told() -> None:
    assert FitFigures(0.2, 0.5, 1.0).remarks == ()
    (remark,) = FitFigures(0.2, 0.5, 1.0, parted_mm=3.1).remarks
    assert "3 mm" in remark
    assert "mouthClose" in remark


@pytest.mark.skipif(not (MODEL / "model.json").exists(), reason=f"needs {MODEL}")
def test_lips_that_rest_apart_meet_in_speech() -> None:
    """Nearly as well as on the template itself, by vertices and by units."""
    bundle, speech = load_bundle(MODEL), load_sound(SPEECH)
    template = bundle.template
    rest = parted(template, template.rest.astype(np.float64), 0.12)
    head = own_mesh(template, rest)
    order = np.argsort(np.random.default_rng(0).permutation(len(rest)))
    nearest = []
    for vertices, polygons, place in (
        (template.rest, template.faces, np.arange(len(rest))),
        (head.vertices, head.polygons, order),
    ):
        binding = bind_head(template, vertices, polygons)
        take = generate(bundle, speech, binding, GenerateOptions(seed=1))[0]
        assert take.vertices is not None
        by_units = vertices + np.tensordot(take.weights, binding.unit_deltas(), axes=(1, 0))
        nearest.append(
            [
                np.sort([lip_gap_mm(template, face[place]) for face in motion])[:5].mean()
                for motion in (take.vertices, by_units)
            ]
        )
    (own, own_units), (other, other_units) = nearest
    assert other < own + 0.4
    assert other_units < own_units + 0.8


def test_a_basis_beyond_the_templates_is_carried_too(template: Template) -> None:
    head = own_mesh(template, person(template, 2))
    binding = bind_head(template, head.vertices, head.polygons)
    basis = np.zeros((1, len(template), 3), np.float32)
    basis[0, template.landmarks["nose_tip"]] = [0, -0.01, 0]
    moved = binding.carried(basis).carry(np.ones((1, 1), np.float32))
    np.testing.assert_allclose(moved, binding.carry(basis), atol=1e-6)
