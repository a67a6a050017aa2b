# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement 3: does the mouth open when the sound does?

The reference is made from the phone times alone: every phone's opening (``OPENINGS``, the jaw of the tables
that the first eleven rounds were taught by: it stays as it is, so that rounds compare; none for p b m and
silence) is held from its start to its end and smoothed by a symmetric window, so that it is neither early nor
late. It knows nothing of loudness or style.

A second reference, ``taught``, is the teacher's own jaw for these phones in its neutral style, which hears
the loudness too; it tells how well the model learnt its lesson.

*Lag.* The shift of the aperture against the reference at which they correlate best, pooled over recordings
and refined by a parabola; positive means that the face is late.

*Temporal misalignment.* As published (Chae-Yeon et al., CVPR 2025): both curves smoothed by a Gaussian of
two frames, aligned by dynamic time warping of their derivatives, then the mean distance in time of the
opening peaks that the path brings together, if the other lies between the neighbouring extrema. Because
peaks without a partner don't count there, ``matched`` tells how many found one, and ``nearest`` is the mean
distance of every reference peak to the nearest peak of the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.corpus.teacher.mouth import move_mouth
from training.corpus.teacher.prosody import measure_prosody
from training.corpus.teacher.style import NEUTRAL
from training.phonemes import Phone
from training.report.recordings import Recording
from training.report.table import Target
from training.report.tracks import FRAME_RATE, Tracks

Array = NDArray[np.float64]
Takes = Sequence[tuple[Tracks, Recording]]
Pairs = Sequence[tuple[Array, Array]]
"""A face's opening and a reference, ``(T,)`` each."""

_OPENINGS = """
AA 0.31; AE 0.27; AH 0.18; AO 0.25; AW AY 0.31 0.12; EH 0.2; EY 0.2 0.08; IH L 0.12; IY R TH DH 0.08; HH 0.13
OW 0.18 0.09; OY 0.25 0.12; UW 0.09; W 0.03; ER UH K G NG 0.11; Y T D N 0.07; S Z SH ZH CH JH F V 0.02
"""
OPENINGS: dict[str, tuple[float, ...]] = {
    word: tuple(float(number) for number in entry.split() if number[0] == "0")
    for entry in _OPENINGS.replace("\n", ";").split(";")
    for word in entry.split()
    if word[0] != "0"
}
"""Phoneme -> weight of jawOpen that the reference gives it, in one step or two; 0 for all others."""

FINE = 8
"""The reference is drawn at so many times the frame rate before it is smoothed."""

SOFT = 0.05
"""Seconds: half the length of the window that smooths it."""

MOST_LAG = 10
SIGMA = 2.0
REACH = 15
"""Frames that the warping path may stray from the diagonal."""

MILLISECONDS = 1000.0 / FRAME_RATE


@dataclass(frozen=True)
class Timing:
    """Lag in frames, correlation there and at lag 0; misalignments in ms, and the matched share of peaks;
    lag, correlation and misalignment against the teacher."""

    lag: float
    correlation: float
    correlation_at_0: float
    misalignment: float
    matched: float
    nearest: float
    peaks: int
    taught_lag: float
    taught_correlation: float
    taught_misalignment: float

    def targets(self, where: str = "") -> list[Target]:
        """What the issue wants of them."""
        return [
            Target(f"3 best lag, frames either way{where}", abs(self.lag), 1.0, "at most"),
            Target(f"3 misalignment of opening peaks, ms{where}", self.misalignment, 40.0, "at most"),
        ]

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


def measure_timing(takes: Takes) -> Timing:
    """The figures over all recordings with phones."""
    pairs = [(tracks.aperture, reference_opening(r.phones, len(tracks))) for tracks, r in takes]
    taught = [(tracks.aperture, taught_opening(r, len(tracks))) for tracks, r in takes]
    lag, best, at_zero = best_lag(pairs)
    delays, peaks = _all_delays(pairs)
    taught_lag, taught_best, _ = best_lag(taught)
    return Timing(
        lag=lag,
        correlation=best,
        correlation_at_0=at_zero,
        misalignment=_mean_of_size(delays),
        matched=len(delays) / max(peaks, 1),
        nearest=_mean_of_size([delay for pair in pairs for delay in nearest_delays(*pair)]),
        peaks=peaks,
        taught_lag=taught_lag,
        taught_correlation=taught_best,
        taught_misalignment=_mean_of_size(_all_delays(taught)[0]),
    )


def _all_delays(pairs: Pairs) -> tuple[list[float], int]:
    """What ``peak_delays`` finds in all pairs together."""
    found = [peak_delays(face, reference) for face, reference in pairs]
    return [delay for delays, _ in found for delay in delays], sum(count for _, count in found)


def taught_opening(recording: Recording, frames: int) -> Array:
    """The neutral teacher's jaw ``(frames,)`` for a recording's phones and loudness."""
    loudness = measure_prosody(recording.samples, frames).loudness
    return move_mouth(recording.phones, loudness, NEUTRAL).tracks["jaw"]


