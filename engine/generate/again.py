# SPDX-License-Identifier: GPL-3.0-or-later
"""A stretch of a take sampled again with another seed, while all the rest stays, bit for bit.

The sampler is given the labels before the stretch, so it goes on from what the face did there. After the
stretch the old motion comes back: near its end both are compared, and the new one passes into the old one
where they are most alike, so that no blink is cut in two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..arrays import smoothstep
from ..audio.sound import Sound
from ..bundle import Bundle
from ..errors import OptionError, SoundError
from ..geometry.topology import Binding
from ..progress import QUIET, Stage
from ..takes.curves import RawCurves
from .correctives import CorrectiveFit
from .decode import Mover
from .encode import encode_audio
from .options import GenerateOptions, frame_count
from .resample import Resampler
from .sample import SAMPLE, Labels, sample_labels
from .upper_heads import head_temperatures

Float32 = NDArray[np.float32]

ENTRY_SECONDS = Fraction(1, 10)
"""From the old curves into the new ones; both mean the same motion there, but may use other units for it."""

SEAM_SECONDS = Fraction(1, 6)
SEARCH_SECONDS = Fraction(3, 4)
"""How long the way back to the old motion takes, and how long before the end it may begin."""

ALIKE = 2.0
"""Of the places that differ at most so many times what the best one differs the last is taken: the range is
the user's, as much of it as can be."""


@dataclass(frozen=True)
class AgainOptions:
    """What is sampled again: samples ``first`` up to ``stop`` (not included) of the take's own, with
    ``seed``; temperatures as in GenerateOptions."""

    first: int
    stop: int
    seed: int = 0
    temperature: float | None = None
    upper_temperature: float | None = None

    def __post_init__(self) -> None:
        self.sampling()  # checks them alike
        if not 0 <= self.first < self.stop:
            raise OptionError("The range to sample again is empty: its end must come after its start.")

    def sampling(self) -> GenerateOptions:
        """Seed and temperatures as generation has them."""
        return GenerateOptions(
            seed=self.seed, temperature=self.temperature, upper_temperature=self.upper_temperature
        )


def sample_again(
    bundle: Bundle,
    sound: Sound,
    binding: Binding,
    curves: RawCurves,
    options: AgainOptions,
    stage: Stage = QUIET,
) -> RawCurves:
    """The curves of a take with one stretch sampled again.

    Everything outside the stretch is the same, bit for bit; with the seed and temperatures that the take was
    sampled with so is what was sampled inside. Raises OptionError where the range lies outside the take or
    the take has no labels, SoundError where the sound isn't the take's, Cancelled, and the bundle's errors.
    """
    old = _labels_of(bundle, sound, curves)
    stop = min(options.stop, len(curves.weights))
    if options.first >= stop:
        raise OptionError("The range to sample again lies outside the take: choose frames inside it.")
    frames = _model_frames(bundle, curves.fps, options.first, stop, len(old))
    codes = encode_audio(bundle, sound.samples, len(old), stage.span("Listening", 0.0, 0.2))
    new = _sampled(bundle, codes, old, frames, options.sampling(), stage.span("Sampling", 0.2, 0.7))
    mover = Mover(bundle, binding)
    fresh = _curves_of(bundle, mover, binding, new, curves, stage.span("Moving", 0.7, 1.0))
    share = _share(curves, fresh, options.first, stop)
    return _joined(bundle, curves, fresh, share)


def _labels_of(bundle: Bundle, sound: Sound, curves: RawCurves) -> Labels:
    """The take's labels, checked against the model and the sound."""
    if curves.labels is None or not len(curves.labels):
        raise OptionError("This take wasn't sampled by seed alone: choose a generated one.")
    if curves.labels.shape[1] != bundle.card.heads or curves.unit_names != bundle.unit_names:
        raise OptionError("This take comes from another model: choose the model that it was made with.")
    expected = max(1, frame_count(sound.duration, Fraction(bundle.card.frame_rate)))
    if expected != len(curves.labels):
        raise SoundError("The sound is longer or shorter than it was: generate the take again.")
    return curves.labels


