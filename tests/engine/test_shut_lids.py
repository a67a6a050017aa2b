# SPDX-License-Identifier: GPL-3.0-or-later
"""Blinks that are meant to be shut end shut on every head; all other motion stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.audio.sound import load_sound
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.generate import GenerateOptions, Take, generate
from engine.generate.shut_lids import CROSSED, SLIT, Pairs, ShutLids, ShutStream
from engine.geometry.bind import bind_head
from engine.geometry.units import carry_units
from engine.template import Template
from tests.engine.heads import person

ROOT = Path(__file__).resolve().parents[2]
Floats = NDArray[np.float32]

FPS = 30.0
CLOSURE = np.array([0, 0.1, 0.55, 1.0, 0.95, 0.7, 0.45, 0.2, 0.08, 0.02, 0])
"""A blink, frame by frame, as parts of its peak."""
FLOAT = 1e-6
MILLIMETRE = 1e-3

pytestmark = pytest.mark.skipif(
    not (default_bundle_path() / "model.json").exists(), reason="engine/models/default is not there"
)


@pytest.fixture(scope="module")
def default() -> Bundle:
    return load_bundle(default_bundle_path(), threads=1)


@pytest.fixture(scope="module")
def template(default: Bundle) -> Template:
    return default.template


def blink_units(template: Template, rest: Floats) -> Floats:
    """Both eyes' blink and left squint on a head (3, V, 3)."""
    names = ("eyeBlinkLeft", "eyeBlinkRight", "eyeSquintLeft")
    return carry_units(template, rest)[[template.unit(name) for name in names]]


def shut(lids: ShutLids, codes: Floats, size: int = 64) -> Floats:
    stream = ShutStream(lids, len(codes))
    blocks = [codes[at : at + size] for at in range(0, len(codes), size)]
    given = [block for codes in blocks for block in stream.push(codes)]
    assert [len(block) for block in given] == [len(block) for block in blocks]
    return np.concatenate(given)


def motion_of(*peaks: float, every: int = 30) -> Floats:
    """Coefficients (T, 3) in which both eyes blink to each of some depths, one after the other."""
    codes = np.zeros((every * len(peaks) + 20, 3), np.float32)
    for index, depth in enumerate(peaks):
        codes[10 + every * index :][: len(CLOSURE), :2] = (depth * CLOSURE)[:, None]
    return codes


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_blink_that_leaves_a_slit_ends_shut_and_smoothly(template: Template, seed: int) -> None:
    rest = person(template, seed).astype(np.float32)
    lids = ShutLids(template, rest, blink_units(template, rest), FPS)
    codes = motion_of(0.9)
    before, after = lids.gaps(codes), lids.gaps(shut(lids, codes))
    for spoken, held in zip(before, after, strict=True):
        assert spoken.min(axis=0).max() > 2 * SLIT  # else there was nothing to do
        assert held.min(axis=0).max() < SLIT + FLOAT
        assert held.min() > -CROSSED
        assert (held <= spoken + FLOAT).all()
        steps, own = (np.abs(np.diff(gaps.sum(axis=1))).max() for gaps in (held, spoken))
        assert steps < 1.25 * own


@pytest.mark.parametrize("depth", [1.0, 1.1, 0.75, 0.5, 0.2, 0.0])
def test_what_is_shut_or_half_shut_stays_bit_for_bit(template: Template, depth: float) -> None:
    lids = ShutLids(template, template.rest, blink_units(template, template.rest), FPS)
    codes = motion_of(depth)
    assert np.array_equal(shut(lids, codes), codes)


def test_lids_that_stay_nearly_shut_are_no_blink(template: Template) -> None:
    lids = ShutLids(template, template.rest, blink_units(template, template.rest), FPS)
    codes = np.zeros((200, 3), np.float32)
    codes[:, :2] = (0.9 + 0.02 * np.sin(np.arange(200) / 5))[:, None]
    assert np.array_equal(shut(lids, codes), codes)
    squinting = motion_of(0.35)
    squinting[:, 2] = 1.0
    assert np.array_equal(shut(lids, squinting), squinting)


