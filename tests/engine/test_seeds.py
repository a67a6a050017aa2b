# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds in one batch, the upper face's own temperature, takes combined, ranges sampled again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from engine.audio.sound import Sound
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.errors import OptionError, SoundError
from engine.generate import GenerateOptions, Mover, generate
from engine.generate.again import AgainOptions, sample_again
from engine.generate.combine import combine, is_upper
from engine.generate.upper_heads import head_temperatures, hearing_heads, upper_heads
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding
from engine.takes.curves import RawCurves, curves_of

FPS = Fraction(24)


@pytest.fixture(scope="module")
def sound(speech: Callable[[float], Sound]) -> Sound:
    return speech(3.0)


@pytest.fixture(scope="module")
def takes(tiny: Bundle, sound: Sound, binding: Binding) -> tuple[RawCurves, ...]:
    """Three seeds at another rate than the model's."""
    options = GenerateOptions(takes=3, fps=FPS, keep_vertices=False, corrective_tolerance_mm=0.2)
    return tuple(map(curves_of, generate(tiny, sound, binding, options)))


@pytest.fixture(scope="module")
def default() -> Bundle:
    """The default model."""
    if not (default_bundle_path() / "model.json").is_file():
        pytest.skip("there is no default model: train it")
    return load_bundle(default_bundle_path(), threads=1)


def test_sixteen_seeds_are_what_each_is_alone(tiny: Bundle, sound: Sound, binding: Binding) -> None:
    many = generate(tiny, sound, binding, GenerateOptions(seed=5, takes=16))
    for index in (0, 7, 8, 15):
        (one,) = generate(tiny, sound, binding, GenerateOptions(seed=5 + index))
        assert np.array_equal(one.labels, many[index].labels)
        assert np.array_equal(one.weights, many[index].weights)
        assert one.vertices is not None and many[index].vertices is not None
        assert np.abs(one.vertices - many[index].vertices).max() < 1e-6


def test_progress_of_takes_beside_each_other_never_steps_back(
    tiny_folder: object, sound: Sound, binding: Binding
) -> None:
    seen: list[float] = []
    options = GenerateOptions(takes=5, keep_vertices=False)
    generate(
        load_bundle(str(tiny_folder), threads=2), sound, binding, options, lambda _, part: seen.append(part)
    )
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1.0)


def test_heads_that_only_hear_are_the_mouths(default: Bundle) -> None:
    assert hearing_heads(default).any()
    assert np.array_equal(upper_heads(default), ~hearing_heads(default))


def test_every_model_has_heads_for_both_parts_of_the_face(tiny: Bundle) -> None:
    assert upper_heads(tiny).any() and not upper_heads(tiny).all()


def test_same_temperature_above_is_one_temperature(tiny: Bundle) -> None:
    assert head_temperatures(tiny, 0.7, None) == head_temperatures(tiny, 0.7, 0.7) == 0.7
    assert head_temperatures(tiny, None, None) == tiny.card.default_temperature
    both = head_temperatures(tiny, 0.5, 2.0)
    assert np.array_equal(both, np.where(upper_heads(tiny), np.float32(2.0), np.float32(0.5)))


def test_upper_temperature_leaves_the_mouth_alone(default: Bundle) -> None:
    """Apertures correlate at 0.99 at least, while brows and gaze go from calm to lively."""
    sound, head = _samples(), bind_head(default.template, default.template.rest, default.template.faces)
    apertures, lives, labels = [], [], []
    for upper in (0.0, None, 2.0):
        (take,) = generate(
            default, sound, head, GenerateOptions(upper_temperature=upper, keep_vertices=False)
        )
        moved = np.concatenate([*Mover(default, head).displacements(take.labels)])
        marks = default.template.landmarks
        apertures.append(moved[:, marks["lip_upper_inner"], 2] - moved[:, marks["lip_lower_inner"], 2])
        rows = [row for row, name in enumerate(take.unit_names) if name.startswith(("brow", "eyeLook"))]
        lives.append(float(take.weights[:, rows].std(axis=0).sum()))
        labels.append(take.labels[:, ~upper_heads(default)])
    assert all(np.array_equal(labels[1], each) for each in labels)
    for other in (0, 2):
        assert np.corrcoef(apertures[1], apertures[other])[0, 1] > 0.99
    assert lives[0] < 0.6 * lives[1] < lives[1] < lives[2]


def test_a_take_combined_with_itself_is_itself(takes: tuple[RawCurves, ...]) -> None:
    ((frame, mixed),) = combine([(11, takes[0])], [(11, takes[0])])
    assert frame == 11
    assert np.array_equal(mixed.weights, takes[0].weights)
    assert mixed.labels is takes[0].labels
    assert mixed.corrective_weights is takes[0].corrective_weights


def test_each_curve_is_one_of_the_two_takes(tiny: Bundle, takes: tuple[RawCurves, ...]) -> None:
    heads = upper_heads(tiny)
    ((_, mixed),) = combine([(1, takes[0])], [(1, takes[1])], heads)
    for row, name in enumerate(mixed.unit_names):
        source = takes[1] if is_upper(name) else takes[0]
        assert np.array_equal(mixed.weights[:, row], source.weights[:, row])
    assert mixed.labels is not None and takes[0].labels is not None and takes[1].labels is not None
    assert np.array_equal(mixed.labels[:, heads], takes[1].labels[:, heads])
    assert np.array_equal(mixed.labels[:, ~heads], takes[0].labels[:, ~heads])


