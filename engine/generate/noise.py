# SPDX-License-Identifier: GPL-3.0-or-later
"""The sampler's noise: one reproducible stream a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TINY = 1e-12
"""Uniform numbers are kept this far from 0 and 1, so that the noise stays finite."""


class GumbelStream:
    """Standard Gumbel noise of a seed, drawn frame by frame, so that it doesn't depend on how it is cut.

    Philox is a counter-based generator whose stream NumPy guarantees across versions and platforms.
    """

    def __init__(self, seed: int, heads: int, categories: int) -> None:
        self._generator = np.random.Generator(np.random.Philox(key=seed))
        self._shape = (heads, categories)

    def draw(self, frames: int) -> NDArray[np.float32]:
        """The next ``(frames, heads, categories)`` numbers: −log(−log u), u uniform in (0, 1)."""
        drawn = self._generator.random((frames, *self._shape))
        np.maximum(drawn, TINY, out=drawn)
        np.minimum(drawn, 1.0 - TINY, out=drawn)
        for _ in range(2):
            np.log(drawn, out=drawn)
            np.negative(drawn, out=drawn)
        return drawn.astype(np.float32)
