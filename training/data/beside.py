# SPDX-License-Identifier: GPL-3.0-or-later
"""Two sources of clips as one: a second corpus beside the first, drawn as often as a share says."""

from __future__ import annotations

import numpy as np

from training.data.clip import Clip, ClipSource


class Beside:
    """``main``'s clips, and in ``share`` of the draws (0 … 1) one of ``other``'s, which follow in number."""

    def __init__(self, main: ClipSource, other: ClipSource, share: float) -> None:
        self._main, self._other, self._share = main, other, share

    def __len__(self) -> int:
        return len(self._main) + len(self._other)

    def frames(self, index: int) -> int:
        """As ``ClipSource`` says."""
        source, own = self._of(index)
        return source.frames(own)

    def choose(self, rng: np.random.Generator) -> int:
        """As ``ClipSource`` says."""
        if rng.random() < self._share:
            return len(self._main) + self._other.choose(rng)
        return self._main.choose(rng)

    def clip(self, index: int, first: int, frames: int, rng: np.random.Generator | None = None) -> Clip:
        """As ``ClipSource`` says."""
        source, own = self._of(index)
        return source.clip(own, first, frames, rng)

    def _of(self, index: int) -> tuple[ClipSource, int]:
        first = len(self._main)
        return (self._main, index) if index < first else (self._other, index - first)
