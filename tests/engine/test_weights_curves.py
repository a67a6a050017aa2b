# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves that an animator keeps: few units, no opposites at once, the same motion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.audio.sound import load_sound
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.generate import GenerateOptions, Mover, perform
from engine.generate.curves import clean_curves, mirrored_groups, opposite_pairs, visible_weights
from engine.generate.weights import UnitFit, find_contacts
from engine.geometry.bind import bind_head
from engine.template import Template, load_template

ROOT = Path(__file__).resolve().parents[2]
Array = NDArray[np.float32]
Curves = Mapping[str, NDArray[np.floating] | float]

needs_default = pytest.mark.skipif(
    not (default_bundle_path() / "model.json").exists(), reason="engine/models/default is not there"
)


@pytest.fixture(scope="module")
def face() -> Template:
    return load_template(default_bundle_path() / "template.npz")


@pytest.fixture(scope="module")
def fit(face: Template) -> UnitFit:
    return UnitFit(face.unit_deltas, find_contacts(face))


def performance(face: Template, curves: Curves, noise: float = 0.0) -> Array:
    """Weights (T, U) of some units, and of all units noise as large as ``noise``."""
    frames = max(np.size(curve) for curve in curves.values())
    weights = np.abs(np.random.default_rng(0).normal(0.0, noise, (frames, len(face.unit_names))))
    for name, curve in curves.items():
        weights[:, face.unit(name)] += curve
    return np.clip(weights, 0, 1).astype(np.float32)


def largest_shift(face: Template, one: Array, other: Array) -> float:
    """Millimetres."""
    moved = np.einsum("tu,uvc->tvc", one - other, face.unit_deltas)
    return 1000 * float(np.linalg.norm(moved, axis=2).max())


@needs_default
def test_only_what_is_used_stays(face: Template, fit: UnitFit) -> None:
    wave = np.sin(np.linspace(0, 9, 90)).astype(np.float32) ** 2
    blinks = {"eyeBlinkLeft": wave, "eyeBlinkRight": wave}
    used = {"jawOpen": 0.3 * wave, "mouthPucker": 0.5 * wave[::-1], **blinks}
    cleaned = clean_curves(fit, face.unit_names, performance(face, used, noise=0.002))
    moving = {face.unit_names[unit] for unit in np.flatnonzero(cleaned.max(axis=0))}
    assert set(used) <= moving and len(moving) < 20
    assert largest_shift(face, cleaned, performance(face, used)) < 1.2


@needs_default
def test_opposites_are_never_both_on(face: Template, fit: UnitFit) -> None:
    used = {"eyeLookInLeft": 0.3, "mouthSmileLeft": 0.2, "jawOpen": np.ones(50)}
    dense = performance(face, used, noise=0.05)
    cleaned = clean_curves(fit, face.unit_names, dense)
    pairs = opposite_pairs(face.unit_names)
    assert len(pairs) == 10
    assert (cleaned[:, pairs].min(axis=2) == 0).all()


@needs_default
def test_a_gaze_that_crosses_the_middle_does_not_jump(face: Template, fit: UnitFit) -> None:
    across = np.linspace(-0.3, 0.3, 121).astype(np.float32)
    dense = performance(
        face, {"eyeLookInLeft": np.clip(across, 0, 1) + 0.02, "eyeLookOutLeft": np.clip(-across, 0, 1) + 0.02}
    )
    cleaned = clean_curves(fit, face.unit_names, dense)
    assert np.abs(np.diff(cleaned, axis=0)).max() < 5 * np.diff(across).max()
    assert cleaned[0, face.unit("eyeLookOutLeft")] > 0.25 and cleaned[-1, face.unit("eyeLookInLeft")] > 0.25


@needs_default
@pytest.mark.parametrize("unit", ["eyeBlinkLeft", "mouthPressLeft", "mouthRollLower"])
def test_a_single_frame_is_not_smoothed_away(face: Template, fit: UnitFit, unit: str) -> None:
    tap = np.zeros(60, np.float32)
    tap[30] = 0.8
    cleaned = clean_curves(fit, face.unit_names, performance(face, {unit: tap}))
    assert cleaned[30, face.unit(unit)] == pytest.approx(0.8, abs=0.02)
    assert np.delete(cleaned, 30, axis=0).max() == 0


@needs_default
def test_both_sides_of_a_face_stay_or_go_together(face: Template, fit: UnitFit) -> None:
    dense = performance(face, {"browOuterUpLeft": 0.5 * np.ones(30), "browOuterUpRight": 0.02})
    cleaned = clean_curves(fit, face.unit_names, dense)
    assert cleaned[:, face.unit("browOuterUpRight")] == pytest.approx(0.02, abs=0.01)
    groups = mirrored_groups(face.unit_names, opposite_pairs(face.unit_names))
    assert sorted(row for group in groups for row in group) == list(range(len(face.unit_names)))
    assert (face.unit("jawLeft"),) in groups


