# SPDX-License-Identifier: GPL-3.0-or-later
"""Mel features: on time, independent of the cut, quiet on silence, and those of a known library."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.features import MelSettings, clip_gain, frame_centres, log_mel, silence

SETTINGS = MelSettings()
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 32_000).astype(np.float32)


def test_frames_never_drift() -> None:
    """Mel frame m lies at (m − 1) / 90 s within half a sample, after ten minutes as at once."""
    frames = np.array([0, 1, 2, 89, 54_000, 323_999])
    centres = np.array([frame_centres(int(frame), 1, SETTINGS)[0] for frame in frames])
    assert np.abs(centres - (frames - 1) * 16_000 / 90).max() <= 0.5


@pytest.mark.parametrize("time", [0.5, 599.5])
def test_a_click_is_at_its_time(time: float) -> None:
    samples = np.zeros(16_000 * 600, np.float32)
    samples[round(time * 16_000)] = 0.9
    first = round(time * 90) - 20
    energy = log_mel(samples, first, 40, SETTINGS, 1.0).mean(axis=1)
    assert (first + int(energy.argmax()) - 1) / 90 == pytest.approx(time, abs=1 / 180 + 1e-3)


@settings(deadline=None, max_examples=40)
@given(first=st.integers(-50, 250), count=st.integers(1, 60), skip=st.integers(0, 30))
def test_features_do_not_depend_on_the_cut(first: int, count: int, skip: int) -> None:
    whole = log_mel(NOISE, first - skip, count + skip, SETTINGS, 1.0)[skip:]
    assert np.abs(whole - log_mel(NOISE, first, count, SETTINGS, 1.0)).max() < 1e-4


@pytest.mark.parametrize("samples", [np.zeros(16_000), np.zeros(1), np.full(16_000, 1e-30)])
def test_silence_is_finite_and_stays_silent(samples: np.ndarray) -> None:
    samples = samples.astype(np.float32)
    gain = clip_gain(samples, SETTINGS)
    features = log_mel(samples, -5, 100, SETTINGS, gain)
    assert np.isfinite(features).all()
    assert np.array_equal(features, np.broadcast_to(silence(SETTINGS), features.shape))


@pytest.mark.parametrize("level", [0.01, 0.1, 0.5])
def test_loud_parts_are_brought_to_one_level(level: float) -> None:
    assert clip_gain(level / 0.5 * NOISE, SETTINGS) * level == pytest.approx(
        clip_gain(NOISE, SETTINGS) * 0.5, rel=0.01
    )


@settings(deadline=None, max_examples=30)
@given(pause=st.floats(0.0, 20.0), cough=st.floats(0.0, 0.4), louder=st.floats(1.0, 20.0))
def test_neither_pauses_nor_a_cough_change_the_level(pause: float, cough: float, louder: float) -> None:
    """Ten seconds of voice with up to 20 s of silence and a cough of up to 26 dB more."""
    voice = np.tile(NOISE, 5) * np.float32(0.05)
    parts = (
        voice,
        np.zeros(round(pause * 16_000), np.float32),
        NOISE[: round(cough * 16_000)] * (0.05 * louder),
    )
    disturbed = np.concatenate(parts).astype(np.float32)
    assert clip_gain(disturbed, SETTINGS) == pytest.approx(clip_gain(voice, SETTINGS), rel=0.06)


@pytest.mark.parametrize("noise", [0.0, 1e-5, 1e-3])
@pytest.mark.parametrize("silence", [1, 5, 30, 300])
def test_a_word_in_a_long_silence_is_no_cough(noise: float, silence: int) -> None:
    """A second of voice in up to five minutes of nothing or of a room's noise was raised 30-fold."""
    word = NOISE[:16_000] * np.float32(0.05)
    rest = np.resize(NOISE, silence * 16_000) * np.float32(noise)
    alone = clip_gain(word, SETTINGS)
    assert clip_gain(np.concatenate([rest, word]), SETTINGS) == pytest.approx(alone, rel=0.06)
    assert clip_gain(np.concatenate([word, rest]), SETTINGS) == pytest.approx(alone, rel=0.06)


def test_features_are_those_of_librosa() -> None:
    librosa = pytest.importorskip("librosa", reason="librosa is not installed: nothing to compare with")
    mel = librosa.feature.melspectrogram(
        y=NOISE.astype(np.float64),
        sr=16_000,
        n_fft=1024,
        win_length=800,
        hop_length=200,
        window="hann",
        center=True,
        pad_mode="constant",
        n_mels=80,
        fmin=50,
        fmax=7600,
        norm="slaney",
        htk=False,
    )
    settings = replace(SETTINGS, frame_rate=80, per_frame=1)
    ours = log_mel(NOISE, 10, 100, settings, 1.0) * settings.std + settings.mean
    theirs = np.log10(np.maximum(mel.T[10:110], settings.floor))
    assert np.abs(ours - theirs).max() < 2e-3
