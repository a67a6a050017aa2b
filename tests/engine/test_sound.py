# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds of every kind that go in, and each kind that is refused with its sentence."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.sound import MAX_SECONDS, load_sound, sound_from_samples
from engine.errors import Cancelled, OptionError, SoundError


def tone(rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    """A 200 Hz tone (N, channels) of amplitude 0.3."""
    wave = 0.3 * np.sin(2 * np.pi * 200 * np.arange(round(rate * seconds)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt((samples**2).mean()))


@pytest.mark.parametrize("rate", [1_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_wav_of_any_rate_and_channel_count(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(rate, 1.7, channels), rate)
    sound = load_sound(path)
    assert sound.duration == Fraction(round(1.7 * rate), rate)
    assert len(sound.samples) == -(-round(1.7 * rate) * 16_000 // rate)
    assert sound.samples.dtype == np.float32
    assert loudness(sound.samples[1000:-1000]) == pytest.approx(0.3 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_every_format_keeps_tone_and_length(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, tone(44_100, 3.0, 2), 44_100)
    sound = load_sound(path)
    assert float(sound.duration) == pytest.approx(3.0, abs=0.03)
    spectrum = np.abs(np.fft.rfft(sound.samples * np.hanning(len(sound.samples))))
    assert spectrum.argmax() * 16_000 / len(sound.samples) == pytest.approx(200, abs=1)


def test_resampling_keeps_time_over_ten_minutes(tmp_path: Path) -> None:
    """A click at 9:59 is still there to the sample after going from 44.1 kHz to 16 kHz."""
    samples = np.zeros(44_100 * 600, np.float32)
    samples[44_100 * 599] = 0.9
    path = tmp_path / "long.flac"
    soundfile.write(path, samples, 44_100)
    sound = load_sound(path)
    assert sound.duration == 600
    assert abs(int(np.abs(sound.samples).argmax()) - 16_000 * 599) <= 1


def test_channels_are_averaged(tmp_path: Path) -> None:
    both = tone(16_000, 0.5, 2)
    both[:, 1] = 0.5 * np.roll(both[:, 0], 13)
    soundfile.write(tmp_path / "a.wav", both, 16_000, subtype="FLOAT")
    assert load_sound(tmp_path / "a.wav").samples == pytest.approx(both.mean(axis=1), abs=1e-6)


def test_channels_that_cancel_each_other_out_are_heard(tmp_path: Path) -> None:
    """A microphone's second channel wired the wrong way round: a player plays it, so nobody notices."""
    voice = tone(16_000, 0.5)[:, 0]
    for name, other, expected in (
        ("a", -voice, voice),
        ("b", -0.97 * voice, voice),
        ("c", 0 * voice, voice / 2),
    ):
        soundfile.write(tmp_path / f"{name}.wav", np.stack([voice, other], axis=1), 16_000, subtype="FLOAT")
        assert load_sound(tmp_path / f"{name}.wav").samples == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("offset", [0.01, -0.4])
def test_an_offset_is_taken_off(tmp_path: Path, offset: float) -> None:
    soundfile.write(tmp_path / "a.wav", 0.5 * tone(44_100, 2.0) + offset, 44_100, subtype="FLOAT")
    samples = load_sound(tmp_path / "a.wav").samples[1000:-1000]
    assert abs(samples.mean()) < 1e-3
    assert loudness(samples) == pytest.approx(0.15 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_part_is_the_same_as_cutting(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    ramp = tone(16_000, 4.0) * np.linspace(0, 1, 64_000)[:, None]
    soundfile.write(path, ramp, 16_000)
    whole, part = load_sound(path), load_sound(path, start=1.5, duration=1.0)
    assert part.duration == 1
    assert part.samples == pytest.approx(whole.samples[24_000:40_000], abs=1e-4)


def test_a_part_that_reaches_past_the_end_stops_there(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(16_000, 1.0), 16_000)
    assert load_sound(tmp_path / "a.wav", start=0.75, duration=9).duration == Fraction(1, 4)


@pytest.mark.parametrize(
    "start, duration", [(-1, None), (float("nan"), None), (0, 0), (0, -2), (0, float("inf"))]
)
def test_senseless_parts(tmp_path: Path, start: float, duration: float | None) -> None:
    soundfile.write(tmp_path / "a.wav", tone(16_000, 1.0), 16_000)
    with pytest.raises(OptionError, match="within the sound"):
        load_sound(tmp_path / "a.wav", start, duration)


def test_start_behind_the_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(16_000, 1.0), 16_000)
    with pytest.raises(SoundError, match="ends at 1 s, before the start at 5 s"):
        load_sound(tmp_path / "a.wav", start=5)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="There is no file"):
        load_sound(tmp_path / "no.wav")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="is a folder"):
        load_sound(tmp_path)


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(SoundError, match="is empty"):
        load_sound(tmp_path / "a.wav")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(16_000, 1.0), 16_000)
    path.chmod(0)
    with pytest.raises(SoundError, match="can't be read"):
        load_sound(path)


@pytest.mark.parametrize(
    "content", [b"Dear diary, " * 500, b"\x89PNG\r\n\x1a\n" + bytes(5000), b"PK\x03\x04" * 99]
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.ogg", "a.flac", "a.raw"])
def test_renamed_other_file(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SoundError, match="is no sound file that can be read"):
        load_sound(tmp_path / name)


def test_zero_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 1)), 16_000)
    with pytest.raises(SoundError, match="holds no samples"):
        load_sound(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
@pytest.mark.parametrize("kept", [0.01, 0.3, 0.6, 0.95])
def test_truncated(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, tone(44_100, 5.0, 2), 44_100)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(SoundError, match="cut off"):
        load_sound(path)


@pytest.mark.parametrize("loud_first", [True, False])
def test_an_mp3_without_a_length_loses_nothing(tmp_path: Path, loud_first: bool) -> None:
    """Without a length tag the decoder guesses from the first frames: it is read whole or refused."""
    path = tmp_path / "a.mp3"
    second = np.arange(44_100 * 60) // 44_100
    bursts = np.random.default_rng(0).standard_normal(len(second)) * ((second < 30) == loud_first)
    soundfile.write(path, 0.2 * bursts, 44_100, bitrate_mode="VARIABLE", compression_level=0.5)
    data = path.read_bytes()
    kilobits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[data[2] >> 4]
    second_frame = 144_000 * kilobits // 44_100 + (data[2] >> 1 & 1)
    assert b"Xing" in data[:second_frame]
    path.write_bytes(data[second_frame:])
    try:
        assert float(load_sound(path).duration) == pytest.approx(60, abs=0.1)
    except SoundError as error:
        assert "doesn't say how long it is" in str(error)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    samples = tone(16_000, 1.0).astype(np.float32)
    samples[777] = value
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(SoundError, match="not finite"):
        load_sound(tmp_path / "a.wav")
    with pytest.raises(SoundError, match="not finite"):
        sound_from_samples(samples, 16_000)


def test_samples_beyond_sense() -> None:
    with pytest.raises(SoundError, match="far too large"):
        sound_from_samples(np.full(1000, 1e30), 16_000)


def test_an_hour_is_accepted_and_more_than_two_are_not(tmp_path: Path) -> None:
    path = tmp_path / "hour.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(60):
            file.write(np.zeros(8_000 * 60, np.float32))
    assert load_sound(path).duration == 3600
    with pytest.raises(SoundError, match="longer than 2 hours"):
        sound_from_samples(np.zeros(1_000 * MAX_SECONDS + 1, np.float32), 1_000)


def test_cancelling(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(16_000, 1.0), 16_000)
    with pytest.raises(Cancelled):
        load_sound(tmp_path / "a.wav", cancelled=lambda: True)


@settings(deadline=None, max_examples=50)
@given(
    count=st.integers(1, 30_000),
    rate=st.sampled_from([1_000, 8_000, 16_000, 22_050, 44_100, 48_000, 192_000]),
    channels=st.integers(1, 8),
)
def test_samples_in_memory(count: int, rate: int, channels: int) -> None:
    sound = sound_from_samples(np.full((count, channels), 0.25, np.float32), rate)
    assert sound.duration == Fraction(count, rate)
    assert len(sound.samples) == -(-count * 16_000 // rate)
    assert np.isfinite(sound.samples).all()


@pytest.mark.parametrize(
    "samples, rate, sentence",
    [
        (np.zeros(0), 16_000, "no samples"),
        (np.zeros((10, 0)), 16_000, "no samples"),
        (np.zeros((2, 2, 2)), 16_000, "shape"),
        (np.zeros(10, np.int16), 16_000, "floating point"),
        (np.array(["a"]), 16_000, "floating point"),
        (np.zeros(10), 999, "samples a second"),
        (np.zeros(10), 10_000_000, "samples a second"),
        (np.zeros(10), float("nan"), "samples a second"),
        (np.zeros(10), 16_000.5, "samples a second"),
    ],
)
def test_bad_samples_in_memory(samples: np.ndarray, rate: float, sentence: str) -> None:
    with pytest.raises(SoundError, match=sentence):
        sound_from_samples(samples, rate)
