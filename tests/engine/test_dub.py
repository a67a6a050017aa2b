# SPDX-License-Identifier: GPL-3.0-or-later
"""Dubbing: the mouth speaks the new words, the upper face stays, and nothing changes where nothing should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.__main__ import main
from engine.audio.sound import Sound, sound_from_samples
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.errors import Cancelled, HeadError, OptionError, SoundError
from engine.generate import GenerateOptions, Take, generate
from engine.generate.dub import DubOptions, dub
from engine.generate.dub_curves import upper_units
from engine.generate.past import Original
from engine.generate.pauses import find_pauses, silence_share
from engine.generate.read_back import uncarry, upper_share
from engine.generate.retime import FADE, Stretch, clock, find_blinks
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding
from engine.geometry.units import carry_units
from engine.template import SKIN
from tests.engine.conftest import RATE, syllables
from tests.engine.heads import own_mesh, person

Speech = Callable[[float], Sound]
RATE_OF_OLD = Fraction(30)
NO_BLINKS = np.zeros((0, 2))


@pytest.fixture(scope="module")
def old(tiny: Bundle, binding: Binding) -> Original:
    """Two seconds in which every unit comes and goes, at the model's rate."""
    time = np.arange(60)[:, None] / 30
    units = np.arange(len(tiny.unit_names))
    weights = (0.25 + 0.25 * np.sin(2 * np.pi * time / (0.6 + 0.1 * units) + units)).astype(np.float32)
    motion = binding.carry(np.einsum("tu,uvc->tvc", weights, carry_units(tiny.template, binding.rest)))
    return Original(RATE_OF_OLD, (motion + binding.vertices).astype(np.float32), weights, tiny.unit_names)


@pytest.fixture(scope="module")
def default() -> Bundle:
    return load_bundle(default_bundle_path(), threads=1)


def places(take: Take) -> np.ndarray:
    assert take.vertices is not None
    return take.vertices


def core(bundle: Bundle) -> np.ndarray:
    return np.flatnonzero(upper_share(bundle.template) == 1)


def mouth(bundle: Bundle) -> np.ndarray:
    return np.flatnonzero(upper_share(bundle.template) == 0)


@pytest.mark.parametrize("stretch", list(Stretch))
@pytest.mark.parametrize("seconds", [1.5, 2.0, 3.0])
def test_nothing_changes_where_all_is_kept(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech, stretch: Stretch, seconds: float
) -> None:
    options = DubOptions(upper=1.0, mouth=1.0, stretch=stretch, seed=3, keep_silence=True)
    take = dub(tiny, speech(seconds), binding, old, options)
    both = min(len(take.weights), len(old))
    assert len(take.weights) == round(30 * seconds)
    assert old.vertices is not None and old.weights is not None
    assert np.array_equal(places(take)[:both], old.vertices[:both])
    assert np.array_equal(take.weights[:both], old.weights[:both])


def test_the_upper_face_stays_and_the_mouth_speaks(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech
) -> None:
    take = dub(tiny, speech(2.0), binding, old, DubOptions())
    assert old.vertices is not None and old.weights is not None
    assert np.array_equal(places(take)[:, core(tiny)], old.vertices[:, core(tiny)])
    assert np.abs(places(take) - old.vertices)[:, mouth(tiny)].max() > 0.001
    kept = upper_units(tiny.template)
    assert kept.any() and not kept.all()
    assert np.array_equal(take.weights[:, kept], old.weights[:, kept])


def test_the_mouth_follows_the_sound(tiny: Bundle, binding: Binding, old: Original, speech: Speech) -> None:
    one = dub(tiny, speech(2.0), binding, old, DubOptions())
    other = dub(tiny, sound_from_samples(syllables(2.0)[::-1], RATE), binding, old, DubOptions())
    assert np.abs(places(one) - places(other))[:, mouth(tiny)].max() > 1e-4