def _model_frames(bundle: Bundle, fps: Fraction, first: int, stop: int, count: int) -> slice:
    """The frames of the model that lie in samples ``first`` to ``stop``; at least one."""
    ratio = Fraction(bundle.card.frame_rate) / fps
    begin = min(int(first * ratio), count - 1)
    return slice(begin, max(begin + 1, min(-int(-(stop * ratio) // 1), count)))


def _sampled(
    bundle: Bundle, codes: Float32, old: Labels, frames: slice, options: GenerateOptions, stage: Stage
) -> Labels:
    """The labels (T, H) with new ones in ``frames``; noise counts from the take's first frame, so a seed
    gives in a range what it gives there in a whole take with the same past."""
    forced = old[: frames.stop].copy()
    forced[frames] = SAMPLE
    temperatures = head_temperatures(bundle, options.temperature, options.upper_temperature)
    drawn = sample_labels(bundle, codes[: frames.stop], (options.seed,), temperatures, forced, stage)[0]
    return np.concatenate([drawn, old[frames.stop :]])


def _curves_of(
    bundle: Bundle, mover: Mover, binding: Binding, labels: Labels, like: RawCurves, stage: Stage
) -> RawCurves:
    """The curves of other labels, sample by sample those of a take."""
    count = len(like.weights)
    both = stage.part(0, 2 if like.corrective_weights is not None else 1)
    blocks = mover.blocks(labels, like.fps, count, False, both)
    weights = mover.clean(np.concatenate([block.weights for block in blocks]), like.fps)
    correctives = None
    if like.corrective_weights is not None:
        correctives = _correctives_of(bundle, mover, binding, labels, weights, like, stage.part(1, 2))
    return replace(like, weights=weights, corrective_weights=correctives, labels=labels)


def _correctives_of(
    bundle: Bundle,
    mover: Mover,
    binding: Binding,
    labels: Labels,
    weights: Float32,
    like: RawCurves,
    stage: Stage,
) -> Float32:
    """Weights (T, K) of the shapes that the take has, for what its units leave open."""
    fit, first, remains = CorrectiveFit(bundle.template, binding.rest), 0, []
    resample = Resampler(bundle.card.frame_rate, like.fps, len(labels), len(weights))
    for displacement in mover.displacements(labels, stage):
        motion = resample.push(displacement)
        remains.append(fit.look(motion, weights[first : first + len(motion)]))
        first += len(motion)
    return fit.first_weights(remains, len(like.corrective_names), like.fps)


def _share(old: RawCurves, new: RawCurves, first: int, stop: int) -> Float32:
    """How much (T,) of the new curves counts: exactly 0 outside the range, eased in, and eased out where
    both are most alike. A range that reaches the take's end needs no way back."""
    share = np.zeros(len(old.weights), np.float32)
    share[first:stop] = 1.0
    if first > 0:
        entry = min(max(1, round(ENTRY_SECONDS * old.fps)), (stop - first) // 3)
        share[first : first + entry] = _steps(entry)
    if stop < len(share):
        seam = min(max(1, round(SEAM_SECONDS * old.fps)), max(1, (stop - first) // 3))
        search = min(round(SEARCH_SECONDS * old.fps), (stop - first) // 2)
        begin = _most_alike(old.weights, new.weights, max(first, stop - search), stop, seam)
        share[begin : begin + seam] *= 1 - _steps(seam)
        share[begin + seam : stop] = 0.0
    return share


def _steps(count: int) -> Float32:
    return smoothstep(np.arange(1, count + 1, dtype=np.float32) / (count + 1))


def _most_alike(old: Float32, new: Float32, begin: int, stop: int, length: int) -> int:
    """Where in ``begin`` to ``stop`` a window of ``length`` samples begins in which the curves differ hardly
    more than anywhere; the last such place."""
    if stop - begin <= length:
        return max(begin, stop - length)
    apart = ((new[begin:stop] - old[begin:stop]).astype(np.float64) ** 2).sum(axis=1)
    sums = np.convolve(apart, np.ones(length), mode="valid")
    return begin + int(np.flatnonzero(sums <= ALIKE * sums.min())[-1])


def _joined(bundle: Bundle, old: RawCurves, new: RawCurves, share: Float32) -> RawCurves:
    """Old curves with new ones as far as ``share`` (T,) says; labels of whichever counts for more."""
    weights = _blend(old.weights, new.weights, share)
    correctives = None
    if old.corrective_weights is not None and new.corrective_weights is not None:
        correctives = _blend(old.corrective_weights, new.corrective_weights, share)
    return replace(
        old, weights=weights, corrective_weights=correctives, labels=_labels(bundle, old, new, share)
    )


def _blend(old: Float32, new: Float32, share: Float32) -> Float32:
    mixed = old + share[:, None] * (new - old)
    return np.where(share[:, None] == 1, new, np.where(share[:, None] == 0, old, mixed))


def _labels(bundle: Bundle, old: RawCurves, new: RawCurves, share: Float32) -> Labels | None:
    if old.labels is None or new.labels is None:
        return old.labels
    times = np.arange(len(old.labels)) * float(old.fps / bundle.card.frame_rate)
    near = np.minimum(np.rint(times).astype(np.int64), len(share) - 1)
    return np.where(share[near, None] > 0.5, new.labels, old.labels)
