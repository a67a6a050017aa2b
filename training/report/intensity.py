# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement 5: does the mouth open wider where the voice is louder?

A syllable is a vowel. Spearman's rank correlation over all syllables of the vowel's intensity, in dB of its
root mean square against the recording's own vowels (recordings are made at different levels), with the
largest aperture within it. Open vowels are louder by themselves, so ``within_vowels`` takes the ranks' mean
of each vowel class off first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.phonemes import VOWELS
from training.report.intervals import reduce_spans, spans_of
from training.report.loudness import decibels, level
from training.report.recordings import Recording
from training.report.table import Target
from training.report.tracks import Tracks

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Intensity:
    """Rank correlations, the second with vowel classes held fixed; ``syllables`` were counted."""

    syllables_correlation: float
    within_vowels: float
    syllables: int

    def targets(self) -> list[Target]:
        """What the issue wants."""
        return [
            Target("5 opening by intensity, rank correlation", self.syllables_correlation, 0.4, "at least")
        ]

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


def measure_intensity(takes: Sequence[tuple[Tracks, Recording]]) -> Intensity:
    """The figures over all recordings with phones."""
    openings, levels, vowels = [], [], []
    for tracks, recording in takes:
        openings += reduce_spans(tracks.aperture, spans_of(recording.phones, VOWELS, 0.0), np.max)
        levels.append(vowel_levels(recording))
        vowels += [phone.label for phone in recording.phones if phone.label in VOWELS]
    opening, loud = _ranks(np.array(openings)), _ranks(np.concatenate(levels))
    return Intensity(
        syllables_correlation=_correlation(opening, loud),
        within_vowels=_correlation(without_class(opening, vowels), without_class(loud, vowels)),
        syllables=len(vowels),
    )


def vowel_levels(recording: Recording) -> Array:
    """Intensity of each vowel in dB against the median of the recording's vowels."""
    found = []
    for start, end in spans_of(recording.phones, VOWELS, 0.0):
        found.append(float(level(recording.samples, np.array([(start + end) / 2]), end - start)[0]))
    loud = decibels(np.array(found))
    return loud - np.median(loud) if len(loud) else loud


def without_class(values: Array, classes: Sequence[str]) -> Array:
    """``values (N,)`` less the mean of their class."""
    _, places = np.unique(np.array(classes), return_inverse=True)
    means = np.bincount(places, values) / np.maximum(np.bincount(places), 1)
    return values - means[places]


def _ranks(values: Array) -> Array:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)


def _correlation(first: Array, second: Array) -> float:
    if len(first) < 3 or first.std() < 1e-12 or second.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