def test_with_nothing_kept_it_is_generation(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech
) -> None:
    (made,) = generate(tiny, speech(2.0), binding, GenerateOptions(seed=5))
    take = dub(tiny, speech(2.0), binding, old, DubOptions(upper=0.0, mouth=0.0, seed=5))
    assert np.abs(places(take) - places(made)).max() < 1e-6
    assert np.abs(take.weights - made.weights).max() < 1e-4


def test_the_mouth_can_be_kept_alone(tiny: Bundle, binding: Binding, old: Original, speech: Speech) -> None:
    take = dub(tiny, speech(2.0), binding, old, DubOptions(upper=0.0, mouth=1.0, seed=5))
    assert old.vertices is not None
    assert np.abs(places(take) - old.vertices)[:, mouth(tiny)].max() < 1e-6
    assert np.abs(places(take) - old.vertices)[:, core(tiny)].max() > 1e-4


@pytest.mark.parametrize("slider", ["upper", "mouth"])
def test_sliders_have_no_steps(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech, slider: str
) -> None:
    """Values near each other give takes near each other, and the ends are met."""
    takes = [
        places(dub(tiny, speech(2.0), binding, old, replace(DubOptions(), **{slider: value})))
        for value in (0.0, 0.01, 0.4, 0.99, 1.0)
    ]
    whole = np.abs(takes[-1] - takes[0]).max()
    assert np.abs(takes[1] - takes[0]).max() < 0.03 * whole
    assert np.abs(takes[4] - takes[3]).max() < 0.03 * whole
    assert np.abs(takes[2] - takes[0]).max() > 0.1 * whole


@pytest.mark.parametrize("upper", [0.3, 0.5, 0.7])
def test_a_blink_is_kept_whole_or_not_at_all(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech, upper: float
) -> None:
    row = tiny.unit_names.index("eyeBlinkLeft")
    take = dub(tiny, speech(2.0), binding, old, DubOptions(upper=upper, seed=4))
    assert old.weights is not None
    assert np.array_equal(take.weights[:, row], old.weights[:, row]) == (upper >= 0.5)


def test_the_same_input_gives_the_same_bits(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech
) -> None:
    options = DubOptions(upper=0.5, seed=2)
    one, other = (dub(tiny, speech(2.5), binding, old, options) for _ in range(2))
    assert np.array_equal(places(one), places(other)) and np.array_equal(one.weights, other.weights)


def test_the_seed_is_for_what_the_performance_does_not_tell(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech
) -> None:
    one, other = (dub(tiny, speech(4.0), binding, old, DubOptions(seed=seed)) for seed in (0, 1))
    assert np.array_equal(places(one)[:60], places(other)[:60])
    assert not np.array_equal(places(one)[75:, core(tiny)], places(other)[75:, core(tiny)])
    held = [
        dub(tiny, speech(4.0), binding, old, DubOptions(seed=seed, stretch=Stretch.HOLD)) for seed in (0, 1)
    ]
    assert np.array_equal(places(held[0]), places(held[1]))


def test_weights_alone_are_enough(tiny: Bundle, binding: Binding, old: Original, speech: Speech) -> None:
    curves = Original(old.fps, None, old.weights, old.unit_names)
    one = dub(tiny, speech(2.0), binding, curves, DubOptions())
    other = dub(tiny, speech(2.0), binding, old, DubOptions())
    assert np.abs(places(one) - places(other)).max() < 1e-5
    assert np.abs(one.weights - other.weights).max() < 1e-3


def test_vertices_alone_are_enough(tiny: Bundle, binding: Binding, old: Original, speech: Speech) -> None:
    take = dub(tiny, speech(2.0), binding, Original(old.fps, old.vertices), DubOptions())
    other = dub(tiny, speech(2.0), binding, old, DubOptions())
    assert np.array_equal(places(take), places(other))
    assert take.weights.shape == other.weights.shape and (take.weights >= 0).all()


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(24000, 1001), Fraction(60)])
def test_any_rate_in_and_out(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech, fps: Fraction
) -> None:
    """The result has the performance's rate unless another is asked for; times are the same."""
    take = dub(tiny, speech(2.0), binding, old, DubOptions(fps=fps))
    assert take.fps == fps and len(take.weights) == round(2 * fps)
    slow = Original(fps, old.vertices, old.weights, old.unit_names)
    own = dub(tiny, speech(2.0), binding, slow, DubOptions())
    assert own.fps == fps
    assert old.vertices is not None
    both = min(len(own.weights), len(old))
    assert np.array_equal(places(own)[:both, core(tiny)], old.vertices[:both, core(tiny)])


