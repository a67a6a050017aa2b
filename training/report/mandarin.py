# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement 4: another language, and jaws made by other hands.

Correlation of our jaw with the animators' ``mouth_stretch_c`` at 30 fps over voiced frames: of the lower
incisors, as articulographs measure a jaw, and beside it of the chin, whose skin a pucker lifts. Their silent
frames are often exact zeros, which anything that is still in silence would get for free. A frame is voiced
when its sound repeats after one period of the voice, and is no more than 40 dB below the take's loud parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.corpus.teacher.prosody import FRAME_RATE, HIGHEST_HZ, LOWEST_HZ, VOICED
from training.corpus.utterance import SAMPLE_RATE
from training.report.loudness import decibels, level
from training.report.recordings import Recording
from training.report.table import Target
from training.report.tracks import Tracks

Array = NDArray[np.float64]

BELOW_LOUD = 40.0
"""Decibels below the 95th percentile at which a sound is too faint to be a voice."""

MOST_LAG = 6


@dataclass(frozen=True)
class Take:
    """One take: correlations over voiced frames of the incisors, the chin's where a template has no teeth
    (and, beside it, of the chin and the aperture, and over all frames), the lag in frames at which the first
    is best, that best, and the voiced share of the frames."""

    jaw: float
    chin: float
    aperture: float
    jaw_all_frames: float
    best_lag: int
    best: float
    voiced: float


@dataclass(frozen=True)
class Mandarin:
    """The takes by name."""

    takes: dict[str, Take]

    @property
    def jaw(self) -> float:
        """Mean correlation of the takes at lag 0."""
        return float(np.mean([take.jaw for take in self.takes.values()]))

    @property
    def chin(self) -> float:
        """The same of the chin."""
        return float(np.mean([take.chin for take in self.takes.values()]))

    @property
    def aperture(self) -> float:
        """The same of the aperture."""
        return float(np.mean([take.aperture for take in self.takes.values()]))

    def targets(self) -> list[Target]:
        """What the issue wants."""
        return [Target("4 Mandarin jaw, correlation", self.jaw, 0.58, "at least")]

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {"jaw": self.jaw, "chin": self.chin, "aperture": self.aperture} | {
            name: asdict(take) for name, take in self.takes.items()
        }


def measure_mandarin(takes: Sequence[tuple[Tracks, Recording]]) -> Mandarin:
    """The figures of every take; recordings without the animators' jaw are left out."""
    return Mandarin(
        {
            recording.name: measure_take(tracks, recording.jaw, voiced_frames(recording.samples, len(tracks)))
            for tracks, recording in takes
            if recording.jaw is not None
        }
    )


def measure_take(tracks: Tracks, jaw: Array, voiced: NDArray[np.bool_]) -> Take:
    """One take's figures; what exceeds the shorter of the curves is cut off."""
    count = min(len(tracks), len(jaw), len(voiced))
    ours = (tracks.jaw if tracks.incisors is None else tracks.incisors)[:count]
    chin, aperture, theirs, heard = tracks.jaw[:count], tracks.aperture[:count], jaw[:count], voiced[:count]
    lags = range(-MOST_LAG, MOST_LAG + 1)
    curve = {lag: correlation(_shifted(ours, lag), theirs, heard) for lag in lags}
    best = max(curve, key=lambda lag: curve[lag])
    return Take(
        jaw=curve[0],
        chin=correlation(chin, theirs, heard),
        aperture=correlation(aperture, theirs, heard),
        jaw_all_frames=correlation(ours, theirs, np.ones(count, bool)),
        best_lag=best,
        best=curve[best],
        voiced=float(heard.mean()),
    )


def correlation(first: Array, second: Array, where: NDArray[np.bool_]) -> float:
    """Pearson's, over the frames of ``where``; 0 when one of them never changes there."""
    first, second = first[where], second[where]
    if len(first) < 3 or first.std() < 1e-12 or second.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def voiced_frames(samples: NDArray[np.float32], frames: int) -> NDArray[np.bool_]:
    """Whether 16 kHz ``samples (N,)`` are voiced at each of the video frames, by their autocorrelation.

    A window of 64 ms is compared with itself one period later, each part by its own energy, so the taper of
    a window takes nothing off long periods.
    """
    size, longest = 512, int(SAMPLE_RATE / LOWEST_HZ)
    centres = np.arange(frames) * SAMPLE_RATE // FRAME_RATE
    padded = np.pad(samples.astype(np.float64), (size, size + longest + SAMPLE_RATE))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size + longest)[
        centres + size // 2 - longest // 4
    ]
    head = windows[:, :size]
    fft = 2 ** int(np.ceil(np.log2(2 * size + longest)))
    products = np.fft.irfft(
        np.fft.rfft(windows, fft, axis=1) * np.conj(np.fft.rfft(head, fft, axis=1)), fft, axis=1
    )
    energies = np.cumsum(np.pad(windows**2, ((0, 0), (1, 0))), axis=1)
    periods = np.arange(int(SAMPLE_RATE / HIGHEST_HZ), longest)
    later = energies[:, periods + size] - energies[:, periods]
    own = (energies[:, size] - energies[:, 0])[:, None]
    repeats = (products[:, periods] / np.sqrt(np.maximum(later * own, 1e-12))).max(axis=1)
    loud = decibels(level(samples, np.arange(frames) / FRAME_RATE))
    return (repeats > VOICED) & (loud > np.percentile(loud, 95) - BELOW_LOUD)


def _shifted(values: Array, lag: int) -> Array:
    """``values[t + lag]`` at every ``t``, the ends held."""
    return values[np.clip(np.arange(len(values)) + lag, 0, len(values) - 1)]
