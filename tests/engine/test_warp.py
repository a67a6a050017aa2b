# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds played at other times than they were recorded."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.sound import SAMPLE_RATE
from engine.audio.warp import play_at
from engine.errors import Cancelled, OptionError

STEP = 1 / 30


def _tone(hertz: float, seconds: float = 4.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE).astype(
        np.float32
    )


def _pitch(samples: np.ndarray) -> float:
    """Hz of the loudest tone."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(spectrum.argmax() * SAMPLE_RATE / (8 * len(samples)))


def _times(speed: float, seconds: float = 4.0) -> np.ndarray:
    return np.arange(round(seconds / speed / STEP) + 1) * STEP * speed


def test_at_its_own_times_a_sound_stays_what_it_is() -> None:
    sound = _tone(440)
    assert np.abs(play_at(sound, _times(1.0), STEP, False) - sound)[200:-200].max() < 1e-6
    assert np.abs(play_at(sound, _times(1.0), STEP, True) - sound)[700:-700].max() < 1e-6


@pytest.mark.parametrize("speed", [0.6, 1.4])
def test_pitch_follows_the_speed_or_is_kept(speed: float) -> None:
    sound = _tone(440)
    followed, kept = (play_at(sound, _times(speed), STEP, keep) for keep in (False, True))
    assert len(followed) == len(kept) == round(len(_times(speed)[1:]) * STEP * SAMPLE_RATE)
    assert abs(_pitch(followed[2000:-2000]) - 440 * speed) < 1
    assert abs(_pitch(kept[2000:-2000]) - 440) < 1
    assert abs(kept[2000:-2000].std() - sound.std()) < 0.01
    where = np.arange(len(followed)) / SAMPLE_RATE * speed
    assert np.abs(followed - np.sin(2 * np.pi * 440 * where))[500:-500].max() < 1e-3


def test_what_the_new_rate_cannot_carry_is_left_out() -> None:
    played = play_at(_tone(6000), _times(2.0), STEP, False)
    assert np.abs(played[500:-500]).max() < 0.01  # 12 kHz: would be heard at 4 kHz


@pytest.mark.parametrize("keep", [False, True])
def test_a_changing_speed_puts_each_syllable_where_it_belongs(keep: bool) -> None:
    sound = _tone(300) * np.repeat([0.0, 1.0] * 4, SAMPLE_RATE // 2)
    times = np.concatenate([np.arange(60) * STEP * 0.5, 1 + np.arange(91) * STEP])
    played = play_at(sound, times, STEP, keep)
    loud = np.sqrt(np.convolve(played**2, np.ones(400) / 400, "same")) > 0.35
    heard = np.interp(np.arange(len(played)) / (STEP * SAMPLE_RATE), np.arange(len(times)), times)
    wanted = (heard * 2).astype(int) % 2 == 1
    assert (loud == wanted).mean() > 0.95


@pytest.mark.parametrize("keep", [False, True])
def test_before_and_behind_the_sound_is_silence(keep: bool) -> None:
    sound = np.ones(SAMPLE_RATE, np.float32)
    played = play_at(sound, np.arange(-30, 91) * STEP, STEP, keep)
    assert len(played) == 4 * SAMPLE_RATE
    assert np.abs(played[: SAMPLE_RATE - 1000]).max() == 0 == np.abs(played[2 * SAMPLE_RATE + 1000 :]).max()
    assert abs(played[SAMPLE_RATE + 4000 : 2 * SAMPLE_RATE - 4000].mean() - 1) < 0.01
    frozen = play_at(sound, np.full(31, 0.5), STEP, keep)
    assert not frozen.any()


@pytest.mark.parametrize("times", [[0.0], [0.0, np.nan], [1.0, 0.5]])
def test_senseless_times_are_refused(times: list[float]) -> None:
    with pytest.raises(OptionError, match="must not fall"):
        play_at(_tone(100), np.array(times), STEP, False)


@pytest.mark.parametrize("keep", [False, True])
def test_playing_can_be_cancelled(keep: bool) -> None:
    with pytest.raises(Cancelled):
        play_at(_tone(100), _times(1.0), STEP, keep, lambda: True)