def test_the_old_mouth_stays_in_pauses(tiny: Bundle, binding: Binding, old: Original) -> None:
    quiet = syllables(2.0)
    quiet[:RATE] = 0
    sound = sound_from_samples(quiet, RATE)
    kept, plain = (
        dub(tiny, sound, binding, old, DubOptions(keep_silence=silence)) for silence in (True, False)
    )
    assert old.vertices is not None and old.weights is not None
    assert np.array_equal(places(kept)[:18], old.vertices[:18])
    assert np.array_equal(kept.weights[:18], old.weights[:18])
    assert np.array_equal(places(kept)[30:], places(plain)[30:])
    apart = np.abs(places(kept) - places(plain)).max(axis=(1, 2))
    handed = apart[17:31]
    assert np.abs(np.diff(handed)).max() < 0.4 * handed.max()  # over a few frames, not cut


def test_a_head_that_turns_keeps_turning(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech
) -> None:
    """What a bone does to the whole head is no expression: it is taken off, and put back on."""
    angle = np.linspace(0, 0.5, len(old))
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    rows = [[np.cos(angle), -np.sin(angle), zero], [np.sin(angle), np.cos(angle), zero], [zero, zero, one]]
    turns = np.moveaxis(np.array(rows), 2, 0)
    shift = np.outer(angle, [0.1, 0.0, 0.2])[:, None]
    assert old.vertices is not None
    turned = old.vertices @ turns.swapaxes(1, 2) + shift
    given_ = Original(old.fps, turned.astype(np.float32))
    take = dub(tiny, speech(2.0), binding, given_, DubOptions())
    still = dub(tiny, speech(2.0), binding, Original(old.fps, old.vertices), DubOptions())
    expected = places(still) @ turns.swapaxes(1, 2) + shift
    assert np.abs(places(take) - expected).max() < 5e-4
    assert np.abs(take.weights - still.weights).max() < 0.1


def test_progress_and_cancel(tiny: Bundle, binding: Binding, old: Original, speech: Speech) -> None:
    seen: list[float] = []
    dub(tiny, speech(3.0), binding, old, DubOptions(upper=0.5), lambda _, done: seen.append(done))
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1.0)
    for options in (DubOptions(), DubOptions(upper=1.0, mouth=1.0)):
        bare = Original(old.fps, old.vertices)
        with pytest.raises(Cancelled):
            dub(tiny, speech(3.0), binding, bare, options, cancelled=lambda: True)


