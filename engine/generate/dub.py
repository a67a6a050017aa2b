# SPDX-License-Identifier: GPL-3.0-or-later
"""Dubbing: new words for the mouth of a head that is animated, while its upper face keeps its performance.

The expression encoder reads the old upper face (without its mouth, whose old words would get into the labels)
beside the new sound, the fusion gives labels and the decoder motion. That motion is only used where the mouth
is: the upper face keeps its own, and the two pass into each other as the template's masks do (see docs/dub.md
for what that is worth).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Sound
from ..bundle import Bundle
from ..errors import SoundError
from ..geometry.topology import Binding
from ..progress import CancelCheck, Progress, Stage
from .decode import Mover
from .dub_curves import Curves, dubbed_weights, past_curves
from .dub_layer import LayerFit, fit_of_correctives, fit_of_layer
from .dub_options import DubOptions, lids_kept
from .encode import encode_audio
from .expression import encode_blocks, fuse
from .options import Take, as_rate, frame_count
from .past import Moments, Original, Past
from .pauses import silence_share
from .read_back import upper_share, upper_share_on
from .resample import Resampler
from .retime import Clock, Stretch, clock
from .sample import SAMPLE, Labels, sample_labels

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

HEARING, READING, SAMPLING, MOVING = 0.12, 0.2, 1.1, 0.8
"""Milliseconds a frame, of which only the proportions count, for an even progress."""

TINY = 1e-6


def dub(
    bundle: Bundle,
    sound: Sound,
    binding: Binding,
    original: Original,
    options: DubOptions,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Take:
    """Put new speech into the mouth of an animated head; the take is as long as the sound.

    ``Take.labels`` are those of the dubbed motion, and none, (0, heads), where all is kept. Raises
    SoundError, HeadError and OptionError for what doesn't fit together, Cancelled, and the bundle's errors.
    """
    job = _Job(bundle, sound, binding, original, options)
    stages = _stages(job, progress, cancelled)
    if options.keeps_all:
        return job.untouched(stages[-1])
    codes = encode_audio(bundle, sound.samples, job.frames, stages[0])
    labels = job.labels(codes, stages[1], stages[2])
    sampled = job.sampled(codes, stages[2]) if options.upper < 1 else None
    return job.take(labels, sampled, stages[3])


@dataclass(frozen=True, eq=False)
class _Block:
    """Samples from ``first`` on: the past, and displacements (n, V, 3) that the model makes of the past and
    the new sound (``dubbed``) and of the sound alone (``sampled``, None where it isn't needed)."""

    first: int
    past: Moments
    dubbed: Float32
    sampled: Float32 | None


class _Job:
    """One dub: its times, and what is kept of the past at each."""

    def __init__(
        self, bundle: Bundle, sound: Sound, binding: Binding, original: Original, options: DubOptions
    ) -> None:
        self._bundle, self._sound, self._binding = bundle, sound, binding
        self._original, self._options = original, options
        self._rate = original.fps if options.fps is None else as_rate(options.fps)
        self.count = frame_count(sound.duration, self._rate)
        if self.count == 0:
            raise SoundError(
                f"The sound is shorter than one frame ({float(sound.duration):.4f} s); choose a longer one."
            )
        self.frames = max(1, frame_count(sound.duration, Fraction(bundle.card.frame_rate)))
        self._past = Past(binding, original, bundle.unit_names)
        self._share = upper_share(binding.template)[:, None]

    @cached_property
    def _clock(self) -> Clock:
        """Nothing is retimed where everything is kept, nor are blinks looked for under an equal length."""
        old, new = self._original.seconds, float((self.count - 1) / self._rate)
        stretch = Stretch.HOLD if self._options.keeps_all else self._options.stretch
        longer = new > old or stretch is Stretch.STRETCH
        blinks = self._past.blinks() if longer and not self._options.keeps_all else np.zeros((0, 2))
        return clock(stretch, old, new, blinks)

    @property
    def goes_on(self) -> bool:
        """Whether the model has to go on where the original ends."""
        return self._clock.end < (self.frames - 1) / self._bundle.card.frame_rate

    @property
    def samplings(self) -> int:
        """How often the sound is sampled."""
        return 0 if self._options.keeps_all else int(self.goes_on) + int(self._options.upper < 1)

    def untouched(self, stage: Stage) -> Take:
        """The original as it is, its last pose held if the sound is longer."""
        card = self._bundle.card
        frames = self._old_frames(self._times())
        vertices = self._past.vertices(frames) if self._options.keep_vertices else None
        if self._past.has_weights or self._options.layer:
            weights = self._past.weights(frames) if self._past.has_weights else self._no_weights
        else:
            mover, parts = Mover(self._bundle, self._binding), []
            for first in range(0, self.count, card.block_frames):
                stage.at(first, self.count)
                part = frames[first : first + card.block_frames]
                parts.append(mover.weights(self._past.displacement(part)))
            weights = past_curves(self._bundle, self._binding, np.concatenate(parts), self._rate)
        stage.at(1, 1)
        labels = np.zeros((0, card.heads), np.int16)
        return self._with_extra(self._take(weights, labels, vertices), self._extra(), None)

    def labels(self, codes: Float32, reading: Stage, sampling: Stage) -> Labels:
        """Labels (T, heads) of the new sound and the old upper face; where the original has ended and life
        goes on, they are sampled."""
        card = self._bundle.card
        expression = encode_blocks(self._bundle, self._upper_blocks(), self.frames, reading)
        labels = fuse(self._bundle, codes, expression, reading.span("Reading", 0.9, 1.0)).argmax(-1)
        forced = labels.astype(np.int16)
        if not self.goes_on:
            return forced
        forced[np.arange(self.frames) / card.frame_rate > self._clock.end] = SAMPLE
        return sample_labels(
            self._bundle, codes, (self._options.seed,), self._temperature, forced, sampling.part(0, 2)
        )[0]

    def sampled(self, codes: Float32, stage: Stage) -> Labels:
        """Labels (T, heads) of the new sound alone, as generation samples them."""
        part = stage.part(1, 2)
        return sample_labels(self._bundle, codes, (self._options.seed,), self._temperature, stage=part)[0]

    def take(self, labels: Labels, sampled: Labels | None, stage: Stage) -> Take:
        """Motion and curves of the dubbed take."""
        mover = Mover(self._bundle, self._binding)
        rows: list[tuple[Float32, ...]] = []
        vertices: Float32 | None = None
        extra = self._extra()
        for block in self._blocks(mover, labels, sampled, stage):
            times = self._times(block.first, len(block.dubbed))
            new, other = self._upper(block, times)
            if not self._options.layer:
                found = mover.weights(new)
                without = found if other is None else mover.weights(other)
                rows.append((found, without, self._weights_of(block, times, mover)))
            final = self._with_mouth(new, block.past.displacement, times)
            if extra is not None:
                extra.look(self._change(final, block.past, times))
            if self._options.keep_vertices:
                if vertices is None:
                    vertices = np.empty((self.count, *block.past.vertices.shape[1:]), np.float32)
                part = slice(block.first, block.first + len(times))
                vertices[part] = self._on_mesh(final, block.past, times)
        if self._options.layer:
            return self._with_extra(self._take(self._no_weights, labels, vertices), extra, self._no_weights)
        new, other, past = (np.concatenate(column) for column in zip(*rows, strict=True))
        times = self._times()
        present = self._clock.presence(times)
        kept = self._options.upper * present, lids_kept(self._options.upper) * present
        curves = Curves(new, other, past, *kept, self._kept_mouth(times))
        if not self._past.has_weights:
            curves = curves.with_past(past_curves(self._bundle, self._binding, past, self._rate))
        weights = dubbed_weights(self._bundle, self._binding, mover, curves, self._rate)
        change = weights - curves.past if self._past.has_weights else weights
        return self._with_extra(self._take(weights, labels, vertices), extra, change)

    def _extra(self) -> LayerFit | None:
        """What finds the weights of the shapes beside the units, None where none are wanted."""
        template, rest = self._bundle.template, self._binding.rest
        if self._options.layer:
            return fit_of_layer(template, rest, self._bundle.unit_names)
        tolerance = self._options.corrective_tolerance_mm
        if tolerance is not None and template.corrective_names:
            return fit_of_correctives(template, rest, tolerance, self._rate)
        return None

    def _change(self, final: Float32, past: Moments, times: Float64) -> Float32:
        """What those shapes have to do (n, V, 3) on top of what they do already: before bones and the like,
        and together with the change of the units' weights."""
        if not self._options.layer and not self._past.has_weights:
            return final  # nothing is known of what plays: the take is all that will
        if self._options.layer:
            past = self._playing(past, times)
        return self._past.unbent(final - past.displacement, past)

    def _playing(self, past: Moments, times: Float64) -> Moments:
        """What plays under a layer, which no stretching of the past changes."""
        frames = self._frames_under(times)
        return past if np.array_equal(frames, self._old_frames(times)) else self._past.moments(frames)

    def _frames_under(self, times: Float64) -> Float64:
        return np.minimum(times * float(self._original.fps), len(self._original) - 1.0)

    def _with_extra(self, take: Take, extra: LayerFit | None, unit_change: Float32 | None) -> Take:
        """The take with those shapes; without a ``unit_change`` (T, U) they are as they were."""
        if extra is None:
            return take
        times = self._times()
        frames = self._frames_under(times) if self._options.layer else self._old_frames(times)
        before = self._past.extra(frames, extra.names)
        layer = extra.unchanged(before) if unit_change is None else extra.layer(before, unit_change)
        take = replace(
            take,
            correctives=layer.shapes,
            corrective_names=layer.names,
            corrective_weights=layer.weights,
            corrective_error_mm=layer.error_mm,
        )
        return replace(take, unit_names=()) if self._options.layer else take

    @property
    def _no_weights(self) -> Float32:
        return np.zeros((self.count, 0), np.float32)

    def _blocks(self, mover: Mover, labels: Labels, sampled: Labels | None, stage: Stage) -> Iterator[_Block]:
        """Everything that a block of samples is made of, block by block in bounded memory."""
        size = self._bundle.card.block_frames
        rates = self._bundle.card.frame_rate, self._rate, self.frames, self.count
        first, resamplers = 0, (Resampler(*rates), Resampler(*rates))
        others = iter(()) if sampled is None else mover.displacements(sampled)
        for dubbed in mover.displacements(labels, stage):
            motion = resamplers[0].push(dubbed)
            other = None if sampled is None else resamplers[1].push(next(others))
            for at in range(0, len(motion), size):
                stage.check()
                part = slice(at, min(at + size, len(motion)))
                times = self._times(first + at, part.stop - at)
                past = self._past.moments(self._old_frames(times))
                yield _Block(first + at, past, motion[part], None if other is None else other[part])
            first += len(motion)

    def _upper(self, block: _Block, times: Float64) -> tuple[Float32, Float32 | None]:
        """Displacements (n, V, 3): the dub with a mouth that is all new, and what of it isn't the past's;
        None where all of the upper face is."""
        present, old, base = _column(self._clock.presence(times)), block.past.displacement, block.dubbed
        rest = (1 - present) * block.dubbed  # what goes on where the past has ended
        face, without = present * old + rest, None if present.all() else block.dubbed
        if block.sampled is not None:
            kept, upper = self._kept_places, float(self._options.upper)
            sampled = (1 - kept) * block.sampled
            base = upper * block.dubbed + (1 - upper) * block.sampled
            face = kept * face + sampled
            gone = 1 - kept * present
            without = np.where(gone > TINY, (kept * rest + sampled) / np.maximum(gone, TINY), block.sampled)
        mixed = self._share * face + (1 - self._share) * base
        return _single(mixed), None if without is None else _single(without)

    @cached_property
    def _kept_places(self) -> Float32:
        """How much of the upper face is kept, (V, 1): at the lids nearly all or nothing, for a blink that is
        blended shuts no eye."""
        upper = np.float32(self._options.upper)
        lids = self._bundle.template.mask_eyelids[:, None]
        return upper + lids * (np.float32(lids_kept(self._options.upper)) - upper)

    def _with_mouth(self, new: Float32, old: Float32, times: Float64) -> Float32:
        """The dub (n, V, 3) with what is kept of the old mouth."""
        kept = (1 - self._share) * _column(self._kept_mouth(times))
        return _single((1 - kept) * new + kept * old)

    def _on_mesh(self, final: Float32, past: Moments, times: Float64) -> Float32:
        """The mesh's vertices (n, V', 3): the original's, moved by what the dub changes; what the template
        couldn't read of the original stays where the original does."""
        carried = self._binding.carry(past.displacement)
        change = self._binding.carry(final) - carried
        if self._original.vertices is not None:
            mouth, upper = self._moved_by
            lost = mouth * (1 - _column(self._kept_mouth(times)))
            lost = lost + upper * (1 - self._options.upper * _column(self._clock.presence(times)))
            change = change - lost * (past.local - carried)
        if past.rotations is not None:
            change = (change @ past.rotations.swapaxes(1, 2)).astype(np.float32)
        return past.vertices + change

    @cached_property
    def _moved_by(self) -> tuple[Float32, Float32]:
        """How much the mouth and the upper face have to do with the mesh's vertices, (V', 1) each; both are 0
        where no unit moves anything."""
        moving = (np.abs(self._binding.unit_deltas()).max(axis=(0, 2)) > 0).astype(np.float32)
        upper = upper_share_on(self._binding)
        return ((1 - upper) * moving)[:, None], (upper * moving)[:, None]

    def _weights_of(self, block: _Block, times: Float64, mover: Mover) -> Float32:
        if self._past.has_weights:
            return self._past.weights(self._old_frames(times))
        return mover.weights(block.past.displacement)

    def _upper_blocks(self) -> Iterator[Float32]:
        """The old upper face at the model's frames, in blocks: what the expression encoder reads."""
        card = self._bundle.card
        for first in range(0, self.frames, card.block_frames):
            at = np.arange(first, min(first + card.block_frames, self.frames)) / card.frame_rate
            yield self._share * self._past.displacement(self._old_frames(at))

    def _kept_mouth(self, times: Float64) -> Float64:
        """How much (n,) of the old mouth is kept: the slider, and all of it in the new sound's pauses."""
        kept = np.full(len(times), float(self._options.mouth))
        if self._options.keep_silence:
            kept = kept + (1 - kept) * np.interp(times, self._all_times, self._silence)
        return kept * self._clock.presence(times)

    @cached_property
    def _all_times(self) -> Float64:
        return self._times()

    @cached_property
    def _silence(self) -> Float64:
        return silence_share(self._sound.samples, self._all_times)

    @property
    def _temperature(self) -> float:
        given = self._options.temperature
        return self._bundle.card.default_temperature if given is None else given

    def _times(self, first: int = 0, count: int | None = None) -> Float64:
        """Seconds (n,) of ``count`` samples from ``first`` on."""
        samples = np.arange(first, first + (self.count if count is None else count), dtype=np.float64)
        return samples * self._rate.denominator / self._rate.numerator

    def _old_frames(self, times: Float64) -> Float64:
        return self._clock.old_frames(times, float(self._original.fps))

    def _take(self, weights: Float32, labels: Labels, vertices: Float32 | None) -> Take:
        return Take(weights, self._bundle.unit_names, self._rate, self._options.seed, labels, vertices)


def _single(values: NDArray[np.floating]) -> Float32:
    return values.astype(np.float32, copy=False)


def _column(values: Float64) -> Float32:
    return values.astype(np.float32)[:, None, None]


def _stages(
    job: _Job, progress: Progress | None, cancelled: CancelCheck | None
) -> tuple[Stage, Stage, Stage, Stage]:
    """Hearing, reading, sampling and moving, as long as they take."""
    work = (HEARING, READING, SAMPLING * job.samplings, MOVING)
    edges = np.cumsum([0.0, *work]) / sum(work)
    names = ("Listening", "Reading", "Sampling", "Moving")
    hearing, reading, sampling, moving = (
        Stage(name, float(begin), float(end), progress, cancelled)
        for name, begin, end in zip(names, edges[:-1], edges[1:], strict=True)
    )
    return hearing, reading, sampling, moving
