# SPDX-License-Identifier: GPL-3.0-or-later
"""What one press of Generate is about: gathered before the job, checked again and written after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import bpy

from ...engine.errors import MeshTalkError
from ..gallery_props import upper_temperature_of
from ..scene.errors import SceneError
from ..scene.handles import head_problem
from ..scene.sound import SoundSource, source_of_file, source_of_strip
from ..scene.strips import (
    add_sound_strip,
    has_sound_support,
    sequencer_scene,
    show_in_sequencer,
)
from .checks import chosen_heads, chosen_strips, model_problem, sound_problem
from .speech import SpeechRequest
from .writing import HeadResult, Target, Written, find_scene, target_of, write_heads


@dataclass(frozen=True)
class Wish:
    """What the user asks for; `strips` count only where `sound_file` is empty. An empty `name` means the
    sound's."""

    heads: tuple[bpy.types.Object, ...]
    strips: tuple[str, ...]
    sound_file: str
    model: str
    seed: int
    temperature: float
    placement: str = "NEW"
    name: str = ""
    upper_temperature: float | None = None


@dataclass(frozen=True)
class Plan:
    """A wish with everything looked up: what the job needs, and where its result belongs; `twins` are pairs
    of a head that was left out and the one that it shares its mesh with."""

    targets: tuple[Target, ...]
    sound_file: str
    request: SpeechRequest
    twins: tuple[tuple[str, str], ...] = ()


def wish_of(context: bpy.types.Context, needs_sound: bool = True) -> Wish:
    """What the panel's settings ask for. SceneError where they say nothing about the sound that is needed."""
    settings = context.scene.meshtalk
    if needs_sound and settings.sound_source == "SELECTED" and not chosen_strips(context):
        raise SceneError(sound_problem(context) or "")
    is_file = settings.sound_source == "FILE"
    return Wish(
        heads=chosen_heads(context),
        strips=() if is_file else chosen_strips(context),
        sound_file=settings.sound_file if is_file else "",
        model=settings.model,
        seed=settings.seed,
        temperature=settings.temperature,
        placement=settings.placement,
        upper_temperature=upper_temperature_of(context),
    )


def make_plan(context: bpy.types.Context, wish: Wish) -> Plan:
    """Look everything up and copy it out of bpy. Raises MeshTalkError."""
    if not wish.heads:
        raise SceneError(head_problem(None) or "")
    if not wish.model:
        raise SceneError(model_problem(context) or "")
    first = {head.data: head for head in reversed(wish.heads)}
    twins = tuple((head.name, first[head.data].name) for head in wish.heads if first[head.data] != head)
    targets = tuple(
        target_of(context, head, model=wish.model, placement=wish.placement, name=wish.name)
        for head in wish.heads
        if first[head.data] == head
    )
    sources = _sources(sequencer_scene(context), wish)
    if wish.placement != "RANGE":  # there, what plays between the strips is the user's
        sources = listening(sources, targets[0].rate)
    return Plan(targets, wish.sound_file, _request(wish, targets, sources), twins)


def _request(wish: Wish, targets: tuple[Target, ...], sources: tuple[SoundSource, ...]) -> SpeechRequest:
    return SpeechRequest(targets, sources, wish.seed, wish.temperature, wish.upper_temperature)


def write_result(plan: Plan, results: tuple[HeadResult, ...]) -> str:
    """Write the takes into the file and say what was done. Raises MeshTalkError before anything is
    changed."""
    written = write_heads(list(zip(plan.targets, results, strict=True)))
    note = add_heard(plan.targets[0], plan.request.sources[0], plan.sound_file) if plan.sound_file else ""
    return _told(written) + note + _twins_note(plan.twins)


def _told(written: tuple[Written, ...]) -> str:
    if len(written) == 1:
        return written[0].sentence
    return f"{len(written)} heads: " + "; ".join(each.sentence for each in written)


def _twins_note(twins: tuple[tuple[str, str], ...]) -> str:
    """Heads that share a mesh can't speak apart."""
    return "".join(f"; “{one}” shares the mesh of “{other}” and speaks with it" for one, other in twins)


def _sources(sequencer: bpy.types.Scene, wish: Wish) -> tuple[SoundSource, ...]:
    if wish.sound_file:
        return (source_of_file(wish.sound_file, sequencer.frame_start),)
    return tuple(source_of_strip(sequencer, name) for name in wish.strips or ("",))


def listening(sources: tuple[SoundSource, ...], rate: Fraction) -> tuple[SoundSource, ...]:
    """The sources with the silence after each until the next one begins, `rate` frames a second: who listens
    blinks and looks around."""
    ordered = sorted(sources, key=lambda source: source.frame)
    ends = [source.frame + (source.duration or 0) * rate for source in ordered]
    silence: dict[int, Fraction] = {}
    for number, (source, after) in enumerate(pairwise(ordered)):
        if ends[number] == max(ends[: number + 1]) and after.frame > ends[number]:
            silence[id(source)] = (after.frame - ends[number]) / rate
    return tuple(replace(source, silence=silence.get(id(source), Fraction(0))) for source in sources)


def add_heard(target: Target, source: SoundSource, sound_file: str) -> str:
    """Make a file heard in time with its take, and choose the strip; a note for the user where that can't be:
    a Blender without sound keeps the take all the same."""
    scene, sequencer = find_scene(target.scene_uid), find_scene(target.sequencer_uid)
    if not has_sound_support():
        return "; this Blender has no sound, so no strip was made"
    path = sound_file if sound_file.startswith("//") else str(source.path)
    try:
        strip = add_sound_strip(sequencer, path, source.path.stem, source.frame)
    except MeshTalkError as error:
        return f"; {error}"
    show_in_sequencer(bpy.context, sequencer)
    scene.meshtalk.strip = strip.name
    scene.meshtalk.sound_source = "STRIP"
    return ""