def test_eyes_of_a_take_at_other_frames_come_and_go_softly(takes: tuple[RawCurves, ...]) -> None:
    upper = [row for row, name in enumerate(takes[0].unit_names) if is_upper(name)]
    one = replace(takes[1], weights=np.ones_like(takes[1].weights))
    ((_, mixed),) = combine([(1, takes[0])], [(31, one)])
    eyes = mixed.weights[:, upper]
    assert not eyes[:30].any() and (eyes[40:] == 1).all()
    assert np.abs(np.diff(eyes, axis=0)).max() < 0.4
    assert mixed.labels is None


def test_takes_of_several_stretches_are_combined_where_they_are(takes: tuple[RawCurves, ...]) -> None:
    mouth, upper = [(1, takes[0]), (101, takes[1])], [(1, takes[1]), (101, takes[2])]
    first, second = combine(mouth, upper)
    row = next(row for row, name in enumerate(takes[0].unit_names) if is_upper(name))
    assert first[0] == 1 and second[0] == 101
    assert np.array_equal(second[1].weights[:, row], takes[2].weights[:, row])


def test_takes_of_other_rates_are_not_combined(takes: tuple[RawCurves, ...]) -> None:
    with pytest.raises(OptionError, match="frame rates"):
        combine([(1, takes[0])], [(1, replace(takes[1], fps=Fraction(25)))])


def test_the_same_seed_again_changes_nothing(
    tiny: Bundle, sound: Sound, binding: Binding, takes: tuple[RawCurves, ...]
) -> None:
    again = sample_again(tiny, sound, binding, takes[1], AgainOptions(20, 50, seed=1))
    assert np.array_equal(again.labels, takes[1].labels)
    assert np.array_equal(again.weights, takes[1].weights)


@pytest.mark.parametrize("first, stop", [(0, 30), (20, 50), (45, 72), (30, 33), (0, 500)])
def test_outside_the_range_nothing_changes(
    tiny: Bundle, sound: Sound, binding: Binding, takes: tuple[RawCurves, ...], first: int, stop: int
) -> None:
    old = takes[0]
    new = sample_again(tiny, sound, binding, old, AgainOptions(first, stop, seed=9))
    assert new.weights.shape == old.weights.shape
    assert np.array_equal(new.weights[:first], old.weights[:first])
    assert np.array_equal(new.weights[stop:], old.weights[stop:])
    assert new.labels is not None and old.labels is not None
    begin, end = int(first * 30 / 24), -int(-(stop * 30 / 24) // 1)
    assert np.array_equal(new.labels[:begin], old.labels[:begin])
    assert np.array_equal(new.labels[end:], old.labels[end:])


def test_a_new_range_moves_and_has_no_jump_at_its_ends(default: Bundle) -> None:
    head = bind_head(default.template, default.template.rest, default.template.faces)
    options = GenerateOptions(fps=FPS, keep_vertices=False, corrective_tolerance_mm=0.2)
    (take,) = generate(default, _samples(), head, options)
    old = curves_of(take)
    new = sample_again(default, _samples(), head, old, AgainOptions(40, 100, seed=1))
    upper = [row for row, name in enumerate(old.unit_names) if is_upper(name)]
    assert np.abs(new.weights[45:85, upper] - old.weights[45:85, upper]).max() > 0.1
    steps = [np.abs(np.diff(each.weights, axis=0)).max(axis=1) for each in (old, new)]
    for end in (slice(37, 44), slice(94, 102)):
        assert steps[1][end].max() <= max(steps[0].max(), 0.5)
    assert new.corrective_weights is not None and old.corrective_weights is not None
    assert new.corrective_weights.shape == old.corrective_weights.shape
    assert np.array_equal(new.corrective_weights[100:], old.corrective_weights[100:])


def test_ranges_that_cannot_be_sampled_are_refused(
    tiny: Bundle,
    sound: Sound,
    binding: Binding,
    takes: tuple[RawCurves, ...],
    speech: Callable[[float], Sound],
) -> None:
    with pytest.raises(OptionError, match="empty"):
        AgainOptions(5, 5)
    with pytest.raises(OptionError, match="outside"):
        sample_again(tiny, sound, binding, takes[0], AgainOptions(500, 510))
    with pytest.raises(OptionError, match="generated one"):
        sample_again(tiny, sound, binding, replace(takes[0], labels=None), AgainOptions(1, 5))
    with pytest.raises(SoundError, match="longer or shorter"):
        sample_again(tiny, speech(2.0), binding, takes[0], AgainOptions(1, 5))


def _samples() -> Sound:
    from engine.audio.sound import load_sound
    from tests.engine.conftest import ROOT

    path = ROOT / "samples" / "speech.flac"
    if not path.is_file():
        pytest.skip("samples/speech.flac is not here")
    return load_sound(path)
