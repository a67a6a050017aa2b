# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take is made of, on its way into the file and out of it: its segments' raw curves, unpacked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import bpy

from ...engine.generate.lip_gaps import LipGaps, gap_arrays, gaps_from_arrays
from ...engine.takes.curves import RawCurves, pack_arrays, pack_curves, unpack_arrays, unpack_curves
from .recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from ..take_props import MeshTalkSegment, MeshTalkTake

CACHED = 32


@dataclass(frozen=True, eq=False)
class SegmentContent:
    """One stretch of speech of a new take, and where it came from."""

    frame: int
    curves: RawCurves
    sound: str = ""
    strip: str = ""
    model: str = ""
    seed: str = "0"
    temperature: float = 1.0
    silence: float = 0.0


@dataclass(frozen=True, eq=False)
class TakeContent:
    """A new take: its segments, what each object does (by its `recipes`), and what the Actions' tags say. One
    that `is_part` of a performance leaves all other keys alone."""

    name: str
    kind: str
    placement: str
    rate: Fraction
    segments: tuple[SegmentContent, ...]
    recipes: tuple[tuple[bpy.types.Object, Recipe], ...]
    gaps: LipGaps | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    preview: bool = False
    is_part: bool = False

    @property
    def is_layer(self) -> bool:
        """Whether it plays on top of what moves the head, with keys of its own."""
        return not any(segment.curves.unit_names for segment in self.segments)


def segments_of(take: MeshTalkTake) -> tuple[tuple[int, RawCurves], ...]:
    """First frame and raw curves of each of a take's segments; kept in memory, because unpacking takes a
    while. Raises TakeError."""
    return tuple((segment.frame, _unpacked(segment.data)) for segment in take.segments)


def gaps_of(take: MeshTalkTake) -> LipGaps | None:
    """What was kept with a take of its model's lips."""
    return _gaps(take.lips)


def set_segments(take: MeshTalkTake, segments: Iterable[SegmentContent]) -> None:
    """Give a take these segments and no others."""
    take.segments.clear()
    for content in segments:
        segment: MeshTalkSegment = take.segments.add()
        segment.frame, segment.data = content.frame, pack_curves(content.curves)
        segment.sound, segment.strip, segment.model = content.sound, content.strip, content.model
        segment.seed, segment.temperature = content.seed, content.temperature
        segment.silence = content.silence


def set_gaps(take: MeshTalkTake, gaps: LipGaps | None) -> None:
    """Keep with a take what there is to know of its model's lips."""
    take.lips = b"" if gaps is None else pack_arrays(gap_arrays(gaps))


def content_of(take: MeshTalkTake, things: Iterable[bpy.types.Object | None]) -> TakeContent:
    """A take as it is kept, on its objects as far as they are still there."""
    segments = tuple(
        SegmentContent(
            segment.frame,
            _unpacked(segment.data),
            segment.sound,
            segment.strip,
            segment.model,
            segment.seed,
            segment.temperature,
            segment.silence,
        )
        for segment in take.segments
    )
    recipes = tuple(
        (thing, read_recipe(item.recipe))
        for thing, item in zip(things, take.objects, strict=True)
        if thing is not None
    )
    rate = Fraction(take.rate)
    return TakeContent(take.name, take.kind, take.placement, rate, segments, recipes, gaps_of(take))


def _unpacked(data: bytes) -> RawCurves:
    return _known_curves(blake2b(data, digest_size=16).digest(), _Bytes(data))


class _Bytes:
    """Bytes that a cache doesn't compare: their digest stands for them."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bytes)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=CACHED)
def _known_curves(_digest: bytes, packed: _Bytes) -> RawCurves:
    return unpack_curves(packed.data)


@lru_cache(maxsize=CACHED)
def _gaps(data: bytes) -> LipGaps | None:
    return gaps_from_arrays(unpack_arrays(data)) if data else None