@needs_default
def test_an_hour_is_cut_without_a_seam(face: Template, fit: UnitFit) -> None:
    """Frames that say the same come out the same, wherever the work is cut. (The first and the last ones have
    something else before or after them.)"""
    dense = performance(face, {"jawOpen": np.ones(40), "mouthSmileLeft": 0.2}, noise=0.01)
    cleaned = clean_curves(fit, face.unit_names, np.tile(dense, (30, 1))).reshape(30, 40, -1)
    assert np.abs(cleaned[1:-1] - cleaned[1]).max() < 5e-6  # three solutions, each begun at the one before


@needs_default
def test_a_unit_comes_in_softly_and_rests_for_a_while(face: Template, fit: UnitFit) -> None:
    """What is on the way to 0 gets there over frames, and what wavers around the visible doesn't hop."""
    rise = np.interp(np.arange(120), [30, 60, 90], [0, 0.5, 0])
    waver = 0.03 + 0.02 * np.sin(np.arange(120))
    curves = {"mouthPucker": rise, "browInnerUp": waver, "jawOpen": 0.2 * np.ones(120)}
    dense = performance(face, curves, noise=0.0025)
    cleaned = clean_curves(fit, face.unit_names, dense)
    pucker = cleaned[:, face.unit("mouthPucker")]
    (on,) = np.nonzero(pucker)
    assert 22 <= on[0] < 36 and 84 < on[-1] <= 98 and pucker[[on[0], on[-1]]].max() < 0.02
    assert np.abs(np.diff(pucker)).max() < 0.03  # it rises by 0.017 a frame
    assert pucker[60] == pytest.approx(0.5, abs=0.02)
    changes = np.abs(np.diff((cleaned > 0).astype(int), axis=0)).sum(axis=0)
    assert changes.max() <= 8  # the one that wavers crosses any fixed threshold 38 times


@needs_default
def test_pauses_are_as_long_at_any_rate(face: Template, fit: UnitFit) -> None:
    """Twice the frames a second: the same curves."""
    time = np.arange(180) / 30
    dense = performance(
        face, {"mouthFunnel": np.clip(np.sin(2 * time), 0, 1) ** 2, "jawOpen": 0.1}, noise=0.0
    )
    twice = np.repeat(dense, 2, axis=0)
    slow, fast = (
        clean_curves(fit, face.unit_names, weights, rate) for weights, rate in ((dense, 30), (twice, 60))
    )
    assert np.abs(fast[::2] - slow).max() < 0.01


@settings(deadline=None, max_examples=25)
@given(frames=st.integers(1, 60), seed=st.integers(0, 10_000))
def test_a_unit_is_seen_or_exactly_zero(tiny: Bundle, frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fit = UnitFit(tiny.template.unit_deltas, find_contacts(tiny.template))
    most = rng.uniform(0, 1, len(tiny.unit_names)) ** 3
    weights = (rng.random((frames, len(most))) * most).astype(np.float32)
    cleaned = clean_curves(fit, tiny.unit_names, weights)
    peaks = cleaned.max(axis=0)
    seen = peaks >= visible_weights(fit.sizes)
    for group in mirrored_groups(tiny.unit_names, opposite_pairs(tiny.unit_names)):
        assert seen[list(group)].any() or (peaks[list(group)] == 0).all()
    assert (cleaned >= 0).all() and (cleaned <= 1).all() and cleaned.dtype == np.float32
    assert np.array_equal(cleaned, clean_curves(fit, tiny.unit_names, weights))


def test_stillness_stays_still(tiny: Bundle) -> None:
    fit = UnitFit(tiny.template.unit_deltas, find_contacts(tiny.template))
    assert (clean_curves(fit, tiny.unit_names, np.zeros((5, len(tiny.unit_names)), np.float32)) == 0).all()


@needs_default
def test_speech_comes_in_few_curves_and_its_lips_still_meet() -> None:
    """The default model on real speech: at least ten of the 52 units rest throughout, though its teacher
    moves most of them, in a frame all but 22; curves shake no more than what least squares finds; at closures
    the middle of the lips is where the vertices have it, to 0.15 mm."""
    bundle = load_bundle(default_bundle_path())
    template = bundle.template
    head = bind_head(template, template.rest, template.faces)
    mover = Mover(bundle, head)
    sound = load_sound(ROOT / "samples" / "speech.flac")
    labels = perform(bundle, sound, GenerateOptions()).labels[0]
    motion = np.concatenate(list(mover.displacements(labels)))
    dense = UnitFit(head.unit_deltas(), find_contacts(template)).weights(motion)
    weights = mover.clean(dense)
    assert 8 <= int((weights.max(axis=0) > 0).sum()) <= 42
    assert 10 <= (weights > 0).sum(axis=1).mean() <= 22
    assert np.square(np.diff(weights, 2, axis=0)).mean() < 1.2 * np.square(np.diff(dense, 2, axis=0)).mean()
    upper, lower = template.landmarks["lip_upper_inner"], template.landmarks["lip_lower_inner"]
    rebuilt = np.einsum("tu,uvc->tvc", weights, head.unit_deltas())
    rest = template.rest[upper, 2] - template.rest[lower, 2]
    seen, made = (rest + moved[:, upper, 2] - moved[:, lower, 2] for moved in (motion, rebuilt))
    closed = seen < 5e-4
    assert closed.any() and np.abs(made - seen)[closed].mean() < 1.5e-4
