# SPDX-License-Identifier: GPL-3.0-or-later
"""Correctives: what an animator keys (units and correctives) meets the model's motion at the lips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.audio.sound import Sound, load_sound, sound_from_samples
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.errors import Cancelled, MeshTalkError, OptionError
from engine.generate import GenerateOptions, Take, generate
from engine.generate.correctives import carry_correctives
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding
from engine.geometry.units import carry_units
from engine.template import SKIN, Template, load_template, save_template

ROOT = Path(__file__).resolve().parents[2]
Array = NDArray[np.floating]
TOLERANCE = 0.2

pytestmark = pytest.mark.skipif(
    not (default_bundle_path() / "model.json").exists(), reason="engine/models/default is not there"
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The default model; one that has no correctives yet gets them as export gives them."""
    bundle = load_bundle(default_bundle_path(), threads=1)
    if not bundle.template.corrective_names:
        pytest.importorskip("torch")
        from training.export.correctives import with_correctives

        bundle.template = with_correctives(bundle)
    return bundle


@pytest.fixture(scope="module")
def face(bundle: Bundle) -> Template:
    return bundle.template


@pytest.fixture(scope="module")
def sentence() -> Sound:
    """The sample sentence, a little faster than the correctives were made from."""
    return sound_from_samples(load_sound(ROOT / "samples" / "speech.flac").samples, 18_000)


def head(face: Template, person: int | None = None) -> Binding:
    """The template, or somebody else."""
    rest = face.rest
    if person is not None:
        codes = np.clip(np.random.default_rng(person).standard_normal(len(face.identity_std)), -2, 2)
        rest = rest + np.tensordot(codes * face.identity_std, face.identity_basis, 1)
    return bind_head(face, rest, face.faces)


def speak(bundle: Bundle, sound: Sound, binding: Binding, **options: Any) -> Take:
    (take,) = generate(bundle, sound, binding, GenerateOptions(seed=11, **options))
    return take


@pytest.fixture(scope="module")
def take(bundle: Bundle, sentence: Sound) -> Take:
    return speak(bundle, sentence, head(bundle.template), corrective_tolerance_mm=TOLERANCE)


def keyed(take: Take, binding: Binding, correctives: bool = True) -> Array:
    """What the shape keys show (T, V, 3), in template space."""
    motion = np.tensordot(take.weights, carry_units(binding.template, binding.rest), 1)
    if correctives and take.correctives is not None and take.corrective_weights is not None:
        motion = motion + np.tensordot(take.corrective_weights, take.correctives, 1)
    return motion


def wanted(take: Take, binding: Binding) -> Array:
    """What the model shows (T, V, 3), in template space."""
    assert take.vertices is not None
    return binding.to_head.inverse().vectors(take.vertices - binding.vertices)


def left_at_lips(take: Take, binding: Binding, correctives: bool = True) -> float:
    """Millimetres of the worst lip vertex, in 95 % of the frames at most so much."""
    off = (wanted(take, binding) - keyed(take, binding, correctives))[:, binding.template.corrective_lips]
    return 1000 * float(np.percentile(np.linalg.norm(off, axis=2).max(axis=1), 95))


@pytest.mark.parametrize("person", [None, 1, 2])
def test_keys_meet_the_models_lips(bundle: Bundle, sentence: Sound, person: int | None) -> None:
    binding = head(bundle.template, person)
    take = speak(bundle, sentence, binding, corrective_tolerance_mm=TOLERANCE)
    left = left_at_lips(take, binding)
    assert left <= TOLERANCE + 0.01
    assert left < 0.4 * left_at_lips(take, binding, correctives=False)
    assert take.corrective_error_mm == pytest.approx(left, abs=0.01)
    assert take.correctives is not None and 0 < len(take.correctives) <= len(bundle.template.corrective_names)