def reference_opening(phones: Sequence[Phone], frames: int) -> Array:
    """Opening ``(frames,)``, about 0 … 0.3, that the phones ask for at 30 fps."""
    times = np.arange(-FINE, (frames + 1) * FINE) / (FRAME_RATE * FINE)
    wanted = np.zeros(len(times))
    for phone in phones:
        steps = OPENINGS.get(phone.label, (0.0,))
        edges = np.linspace(phone.start, phone.end, len(steps) + 1)
        for start, end, jaw in zip(edges, edges[1:], steps, strict=False):
            wanted[(times >= start) & (times < end)] = jaw
    half = round(SOFT * FRAME_RATE * FINE)
    window = np.hanning(2 * half + 3)[1:-1]
    soft = np.convolve(wanted, window / window.sum(), mode="same").astype(np.float64)
    return soft[FINE : FINE * (frames + 1) : FINE]


def best_lag(pairs: Pairs, most: int = MOST_LAG) -> tuple[float, float, float]:
    """Frames by which the first curves follow the second, the correlation there, and that at lag 0.

    Correlations of the pairs at each lag are averaged by their frames; a parabola through the best and its
    two neighbours gives the fraction of a frame.
    """
    lags = np.arange(-most, most + 1)
    weights = np.array([len(face) for face, _ in pairs], np.float64)
    rows = [[_correlation_at(face, reference, int(lag)) for lag in lags] for face, reference in pairs]
    curve = weights @ np.array(rows) / weights.sum()
    best = int(curve.argmax())
    step, top = 0.0, float(curve[best])
    if 0 < best < len(lags) - 1:
        left, middle, right = curve[best - 1 : best + 2]
        bend = left - 2 * middle + right
        step = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(lags[best] + step), top, float(curve[most])


def peak_delays(face: Array, reference: Array) -> tuple[list[float], int]:
    """Delay in ms of every opening peak of the face that the warping path joins to one of the reference, and
    the number of the reference's peaks."""
    first, second = smoothed(reference), smoothed(face)
    extrema = np.sort(np.concatenate([_peaks(first), _peaks(-first), [0, len(first) - 1]]))
    wanted, found = set(_peaks(first).tolist()), set(_peaks(second).tolist())
    delays: dict[int, float] = {}
    for at, other in warping_path(np.gradient(first), np.gradient(second)):
        if at in wanted and other in found:
            place = int(np.searchsorted(extrema, at))
            low, high = extrema[max(place - 1, 0)], extrema[min(place + 1, len(extrema) - 1)]
            if low <= other <= high and abs(other - at) < abs(delays.get(at, np.inf)) / MILLISECONDS:
                delays[at] = (other - at) * MILLISECONDS
    return list(delays.values()), len(wanted)


def nearest_delays(face: Array, reference: Array) -> list[float]:
    """Delay in ms of the face's nearest opening peak at every peak of the reference."""
    peaks = _peaks(smoothed(face))
    if not len(peaks):
        return []
    wanted = _peaks(smoothed(reference))
    return [float(peaks[np.abs(peaks - at).argmin()] - at) * MILLISECONDS for at in wanted]


def warping_path(first: Array, second: Array, reach: int = REACH) -> list[tuple[int, int]]:
    """The cheapest monotone path of index pairs from the beginnings to the ends of two curves of one
    length."""
    count = len(first)
    total = np.full((count + 1, count + 1), np.inf)
    total[0, 0] = 0.0
    for i in range(1, count + 1):
        for j in range(max(1, i - reach), min(count, i + reach) + 1):
            before = min(total[i - 1, j - 1], total[i - 1, j], total[i, j - 1])
            total[i, j] = abs(first[i - 1] - second[j - 1]) + before
    path, i, j = [], count, count
    while i > 0 and j > 0:
        path.append((i - 1, j - 1))
        steps = ((i - 1, j - 1), (i - 1, j), (i, j - 1))
        i, j = min(steps, key=lambda step: total[step])
    return path[::-1]


def smoothed(values: Array, sigma: float = SIGMA) -> Array:
    """A Gaussian running mean of ``sigma`` frames, unit height: scale-free, as two curves of different units
    need it."""
    from scipy.ndimage import gaussian_filter1d

    soft = gaussian_filter1d(values, sigma)
    return soft / max(float(soft.std()), 1e-9)


def _peaks(values: Array) -> NDArray[np.int64]:
    from scipy.signal import find_peaks

    return find_peaks(values)[0].astype(np.int64)


def _correlation_at(face: Array, reference: Array, lag: int) -> float:
    """Correlation of ``face[t + lag]`` with ``reference[t]``; 0 where one of them never moves."""
    count = len(face)
    late, early = (
        face[max(lag, 0) : count + min(lag, 0)],
        reference[max(-lag, 0) : count - max(lag, 0)],
    )
    if len(late) < 3 or late.std() < 1e-9 or early.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(late, early)[0, 1])


def _mean_of_size(delays: Sequence[float]) -> float:
    return float(np.abs(delays).mean()) if len(delays) else float("nan")
