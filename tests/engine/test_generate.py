# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes: the same for the same input, whatever the rest; one for each seed; the right length; stoppable."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.sound import Sound, sound_from_samples
from engine.bundle import Bundle, load_bundle
from engine.errors import Cancelled, OptionError, SoundError
from engine.generate import (
    GenerateOptions,
    Mover,
    Take,
    encode_audio,
    frame_count,
    generate,
    move,
    perform,
    sample_labels,
)
from engine.geometry.topology import Binding

Speech = Callable[[float], Sound]

GOLDEN = "1e6ff8b3309ac8f316d738c36d73f3997937aa06932e6efd26ca168b14c7cb19"
"""SHA-256 of the labels (as int16) of seeds 0 and 1 for 5 s of made-up speech."""


def same(one: Take, other: Take) -> bool:
    return (
        np.array_equal(one.labels, other.labels)
        and np.array_equal(one.weights, other.weights)
        and np.array_equal(one.vertices, other.vertices)
    )


def test_the_labels_are_those_of_the_day_they_were_written_down(tiny: Bundle, speech: Speech) -> None:
    labels = perform(tiny, speech(5.0), GenerateOptions(takes=2)).labels
    assert hashlib.sha256(labels.astype("<i2").tobytes()).hexdigest() == GOLDEN


def test_a_take_is_what_it_says(tiny: Bundle, binding: Binding, speech: Speech) -> None:
    (take,) = generate(tiny, speech(2.0), binding, GenerateOptions(seed=5))
    assert take.seed == 5 and take.fps == 30 and take.unit_names == tiny.unit_names
    assert take.weights.shape == (60, len(tiny.unit_names)) and take.weights.dtype == np.float32
    assert take.labels.shape == (60, tiny.card.heads)
    assert take.vertices is not None and take.vertices.dtype == np.float32
    assert take.vertices.shape == (60, tiny.card.vertices, 3)
    assert (take.weights >= 0).all() and (take.weights <= 1).all()
    assert np.isfinite(take.vertices).all()
    assert np.abs(take.vertices - tiny.template.rest).max() > 0.001


def test_the_same_input_gives_the_same_bits(tiny: Bundle, binding: Binding, speech: Speech) -> None:
    runs = [generate(tiny, speech(3.0), binding, GenerateOptions(seed=3))[0] for _ in range(2)]
    assert same(*runs)


def test_a_take_does_not_depend_on_the_other_takes(tiny: Bundle, binding: Binding, speech: Speech) -> None:
    """11 takes fill two groups of lanes and a part of a third."""
    together = generate(tiny, speech(1.5), binding, GenerateOptions(seed=20, takes=11))
    for index, take in enumerate(together):
        (alone,) = generate(tiny, speech(1.5), binding, GenerateOptions(seed=20 + index))
        assert take.seed == alone.seed == 20 + index
        assert same(take, alone)


def test_threads_change_no_label_and_no_visible_motion(
    tiny: Bundle, tiny_folder: Path, binding: Binding, speech: Speech
) -> None:
    (one,) = generate(tiny, speech(3.0), binding, GenerateOptions(seed=3))
    (two,) = generate(load_bundle(tiny_folder, threads=2), speech(3.0), binding, GenerateOptions(seed=3))
    assert np.array_equal(one.labels, two.labels)
    assert one.vertices is not None and two.vertices is not None
    assert np.abs(one.vertices - two.vertices).max() < 1e-6  # metres: 0.001 mm


def test_the_length_of_the_chunks_changes_nothing(
    tiny: Bundle, speech: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = encode_audio(tiny, speech(2.0).samples, 60)
    whole = sample_labels(tiny, codes, (0, 1), 1.0)
    monkeypatch.setattr("engine.generate.sample.FRAMES_AT_ONCE", 8)
    assert np.array_equal(whole, sample_labels(tiny, codes, (0, 1), 1.0))


def test_what_was_heard_does_not_depend_on_what_comes_later(tiny: Bundle) -> None:
    """Frames that are further from the end than the encoder looks ahead stay when the sound goes on.

    The level is set over the whole sound, so both parts are equally loud.
    """
    card = tiny.card
    sound = np.random.default_rng(0).uniform(-0.2, 0.2, 16_000 * 4).astype(np.float32)
    sound[16_000 * 2 :] = sound[: 16_000 * 2]
    short, long = encode_audio(tiny, sound[: 16_000 * 2], 60), encode_audio(tiny, sound, 120)
    safe = 60 - card.audio_context[1] // card.mel.per_frame - 3
    assert np.array_equal(short[:safe], long[:safe])


def test_seeds_differ_and_temperature_zero_knows_no_seed(
    tiny: Bundle, binding: Binding, speech: Speech
) -> None:
    first, second = generate(tiny, speech(2.0), binding, GenerateOptions(takes=2))
    assert not np.array_equal(first.labels, second.labels)
    calm = generate(tiny, speech(2.0), binding, GenerateOptions(takes=2, temperature=0))
    assert np.array_equal(calm[0].labels, calm[1].labels)


def test_forced_labels_are_kept_and_the_others_sampled(tiny: Bundle, speech: Speech) -> None:
    codes = encode_audio(tiny, speech(1.0).samples, 30)
    forced = np.full((30, tiny.card.heads), -1, np.int16)
    forced[:, 0] = 2
    labels = sample_labels(tiny, codes, (4,), 1.0, forced)[0]
    assert (labels[:, 0] == 2).all()
    assert len(np.unique(labels[:, 1])) > 1


@settings(deadline=None, max_examples=25)
@given(samples=st.integers(600, 40_000), fps=st.sampled_from([None, 24, 25, 24 / 1.001, 60, 120, 240]))
def test_frame_counts(tiny: Bundle, binding: Binding, samples: int, fps: float | None) -> None:
    sound = sound_from_samples(np.zeros(samples, np.float32), 16_000)
    options = GenerateOptions(fps=fps, keep_vertices=False)
    (take,) = generate(tiny, sound, binding, options)
    assert len(take.weights) == round(Fraction(samples, 16_000) * take.fps)
    assert len(take.labels) == max(1, round(Fraction(samples, 16_000) * 30))


@given(frames=st.integers(0, 10**6), rate=st.integers(1, 240))
def test_whole_frames_have_exact_counts(frames: int, rate: int) -> None:
    assert frame_count(Fraction(frames, rate), Fraction(rate)) == frames


@pytest.mark.parametrize("samples", [1, 100, 266])
def test_a_sound_shorter_than_half_a_frame(tiny: Bundle, binding: Binding, samples: int) -> None:
    with pytest.raises(SoundError, match="shorter than one frame"):
        generate(tiny, sound_from_samples(np.ones(samples), 16_000), binding, GenerateOptions())


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), 60])
def test_other_rates_show_the_same_motion(tiny: Bundle, binding: Binding, speech: Speech, fps: float) -> None:
    (base,) = generate(tiny, speech(2.0), binding, GenerateOptions())
    (other,) = generate(tiny, speech(2.0), binding, GenerateOptions(fps=fps))
    assert base.vertices is not None and other.vertices is not None
    assert np.array_equal(base.labels, other.labels)
    near = np.minimum(np.round(np.arange(len(other.weights)) * 30 / float(fps)).astype(int), 59)
    step = np.abs(np.diff(base.vertices, axis=0)).max()
    assert np.abs(other.vertices - base.vertices[near]).max() <= step
    if fps == 60:
        apart = np.abs(other.weights[::2] - base.weights)  # units come and go over time, not over frames
        assert np.percentile(apart, 90) < 1e-4 and apart.mean() < 2e-3
        assert np.abs(other.vertices[::2] - base.vertices).max() < 1e-7  # metres