def test_units_stay_bit_for_bit(bundle: Bundle, sentence: Sound, take: Take) -> None:
    alone = speak(bundle, sentence, head(bundle.template))
    assert np.array_equal(alone.weights, take.weights) and np.array_equal(alone.labels, take.labels)
    assert alone.vertices is not None and take.vertices is not None
    assert np.array_equal(alone.vertices, take.vertices)
    given = (alone.correctives, alone.corrective_weights, alone.corrective_names, alone.corrective_error_mm)
    assert given == (None, None, None, None)


def test_a_tolerance_takes_as_few_as_it_needs(bundle: Bundle, sentence: Sound, take: Take) -> None:
    binding, counts = head(bundle.template), []
    for tolerance in (0.0, 0.4, 5.0):
        other = speak(bundle, sentence, binding, corrective_tolerance_mm=tolerance)
        assert other.correctives is not None and take.correctives is not None
        assert other.corrective_names is not None and take.corrective_names is not None
        assert other.corrective_weights is not None
        counts.append(len(other.corrective_names))
        shared = min(counts[-1], len(take.corrective_names))
        assert other.corrective_names[:shared] == take.corrective_names[:shared]
        assert np.array_equal(other.correctives[:shared], take.correctives[:shared])
        assert other.corrective_weights.shape == (len(other.weights), counts[-1])
        left, told = left_at_lips(other, binding), other.corrective_error_mm
        assert told is not None and left - 0.001 <= told <= left + 0.03  # what is told is never too little
    assert take.correctives is not None
    assert counts[0] == len(bundle.template.corrective_names) > len(take.correctives) > counts[1] > 0
    assert counts[2] == 0


def test_curves_do_not_flicker(face: Template, take: Take) -> None:
    """Keys shake no more than the model's own lips, and what they miss shakes less than with units alone."""

    def shaking(motion: Array) -> float:
        lips = motion[:, face.corrective_lips]
        return float(np.sqrt((np.diff(lips, 2, axis=0) ** 2).sum(axis=2).mean()))

    binding = head(face)
    goal, with_them, without = wanted(take, binding), keyed(take, binding), keyed(take, binding, False)
    assert shaking(with_them) < 1.02 * shaking(goal)
    assert shaking(goal - with_them) < 0.5 * shaking(goal - without)
    weights = take.corrective_weights
    assert weights is not None and weights.dtype == np.float32
    assert 0.1 < np.abs(weights).max() < 1


def test_keys_rest_where_they_are_not_needed(face: Template, take: Take) -> None:
    """Blender adds every key that isn't exactly 0 to all of a head: a frame gets as many as it needs, fewer
    than the take has; a key comes and goes softly, and stays for a while."""
    weights = take.corrective_weights
    assert weights is not None and take.correctives is not None
    on = weights != 0
    busy = on.sum(axis=1)
    assert busy.min() <= busy.max() - 3 and busy.mean() < on.shape[1] - 0.7
    assert (take.weights > 0).sum(axis=1).mean() + busy.mean() < 31
    edges = np.flatnonzero((np.diff(on.astype(np.int8), axis=0) != 0).ravel())
    assert len(edges)
    moved = np.abs(np.diff(weights, axis=0)) * np.linalg.norm(take.correctives, axis=2).max(axis=1)
    assert moved.ravel()[edges].max() < 1e-4  # metres, where a key leaves 0 or comes back
    lasts = np.diff(np.flatnonzero(np.diff(np.r_[0, on[:, np.argmin(on.mean(axis=0))].astype(np.int8), 0])))
    assert lasts[::2].min() >= 8


def test_each_shape_keeps_to_its_place(face: Template) -> None:
    """An animator finds it around the mouth, and what is called left or right is there."""
    travel = np.linalg.norm(face.corrective_deltas, axis=2)
    assert (travel[:, face.part != SKIN] == 0).all()
    for name, shape in zip(face.corrective_names, travel, strict=True):
        across = face.rest[shape.argmax(), 0]
        assert ("left" not in name or across > 0) and ("right" not in name or across < 0)
        moved = face.rest[shape > 0.05 * shape.max()]
        assert len(moved) < 0.35 * len(face)
        assert np.linalg.norm(moved - moved.mean(axis=0), axis=1).max() < 0.085
        assert 1e-4 < shape.max() < 0.012
    assert len(set(face.corrective_names)) == len(face.corrective_names) == len(travel)