@pytest.mark.parametrize(
    "wrong",
    [{"upper": 1.1}, {"mouth": -0.1}, {"mouth": np.nan}, {"seed": -1}, {"stretch": "hold"}, {"fps": 0}],
)
def test_wrong_options(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        DubOptions(**wrong)  # type: ignore[arg-type]


def test_performances_that_make_no_sense(
    tiny: Bundle, binding: Binding, old: Original, speech: Speech
) -> None:
    with pytest.raises(OptionError, match="needs vertices or weights"):
        Original(RATE_OF_OLD)
    assert old.vertices is not None and old.weights is not None
    with pytest.raises(OptionError, match="as many samples"):
        Original(RATE_OF_OLD, old.vertices, old.weights[1:], old.unit_names)
    with pytest.raises(OptionError, match="finite"):
        Original(RATE_OF_OLD, np.full((3, 4, 3), np.nan, np.float32))
    with pytest.raises(HeadError, match="choose the head's own performance"):
        dub(tiny, speech(2.0), binding, Original(RATE_OF_OLD, old.vertices[:, 1:]), DubOptions())
    with pytest.raises(SoundError, match="shorter than one frame"):
        dub(tiny, sound_from_samples(np.zeros(100, np.float32), RATE), binding, old, DubOptions())


def test_one_pose_is_a_performance(tiny: Bundle, binding: Binding, old: Original, speech: Speech) -> None:
    assert old.vertices is not None
    pose = Original(RATE_OF_OLD, old.vertices[:1])
    take = dub(tiny, speech(1.0), binding, pose, DubOptions(stretch=Stretch.HOLD))
    assert np.array_equal(places(take)[7, core(tiny)], old.vertices[0, core(tiny)])


@given(
    old_seconds=st.floats(1.0, 20.0),
    factor=st.floats(0.5, 3.0),
    gaps=st.lists(st.floats(1.5, 4.0), max_size=6),
    length=st.floats(0.1, 0.4),
)
@settings(max_examples=60, deadline=None)
def test_blinks_keep_their_length_when_stretched(
    old_seconds: float, factor: float, gaps: list[float], length: float
) -> None:
    starts = np.cumsum(gaps)
    blinks = np.array([(start, start + length) for start in starts if start + length < old_seconds])
    found = clock(Stretch.STRETCH, old_seconds, old_seconds * factor, blinks.reshape(-1, 2))
    assert (np.diff(found.new) > 0).all() and (np.diff(found.old) >= 0).all()
    assert found.old[0] == 0 and found.old[-1] == pytest.approx(old_seconds)
    assert found.new[-1] == pytest.approx(old_seconds * factor, abs=2e-4)  # lengths so near are the same
    for start, end in blinks.reshape(-1, 2):
        there = np.interp([start, end], found.old, found.new)
        assert there[1] - there[0] == pytest.approx(length, abs=0.01)


@pytest.mark.parametrize("stretch", [Stretch.LIVE, Stretch.HOLD, Stretch.LOOP])
def test_the_performance_itself_is_not_retimed(stretch: Stretch) -> None:
    times = np.arange(90) / 30
    found = clock(stretch, 3.0, 9.0, NO_BLINKS)
    assert np.array_equal(found.old_frames(times, 30.0), np.arange(90))
    later = found.old_times(np.linspace(3.0, 9.0, 500))
    assert (later >= 0).all() and (later <= 3.0).all()
    assert np.abs(np.diff(later)).max() < 1.2 * 6 / 499  # back and forth, but never a jump


def test_a_performance_that_ends_in_a_blink_opens_the_eyes_again() -> None:
    found = clock(Stretch.HOLD, 3.0, 6.0, np.array([[2.85, 3.0]]))
    assert found.old_times(np.array([5.0]))[0] == pytest.approx(2.85)


def test_life_goes_on_smoothly() -> None:
    found = clock(Stretch.LIVE, 3.0, 6.0, NO_BLINKS)
    present = found.presence(np.array([0.0, 3.0, 3.0 + FADE / 2, 3.0 + FADE, 6.0]))
    assert present.tolist() == [1.0, 1.0, 0.5, 0.0, 0.0]


def test_blinks_are_found_on_any_opening() -> None:
    time = np.arange(300) / 30
    lids = 0.2 + 0.1 * np.sin(time)
    for at in (2.0, 5.0, 7.5):
        lids = np.maximum(lids, 0.95 * np.clip(1.5 - np.abs(time - at) / 0.08, 0, 1))
    found = find_blinks(lids, 30.0)
    assert np.allclose(found.mean(axis=1), [2.0, 5.0, 7.5], atol=0.04)
    assert ((found[:, 1] - found[:, 0] > 0.1) & (found[:, 1] - found[:, 0] < 0.4)).all()
    assert len(find_blinks(np.full(300, 0.9), 30.0)) == 0  # shut, not blinking


def test_pauses_are_where_nobody_speaks() -> None:
    samples = np.concatenate([syllables(2.0), np.zeros(RATE, np.float32), syllables(2.0)])
    noise = 0.002 * np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)
    share = silence_share(samples + noise, np.array([1.0, 2.5, 4.0, -1.0, 6.5]))
    assert share.tolist() == [0.0, 1.0, 0.0, 1.0, 1.0]
    assert len(find_pauses(syllables(2.0))) == 2  # its gaps are no pauses; before and after it are
    assert silence_share(np.zeros(RATE, np.float32), np.array([0.5]))[0] == 1.0


