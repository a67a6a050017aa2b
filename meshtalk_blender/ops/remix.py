# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of takes that are there: one's mouth with another's eyes, and a range sampled again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import bpy
import numpy as np
from numpy.typing import NDArray

from ...engine.errors import MeshTalkError
from ...engine.progress import CancelCheck, Progress
from ..models import chosen_threads, loaded_bundle, model_folder
from ..scene.errors import SceneError
from ..scene.sound import SoundSource, read_sound, source_of_file, source_of_strip
from ..scene.strips import find_sound_strip, sequencer_scene
from ..scene.take_content import content_of
from ..scene.take_list import item_object, unsampled_problem
from ..scene.takes import (
    add_take,
    find_take,
    need_take,
    replace_segments,
    segments_of,
    take_problem,
    takes_of,
)
from .bound import bind_target
from .writing import Target, check_target, target_of

if TYPE_CHECKING:
    from ...engine.takes.curves import RawCurves
    from ..take_props import MeshTalkSegment, MeshTalkTake


def named_take(head: bpy.types.Object, text: str) -> MeshTalkTake:
    """A take of the head by its identifier or its name; SceneError where there is none that can be used."""
    take = find_take(head, text) or next((each for each in takes_of(head) if each.name == text), None)
    if take is None:
        raise SceneError(f"“{head.name}” has no take “{text}”: choose one of its takes.")
    problem = take_problem(head, take)
    if problem is not None:
        raise SceneError(problem)
    if not any(curves.unit_names for _, curves in segments_of(take)):
        raise SceneError(f"The take “{take.name}” is a layer on other motion: choose a generated one.")
    return take


def combine_takes(head: bpy.types.Object, mouth: str, upper: str, name: str = "") -> str:
    """Make a take of one take's mouth and another's upper face, and say so. Raises MeshTalkError."""
    from ...engine.generate.combine import combine

    below, above = named_take(head, mouth), named_take(head, upper)
    if below.uid == above.uid:
        raise SceneError("Mouth and eyes are of the same take: choose two takes.")
    stretches = combine(segments_of(below), segments_of(above), _upper_heads(below, above))
    content = content_of(below, [item_object(head, below, n) for n in range(len(below.objects))])
    segments = tuple(
        replace(segment, curves=curves, seed=f"{segment.seed} + {above.segments[0].seed}")
        for segment, (_, curves) in zip(content.segments, stretches, strict=True)
    )
    record = {"format": 1, "mouth": below.name, "upper": above.name, "fps": below.rate}
    label = name or f"{below.name} + {above.name}"
    take = add_take(
        head, replace(content, name=label, placement="NEW", segments=segments, record=record, preview=False)
    )
    return f"“{take.name}” has the mouth of the one take and the eyes of the other"


def _upper_heads(*takes: MeshTalkTake) -> NDArray[np.bool_] | None:
    """Which heads of the latent are the upper face's, where all is of one model that is here. The curves
    need no model; without it the labels can't be combined."""
    from ...engine.generate.upper_heads import upper_heads

    models = {segment.model for take in takes for segment in take.segments}
    folder = model_folder(models.pop()) if len(models) == 1 else None
    try:
        return None if folder is None else upper_heads(loaded_bundle(folder, chosen_threads()))
    except MeshTalkError:
        return None


@dataclass(frozen=True, eq=False)
class RangePart:
    """One segment of a take, by its `number`, that lies in the range: its curves, its sound, its temperature,
    and samples `first` up to `stop` that are sampled again."""

    number: int
    curves: RawCurves
    source: SoundSource
    temperature: float
    first: int
    stop: int


@dataclass(frozen=True, eq=False)
class RangeRequest:
    """A take whose range is sampled again; `upper_temperature` is a factor on the model's own, None for the
    same as below."""

    target: Target
    take: str
    parts: tuple[RangePart, ...]
    seed: int
    upper_temperature: float | None = None


def range_request(
    context: bpy.types.Context,
    head: bpy.types.Object,
    take: MeshTalkTake,
    frames: tuple[int, int],
    seed: int,
    upper_temperature: float | None,
) -> RangeRequest:
    """Look up what lies between the first and the last of the `frames`. Raises SceneError."""
    begin, end = frames
    if begin > end:
        raise SceneError(f"The range to sample again ends at frame {end}, before its start at {begin}.")
    problem = unsampled_problem(take)
    if problem is not None:
        raise SceneError(problem)
    shift = round(take.controls.offset)
    parts = []
    for number, (segment, (frame, curves)) in enumerate(zip(take.segments, segments_of(take), strict=True)):
        first, stop = begin - frame - shift, end + 1 - frame - shift
        if stop > 0 and first < len(curves.weights):
            source = _source_of(context, segment)
            parts.append(RangePart(number, curves, source, segment.temperature, max(0, first), stop))
    if not parts:
        raise SceneError(f"“{take.name}” doesn't speak between frames {begin} and {end}: choose others.")
    target = target_of(context, head, model=take.segments[parts[0].number].model)
    return RangeRequest(target, take.uid, tuple(parts), seed, upper_temperature)


def run_range(
    request: RangeRequest, progress: Progress, cancelled: CancelCheck
) -> tuple[tuple[int, RawCurves], ...]:
    """New curves of each part, by the segment's number, here and now; no bpy. Raises MeshTalkError."""
    from ...engine.generate.again import AgainOptions, sample_again

    bound = bind_target(request.target, progress, cancelled)
    bundle, binding, sampling = bound.bundle, bound.binding, bound.rest("Sampling")
    upper, done = request.upper_temperature, []
    for place, part in enumerate(request.parts):
        stage = sampling.part(place, len(request.parts))
        stage.at(0, 1)
        options = AgainOptions(
            part.first,
            part.stop,
            request.seed,
            part.temperature,
            None if upper is None else upper * bundle.card.default_temperature,
        )
        sound = read_sound(part.source, cancelled)
        done.append((part.number, sample_again(bundle, sound, binding, part.curves, options, stage)))
    return tuple(done)


def write_range(request: RangeRequest, parts: Sequence[tuple[int, RawCurves]]) -> str:
    """Put the new curves into the take and say so. Raises SceneError."""
    head = check_target(request.target)
    take = need_take(head, request.take)
    problem = take_problem(head, take)
    segments = list(segments_of(take))
    if problem is None and any(segments[part.number][1] is not part.curves for part in request.parts):
        problem = f"“{take.name}” was changed while MeshTalk was running: sample again."
    if problem is not None:
        raise SceneError(problem)
    for number, curves in parts:
        segments[number] = (segments[number][0], curves)
    replace_segments(head, take, segments)
    frames = sum(min(part.stop, len(part.curves.weights)) - part.first for part in request.parts)
    return f"“{take.name}”: {frames} frames sampled again with seed {request.seed}"


def _source_of(context: bpy.types.Context, segment: MeshTalkSegment) -> SoundSource:
    """The sound of a segment: its strip where it is still there, else the file."""
    sequencer = sequencer_scene(context)
    if segment.strip and find_sound_strip(sequencer, segment.strip) is not None:
        source = source_of_strip(sequencer, segment.strip, context.scene)
        return replace(source, silence=Fraction(segment.silence))
    return source_of_file(segment.sound, segment.frame)