def test_shapes_grow_with_the_head(bundle: Bundle, face: Template, take: Take) -> None:
    big = bind_head(face, 100 * face.rest + 7, face.faces)
    assert take.correctives is not None
    assert big.carry(take.correctives) == pytest.approx(100 * take.correctives, abs=1e-4)
    wide = carry_correctives(face, face.rest * [1.3, 1, 1])
    ratio = np.linalg.norm(wide[..., 0]) / np.linalg.norm(face.corrective_deltas[..., 0])
    assert 1.2 < ratio < 1.35


@pytest.mark.parametrize("fps", [24, 60])
def test_any_frame_rate(bundle: Bundle, sentence: Sound, fps: int) -> None:
    binding = head(bundle.template)
    take = speak(bundle, sentence, binding, corrective_tolerance_mm=TOLERANCE, fps=fps)
    assert take.corrective_weights is not None and len(take.corrective_weights) == len(take.weights)
    assert left_at_lips(take, binding) <= TOLERANCE + 0.01


def test_a_take_is_the_same_alone_and_among_others(bundle: Bundle, sentence: Sound, take: Take) -> None:
    options = GenerateOptions(seed=10, takes=2, corrective_tolerance_mm=TOLERANCE, keep_vertices=False)
    second = generate(bundle, sentence, head(bundle.template), options)[1]
    assert second.corrective_weights is not None and take.corrective_weights is not None
    assert np.array_equal(second.corrective_weights, take.corrective_weights)


def test_progress_goes_on_and_cancel_works_in_the_second_pass(bundle: Bundle, sentence: Sound) -> None:
    told: list[float] = []
    options = GenerateOptions(corrective_tolerance_mm=TOLERANCE, keep_vertices=False)
    binding = head(bundle.template)
    generate(bundle, sentence, binding, options, lambda _stage, done: told.append(done))
    assert told == sorted(told) and told[-1] == pytest.approx(1)
    with pytest.raises(Cancelled):
        late = told[-3]
        seen: list[float] = []
        generate(
            bundle,
            sentence,
            binding,
            options,
            lambda _stage, done: seen.append(done),
            lambda: bool(seen) and seen[-1] >= late,
        )


def test_a_model_without_correctives(tiny: Bundle, binding: Binding, sentence: Sound) -> None:
    plain = replace(tiny.template, corrective_names=())
    model = Bundle(tiny.folder, tiny.card, plain, threads=1)
    take = speak(model, sentence, binding, corrective_tolerance_mm=TOLERANCE)
    assert take.correctives is None and take.corrective_weights is None and take.corrective_error_mm is None


@pytest.mark.parametrize("tolerance", [-0.1, 11, float("nan"), True, "0.2"])
def test_wrong_tolerances(tolerance: Any) -> None:
    with pytest.raises(OptionError, match="tolerance"):
        GenerateOptions(corrective_tolerance_mm=tolerance)


def test_templates_keep_them_in_little_space(face: Template, tmp_path: Path) -> None:
    plain = replace(face, corrective_names=())
    save_template(tmp_path / "with.npz", face)
    save_template(tmp_path / "without.npz", plain)
    kept = load_template(tmp_path / "with.npz")
    assert kept.corrective_names == face.corrective_names
    assert np.array_equal(kept.corrective_deltas, face.corrective_deltas)
    assert np.array_equal(kept.corrective_lips, face.corrective_lips)
    grown = (tmp_path / "with.npz").stat().st_size - (tmp_path / "without.npz").stat().st_size
    assert grown < 400_000
    save_template(tmp_path / "bad.npz", replace(face, corrective_names=face.corrective_names[1:]))
    with pytest.raises(MeshTalkError, match="damaged"):
        load_template(tmp_path / "bad.npz")
