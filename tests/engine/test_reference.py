# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine gives what the published algorithm gives, written down plainly (tests/engine/reference)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engine.audio.sound import Sound, load_sound
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.generate import GenerateOptions, generate
from engine.generate.encode import encode_audio
from engine.generate.loop import LoopSampler, StepSampler
from engine.generate.sample import sample_labels
from engine.geometry.bind import bind_head
from tests.engine.reference import Reference, reference_vertices

ROOT = Path(__file__).resolve().parents[2]
SAME_MM = 0.001


@pytest.fixture(scope="module")
def voice() -> Sound:
    return load_sound(ROOT / "samples" / "speech.flac", duration=1.5)


def bundles() -> list[Path]:
    return [ROOT / "tests" / "data" / "tiny_bundle", default_bundle_path()]


@pytest.fixture(scope="module", params=bundles(), ids=["tiny", "default"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    if not (request.param / "model.json").exists():
        pytest.skip(f"{request.param} is not there")
    return load_bundle(request.param, threads=1)


def test_labels_and_vertices_are_those_of_the_published_algorithm(bundle: Bundle, voice: Sound) -> None:
    head = bind_head(bundle.template, bundle.template.rest, bundle.template.faces)
    (take,) = generate(bundle, voice, head, GenerateOptions(seed=5))
    reference = Reference(bundle)
    codes = reference.hear(voice)
    assert np.array_equal(reference.sample(codes, 5, bundle.card.default_temperature), take.labels)
    assert take.vertices is not None
    moved = reference_vertices(reference, voice, head, 5)
    assert np.abs(moved - take.vertices).max() * 1000 < SAME_MM


def test_one_window_a_frame_hears_what_one_pass_hears(bundle: Bundle, voice: Sound) -> None:
    codes = Reference(bundle).hear(voice)
    assert np.allclose(codes, encode_audio(bundle, voice.samples, len(codes)), atol=1e-4)


def test_the_loop_in_one_graph_samples_what_the_bundles_step_graph_samples(
    bundle: Bundle, voice: Sound
) -> None:
    card = bundle.card
    codes = encode_audio(bundle, voice.samples, 40)
    noise = np.random.default_rng(3).gumbel(size=(3, 40, card.heads, card.categories)).astype(np.float32)
    forced = np.full((40, card.heads), -1, np.int16)
    forced[10:20, ::2] = 1
    loop = bundle.loop()
    assert loop is not None
    for kept in (None, forced):
        stepped = StepSampler(bundle, 3).run(codes, noise, kept)
        assert np.array_equal(LoopSampler(bundle, loop, 3).run(codes, noise, kept), stepped)


def test_without_noise_the_likeliest_labels_are_taken(bundle: Bundle, voice: Sound) -> None:
    codes = encode_audio(bundle, voice.samples, 24)
    drawn = sample_labels(bundle, codes, (0,), 0.0)[0]
    assert np.array_equal(drawn, StepSampler(bundle, 1).run(codes, None)[0])


def test_a_model_that_is_built_otherwise_still_runs(speech: Callable[[float], Sound]) -> None:
    """Bundles whose graphs aren't recognised use them as they are, and say the same."""
    folder = ROOT / "tests" / "data" / "tiny_bundle"
    fast, plain = load_bundle(folder, threads=1), load_bundle(folder, threads=1)
    plain._opened |= {"loop": None, "coefficients": None}  # as if nothing had been recognised
    sound = Sound(speech(2.0).samples, Fraction(2))
    head = bind_head(fast.template, fast.template.rest, fast.template.faces)
    one, other = (generate(each, sound, head, GenerateOptions(takes=5))[4] for each in (fast, plain))
    assert np.array_equal(one.labels, other.labels)
    assert one.vertices is not None and other.vertices is not None
    assert np.abs(one.vertices - other.vertices).max() * 1000 < SAME_MM
    assert np.abs(one.weights - other.weights).max() < 1e-4
