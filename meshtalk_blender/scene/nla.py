# SPDX-License-Identifier: GPL-3.0-or-later
"""NLA tracks of a head's shape keys: the take's own, and those that keep playing below it."""

from __future__ import annotations

from typing import Any

import bpy

from ..ids import TAG
from .actions import slot_named

BELOW = "Below MeshTalk"
"""How a track is called that holds what played before a take was put above it."""


def add_strip(
    animation: bpy.types.AnimData,
    action: bpy.types.Action,
    slot: Any,
    name: str,
    span: tuple[float, float],
    extrapolation: str = "NOTHING",
) -> str:
    """Put an Action on a new track above all others, where its keys are; the track's name."""
    track = animation.nla_tracks.new()
    track.name = name
    strip = track.strips.new(name, round(span[0]), action)
    if slot is not None:
        strip.action_slot = slot
    strip.extrapolation, strip.blend_type = extrapolation, "REPLACE"
    fit_strip(strip, span, moved=0.0)
    return track.name


def fit_strip(
    strip: bpy.types.NlaStrip, span: tuple[float, float], blend: float = 0.0, moved: float | None = None
) -> None:
    """Let a strip show these frames of its Action, `moved` by so many; None: by as many as it is now."""
    moved = strip.frame_start - strip.action_frame_start if moved is None else moved
    strip.use_sync_length = False
    strip.use_auto_blend = False
    strip.blend_in = strip.blend_out = 0.0
    now = (strip.action_frame_start, strip.action_frame_end)
    if span != now or strip.frame_start != now[0] + moved:
        strip.action_frame_end = max(span[1], strip.action_frame_end)
        strip.action_frame_start = span[0]
        strip.action_frame_end = span[1]
        length = (span[1] - span[0]) * strip.scale
        strip.frame_end = max(strip.frame_end, span[0] + moved + length)
        strip.frame_start = span[0] + moved
        strip.frame_end = span[0] + moved + length
    strip.blend_in = strip.blend_out = blend


def push_down(animation: bpy.types.AnimData, span: tuple[float, float]) -> bpy.types.Action | None:
    """Put what plays now on a track, to play on below what comes above it, over at least `span`; None where
    nothing plays. A track that was left empty by `pull_up` is used again."""
    action = animation.action
    if action is None:
        return None
    slot = getattr(animation, "action_slot", None)
    if slot is not None or not hasattr(action, "slots"):
        first, last = action.frame_range
        empty = [track for track in animation.nla_tracks if _is_below(track) and len(track.strips) == 0]
        track = empty[-1] if empty else animation.nla_tracks.new()
        track.name, track.mute = (track.name if empty else BELOW), False
        strip = track.strips.new(action.name, round(first), action)
        if slot is not None:
            strip.action_slot = slot
        strip.blend_type, strip.influence = animation.action_blend_type, animation.action_influence
        strip.extrapolation = animation.action_extrapolation
        fit_strip(strip, (min(first, span[0]), max(last, span[1], first + 1)), moved=0.0)
    animation.action = None
    return action


def _is_below(track: bpy.types.NlaTrack) -> bool:
    return track.name.startswith(BELOW)


def is_above(animation: bpy.types.AnimData, action: bpy.types.Action, below: bpy.types.Action | None) -> bool:
    """Whether the strips of an Action lie above those of another one."""
    tracks = list(animation.nla_tracks)
    heights = [[tracks.index(track) for track, _ in strips_of(animation, each)] for each in (action, below)]
    return not heights[1] or (bool(heights[0]) and min(heights[0]) > max(heights[1]))


def lift(animation: bpy.types.AnimData, action: bpy.types.Action) -> None:
    """Lay an Action's strip on a new track above all others, as it was."""
    for track, strip in strips_of(animation, action):
        span, at = (strip.action_frame_start, strip.action_frame_end), strip.frame_start
        blend, slot = strip.blend_in, getattr(strip, "action_slot", None)
        name = track.name
        track.strips.remove(strip)
        if len(track.strips) == 0:
            animation.nla_tracks.remove(track)
        add_strip(animation, action, slot, name, span)
        fit_strip(animation.nla_tracks[-1].strips[0], span, blend, moved=at - span[0])
        return


def strips_of(
    animation: bpy.types.AnimData | None, action: bpy.types.Action | None
) -> list[tuple[bpy.types.NlaTrack, bpy.types.NlaStrip]]:
    """The strips that play an Action, with their tracks."""
    if animation is None or action is None:
        return []
    return [
        (track, strip) for track in animation.nla_tracks for strip in track.strips if strip.action == action
    ]


def remove_strips(animation: bpy.types.AnimData | None, action: bpy.types.Action | None) -> None:
    """Remove the strips that play an Action, and tracks that hold nothing else."""
    for track, strip in strips_of(animation, action):
        track.strips.remove(strip)
        if animation is not None and len(track.strips) == 0:
            animation.nla_tracks.remove(track)


def pull_up(animation: bpy.types.AnimData, action: bpy.types.Action | None, slot: str) -> bool:
    """Let what was pushed down play as the Action again; its track stays empty, to keep its place below
    others. Whether there was such a track."""
    below = [(track, strip) for track, strip in strips_of(animation, action) if _is_below(track)]
    for track, strip in below:
        track.strips.remove(strip)
    if below:
        animation.action = action
        found = slot_named(action, slot)
        if found is not None:
            animation.action_slot = found
    tidy(animation)
    return bool(below)


def pull_up_highest(animation: bpy.types.AnimData) -> None:
    """Where nothing is above what was pushed down any more, let it play as the Action again."""
    tidy(animation)
    tracks = animation.nla_tracks
    if animation.action is None and len(tracks) and _is_below(tracks[-1]):
        strip = tracks[-1].strips[0]
        slot = getattr(strip, "action_slot", None)
        pull_up(animation, strip.action, "" if slot is None else slot.identifier)


def tidy(animation: bpy.types.AnimData) -> None:
    """Remove empty tracks of ours that nothing is above of."""
    tracks = animation.nla_tracks
    while len(tracks) and _is_below(tracks[-1]) and len(tracks[-1].strips) == 0:
        tracks.remove(tracks[-1])


def remove_leftovers(animation: bpy.types.AnimData) -> None:
    """Remove what was pushed down of takes; for where none is left."""
    for track in [track for track in animation.nla_tracks if _is_below(track)]:
        for strip in [strip for strip in track.strips if strip.action is not None and TAG in strip.action]:
            track.strips.remove(strip)
        if len(track.strips) == 0:
            animation.nla_tracks.remove(track)


def mute_below(animation: bpy.types.AnimData, playing: bpy.types.Action | None) -> None:
    """Silence what was pushed down, except this Action."""
    for track in animation.nla_tracks:
        if _is_below(track):
            track.mute = not any(strip.action == playing for strip in track.strips)