def test_an_eye_alone_is_shut_alone(template: Template) -> None:
    lids = ShutLids(template, template.rest, blink_units(template, template.rest), FPS)
    codes = motion_of(0.9)
    codes[:, 1] *= 0.5
    held = shut(lids, codes)
    assert np.abs(held - codes)[:, 0].max() > 0.03
    assert np.abs(held - codes)[:, 1:].max() < FLOAT


@pytest.mark.parametrize("size", [5, 16, 61, 1000])
def test_the_blocks_change_nothing(template: Template, size: int) -> None:
    lids = ShutLids(template, template.rest, blink_units(template, template.rest), FPS)
    codes = motion_of(0.9, 1.0, 0.93, 0.8, 0.9, 0.88, every=13)
    whole = shut(lids, codes, len(codes))
    assert not np.array_equal(whole, codes)
    assert np.array_equal(shut(lids, codes, size), whole)


def test_displacements_are_shut_as_coefficients_are(template: Template) -> None:
    units = blink_units(template, template.rest)
    codes = motion_of(0.9)
    known = shut(ShutLids(template, template.rest, units, FPS), codes) @ units.reshape(3, -1)
    unknown = shut(ShutLids(template, template.rest, None, FPS), codes @ units.reshape(3, -1))
    assert np.allclose(known, unknown, atol=1e-6)


def test_eyes_that_are_shut_at_rest_have_no_blink(template: Template) -> None:
    units = blink_units(template, template.rest)
    lids = ShutLids(template, template.rest + units[0] + units[1], units, FPS)
    codes = motion_of(0.9)
    assert np.array_equal(shut(lids, codes), codes)


@pytest.mark.parametrize(("seed", "strength"), [(2, 1.0), (5, 1.5)])
def test_a_take_shuts_the_lids_of_vertices_and_of_curves(
    default: Bundle, monkeypatch: pytest.MonkeyPatch, seed: int, strength: float
) -> None:
    """On a person, and a caricature of them, whose eyes the model's own blink leaves open: 0.9, 1.1 mm."""
    template = default.template
    binding = bind_head(template, person(template, 5, strength), template.faces)
    sound = load_sound(ROOT / "samples" / "speech.flac", duration=6.1)
    pairs = Pairs(template, template.closure_unit == template.unit("eyeBlinkLeft"))
    moving = binding.to_head.inverse().points

    def widest(take: Take) -> NDArray[np.float64]:
        """Widest place between the lids (T,) of the vertices and of the curves, metres."""
        assert take.vertices is not None
        played = binding.vertices + np.tensordot(take.weights, binding.unit_deltas(), 1)
        return np.stack([pairs.gaps(moving(points)).max(axis=1) for points in (take.vertices, played)])

    shut_take = generate(default, sound, binding, GenerateOptions(seed=seed))[0]
    monkeypatch.setattr(ShutLids, "added", lambda *_: None)
    own = generate(default, sound, binding, GenerateOptions(seed=seed))[0]
    assert widest(own).min(axis=1)[0] > 3 * SLIT
    vertices, curves = widest(shut_take).min(axis=1)
    assert vertices < 2 * SLIT
    assert curves < SLIT
    assert shut_take.vertices is not None and own.vertices is not None
    still = np.abs(shut_take.vertices - own.vertices).max(axis=(1, 2)) == 0
    assert still.mean() > 0.8
    others = [name for name in template.unit_names if name.startswith(("jaw", "mouth", "brow"))]
    columns = [template.unit(name) for name in others]
    sizes = np.linalg.norm(template.unit_deltas[columns], axis=2).max(axis=1)
    changed = np.abs(shut_take.weights - own.weights)[:, columns] * sizes
    assert changed.max() < 0.25 * MILLIMETRE