def test_reading_back_a_known_head_is_exact(tiny: Bundle) -> None:
    template = tiny.template
    turned = template.rest[:, [1, 2, 0]] * 20 + [1, 2, 3]
    bound = bind_head(template, turned, template.faces)
    motion = np.random.default_rng(0).normal(0, 0.004, (5, len(template), 3)).astype(np.float32)
    assert np.abs(uncarry(bound, bound.carry(motion)) - motion).max() < 2e-7


@pytest.fixture(scope="module")
def fitted(default: Bundle) -> Binding:
    """A person of the template's kind whose vertices are in an order that nobody knows, ten times as
    large."""
    head = own_mesh(default.template, person(default.template, 3))
    return bind_head(default.template, head.vertices * 10, head.polygons)


def test_reading_back_a_fitted_head(default: Bundle, fitted: Binding) -> None:
    """Skin within a few hundredths of a millimetre of what was carried; the tongue goes with the jaw."""
    template, bound = default.template, fitted
    weights = np.random.default_rng(0).random((12, len(template.unit_names))) ** 4
    weights[:, template.unit("tongueOut")] = 0
    motion = np.einsum("tu,uvc->tvc", weights, carry_units(template, bound.rest)).astype(np.float32)
    away = 1000 * np.linalg.norm(uncarry(bound, bound.carry(motion)) - motion, axis=2)
    skin = template.part == SKIN
    assert away[:, skin].mean() < 0.02 and np.percentile(away[:, skin], 99) < 0.2
    assert away[:, template.part == 3].mean() < 0.1


def test_a_fitted_head_is_dubbed(default: Bundle, fitted: Binding, speech: Speech) -> None:
    bound, marks = fitted, default.template.landmarks
    (made,) = generate(default, speech(1.0), bound, GenerateOptions(seed=1))
    sound = sound_from_samples(syllables(1.0)[::-1], RATE)
    take = dub(default, sound, bound, Original(made.fps, made.vertices), DubOptions())
    same = dub(default, sound, bound, Original(made.fps, made.vertices), DubOptions(mouth=1.0))
    assert np.array_equal(places(same), places(made))
    brow = bound.to_head.points(bound.rest[marks["brow_inner_left"]])
    near = np.argsort(((bound.vertices - brow) ** 2).sum(axis=1))[:20]
    assert np.abs(places(take) - places(made))[:, near].max() < 1e-5
    assert np.abs(places(take) - places(made)).max() > 0.001


def test_the_command(tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speech, take, new = tmp_path / "speech.wav", tmp_path / "take.npz", tmp_path / "new.npz"
    soundfile.write(speech, syllables(1.0), RATE)
    model = ["--model", str(tiny_folder)]
    assert main(["animate", str(speech), "--out", str(take), "--fps", "24", *model]) == 0
    started = ["dub", str(speech), "--performance", str(take), "--out", str(new), *model]
    assert main([*started, "--upper", "1", "--mouth", "1"]) == 0
    with np.load(take) as one, np.load(new) as other:
        assert np.array_equal(one["vertices"], other["vertices"])
        assert np.array_equal(one["weights"], other["weights"])
        assert float(other["fps"]) == 24
    assert (tmp_path / "new.csv").is_file()
    assert main([*started, "--keep-silence", "--stretch", "loop", "--fps", "25"]) == 0
    capsys.readouterr()
    assert main([*started, "--upper", "2"]) == 2
    assert main(["dub", str(speech), "--performance", str(speech), "--out", str(new), *model]) == 2
    sentences = capsys.readouterr().err.splitlines()
    assert len(sentences) == 2 and all(line.startswith("meshtalk: ") for line in sentences)
