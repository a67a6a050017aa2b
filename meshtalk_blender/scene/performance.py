# SPDX-License-Identifier: GPL-3.0-or-later
"""How a head moved over a range of frames, as `reading` found it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .mesh import PartSlice, RestPose
from .skinning import SkinTrack

Floats = NDArray[np.float32]

STILL = 1e-5
"""Part of the head's size; where no vertex ever goes further, nothing moves."""

LEAST_RATE = 24
"""Samples a second: scenes with fewer frames are read between their frames too, so that no blink is lost."""


@dataclass(frozen=True, eq=False)
class KeyTrack:
    """The relative shape keys of one object, its basis apart: `names` (K,), `values` (T, K) as they play (0
    where muted), and what each adds at value 1, `shapes` (K, n, 3), in the space of the head's rest pose."""

    part: PartSlice
    names: tuple[str, ...]
    values: Floats
    shapes: Floats


@dataclass(frozen=True, eq=False)
class Performance:
    """How a head moves: sample i at scene frame `first` + i / `steps`, `rate` samples a second.

    `vertices` (S, V', 3) are those of `rest`, in its space, at the samples from `seen` on: the object's own
    motion is taken out, that of the parts beside the face isn't. `keys` are those of each object that has
    some, at all `count` (T) samples. `skin` is what bones do to the vertices, None where there are none;
    `has_cache` tells whether a cache takes the keys' places along, `stirs` whether something moves before or
    after the vertices that were read.
    """

    rest: RestPose
    first: int
    steps: int
    rate: Fraction
    vertices: Floats
    keys: tuple[KeyTrack, ...]
    skin: SkinTrack | None = None
    has_cache: bool = False
    seen: int = 0
    count: int = 0
    stirs: bool = False

    @property
    def is_rest(self) -> bool:
        """Whether the head never leaves its rest pose, as far as was read."""
        least = least_motion(self.rest)
        return not self.stirs and all(np.abs(p - self.rest.vertices).max() <= least for p in self.vertices)

    @property
    def last(self) -> int:
        """The last whole frame."""
        return self.first + (self.count - 1) // self.steps


def steps_of(rate: Fraction) -> int:
    """How many samples a frame are read at a scene's rate."""
    return max(1, -(-LEAST_RATE // max(1, int(rate))))


def least_motion(rest: RestPose) -> float:
    """How far a vertex may go in a head that rests, in the units of its rest pose."""
    return STILL * float(np.ptp(rest.vertices, axis=0).max())
