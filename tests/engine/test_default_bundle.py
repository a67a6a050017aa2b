# SPDX-License-Identifier: GPL-3.0-or-later
"""The model that comes with MeshTalk, on real speech."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import numpy as np
import pytest

from engine.audio.sound import Sound, load_sound, sound_from_samples
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.generate import GenerateOptions, Take, generate
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not (default_bundle_path() / "model.json").exists(), reason="engine/models/default is not there"
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    bundle = load_bundle(default_bundle_path())
    bundle.open_all()
    return bundle


@pytest.fixture(scope="module")
def head(bundle: Bundle) -> Binding:
    return bind_head(bundle.template, bundle.template.rest, bundle.template.faces)


@pytest.fixture(scope="module")
def voice() -> Sound:
    return load_sound(ROOT / "samples" / "speech.flac")


@pytest.fixture(scope="module")
def takes(bundle: Bundle, head: Binding, voice: Sound) -> tuple[Take, ...]:
    return generate(bundle, voice, head, GenerateOptions(takes=2))


def lip_opening(bundle: Bundle, vertices: np.ndarray) -> np.ndarray:
    """Millimetres between the inner lips (T,), less than 0 where they cross."""
    marks = bundle.card.landmarks
    return 1000 * (vertices[..., marks["lip_upper_inner"], 2] - vertices[..., marks["lip_lower_inner"], 2])


def test_it_is_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in default_bundle_path().rglob("*")) <= 40e6


def test_it_names_what_it_was_made_of(bundle: Bundle) -> None:
    assert bundle.card.licence and bundle.card.training_data
    assert all(source.get("licence") for source in bundle.card.training_data)
    assert len(bundle.card.units) == 52


def test_speech_moves_the_lips(bundle: Bundle, takes: tuple[Take, ...]) -> None:
    opening = lip_opening(bundle, takes[0].vertices)
    assert np.percentile(opening, 95) - np.percentile(opening, 5) > 3
    assert opening.min() > -2


def test_silence_keeps_the_lips_at_rest(bundle: Bundle, head: Binding) -> None:
    (take,) = generate(bundle, sound_from_samples(np.zeros(80_000), 16_000), head, GenerateOptions())
    at_rest = lip_opening(bundle, bundle.template.rest)
    assert (lip_opening(bundle, take.vertices) - at_rest).max() <= 1


def test_two_seeds_share_the_mouth_and_differ_in_the_eyes(bundle: Bundle, takes: tuple[Take, ...]) -> None:
    mouths = [lip_opening(bundle, take.vertices) for take in takes]
    assert np.corrcoef(*mouths)[0, 1] >= 0.9
    blink = bundle.unit_names.index("eyeBlinkLeft")
    shut = [take.weights[:, blink] > 0.6 for take in takes]
    assert not np.array_equal(*shut)


def test_weights_and_vertices_tell_the_same_story(
    bundle: Bundle, head: Binding, takes: tuple[Take, ...]
) -> None:
    """Shape keys at these weights come within 1 mm of the vertices, on average over the moving ones."""
    moved = np.einsum("tu,uvc->tvc", takes[0].weights, head.unit_deltas())
    wanted = takes[0].vertices - head.vertices
    moving = np.abs(wanted).max(axis=(0, 2)) > 0.001
    assert np.linalg.norm((moved - wanted)[:, moving], axis=2).mean() < 0.001


def test_ten_seconds_take_three_at_most(bundle: Bundle, head: Binding, voice: Sound) -> None:
    repeated = np.tile(voice.samples, 1 + 160_000 // len(voice.samples))[:160_000]
    sound = sound_from_samples(repeated, 16_000)

    def seconds() -> float:
        """Of the processor, of all threads: what else the machine does must not count."""
        begin = process_time()
        generate(bundle, sound, head, GenerateOptions())
        return process_time() - begin

    assert min(seconds() for _ in range(3)) <= 3