def test_silence_is_no_problem(tiny: Bundle, binding: Binding) -> None:
    (take,) = generate(tiny, sound_from_samples(np.zeros(32_000), 16_000), binding, GenerateOptions())
    assert take.vertices is not None and np.isfinite(take.vertices).all()


@pytest.mark.parametrize("frame", [51, 17_949])
def test_no_drift_over_ten_minutes(tiny: Bundle, frame: int) -> None:
    """A click is heard at its own frame, at the end of ten minutes as at the beginning: the codes around it
    are the same, although the sound before it is 36 times as long."""
    reach = 20

    def codes_around(click: int, frames: int) -> np.ndarray:
        samples = np.zeros(frames * 16_000 // 30, np.float32)
        samples[round(click * 16_000 / 30)] = 0.5
        return encode_audio(tiny, samples, frames)[click - reach : click + reach]

    assert np.abs(codes_around(frame, 18_000) - codes_around(498, 1_000)).max() < 1e-5


def test_progress_grows_to_the_end(tiny: Bundle, binding: Binding, speech: Speech) -> None:
    reports: list[tuple[str, float]] = []
    options = GenerateOptions(takes=5)
    generate(tiny, speech(2.0), binding, options, lambda stage, part: reports.append((stage, part)))
    parts = [part for _, part in reports]
    assert parts == sorted(parts) and parts[0] == 0 and parts[-1] == pytest.approx(1)
    assert list(dict.fromkeys(stage for stage, _ in reports)) == ["Listening", "Sampling", "Moving"]


@pytest.mark.parametrize("stage", ["Listening", "Sampling", "Moving"])
def test_cancelling_in_every_stage(tiny: Bundle, binding: Binding, speech: Speech, stage: str) -> None:
    seen: list[str] = []
    with pytest.raises(Cancelled):
        generate(
            tiny,
            speech(4.0),
            binding,
            GenerateOptions(),
            lambda name, part: seen.append(name),
            lambda: seen.count(stage) >= 2,
        )
    assert seen.count(stage) == 2


def test_memory_stays_bounded_without_vertices(tiny: Bundle, binding: Binding, speech: Speech) -> None:
    """Two minutes of vertices would be 5.7 MB here; blocks of them come and go."""
    performance = perform(tiny, speech(120), GenerateOptions(keep_vertices=False))
    mover = Mover(tiny, binding)
    next(iter(move(mover, performance, 0, True)))
    tracemalloc.start()
    frames = sum(len(block.weights) for block in move(mover, performance, 0, True))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert frames == 3600
    assert peak < 1_000_000


def test_time_grows_linearly(tiny: Bundle, binding: Binding, speech: Speech) -> None:
    def seconds(length: float) -> float:
        sound = speech(length)
        begin = process_time()
        generate(tiny, sound, binding, GenerateOptions(keep_vertices=False))
        return process_time() - begin

    seconds(2)
    short, long = min(seconds(20) for _ in range(3)), min(seconds(120) for _ in range(2))
    assert long < 6 * short * 1.5 + 0.3


@pytest.mark.parametrize(
    "values",
    [
        {"seed": -1},
        {"seed": 2**63},
        {"seed": 1.5},
        {"seed": True},
        {"takes": 0},
        {"takes": 65},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": "hot"},
        {"fps": 0},
        {"fps": 241},
        {"fps": "fast"},
    ],
)
def test_senseless_options(values: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="must be"):
        GenerateOptions(**values)  # type: ignore[arg-type]
