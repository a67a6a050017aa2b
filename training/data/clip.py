# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface between any corpus and training: clips of a moving face with their sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

UNKNOWN_PHONEME = 255


@dataclass(frozen=True, eq=False)
class Clip:
    """A stretch of T frames of one face that speaks, in normalised template space.

    ``rest (V, 3)`` metres; ``motion`` is ``(T, Km)`` coefficients of the motion basis or ``(T, V, 3)``
    displacements from the rest, metres; ``mel (before + 3 T + after, 80)`` with real context where there is
    some; ``phonemes (T,)`` ids at the middle of each frame, 255 where unknown, or None; ``frame_rate`` in Hz.
    """

    rest: NDArray[np.float32]
    motion: NDArray[np.float32]
    mel: NDArray[np.float32]
    phonemes: NDArray[np.uint8] | None
    frame_rate: float


class ClipSource(Protocol):
    """What training asks of a corpus' split; captures implement the same three methods."""

    def __len__(self) -> int:
        """Number of clips."""
        ...

    def frames(self, index: int) -> int:
        """Length of a clip in frames."""
        ...

    def choose(self, rng: np.random.Generator) -> int:
        """A clip, drawn as often as it should be trained on."""
        ...

    def clip(self, index: int, first: int, frames: int, rng: np.random.Generator | None = None) -> Clip:
        """Frames ``first`` … of a clip; past its ends the sound is silent and the face keeps still.

        With ``rng`` the source may vary the clip (another identity, a silent stretch); without, it is as
        recorded.
        """
        ...
