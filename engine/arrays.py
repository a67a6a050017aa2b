# SPDX-License-Identifier: GPL-3.0-or-later
"""Array functions that several rooms need: smooth steps, what is around each sample, and where something is
true."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def smoothstep(part: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """From 0 at ``part`` 0 to 1 at 1, flat at both ends; ``part`` of any shape must lie in 0…1."""
    return part * part * (3 - 2 * part)


def ramp(values: ArrayLike, low: float, high: float) -> NDArray[Any]:
    """A smooth step of ``values``, any shape: 0 up to ``low``, 1 from ``high`` on."""
    return smoothstep(np.clip((np.asarray(values) - low) / (high - low), 0.0, 1.0))


def around(values: NDArray[Any], reach: int) -> NDArray[Any]:
    """The samples (T, …, 2 · reach + 1) around each of ``values`` (T, …), itself too; the ends are held."""
    padded = np.pad(values, [(reach, reach), *[(0, 0)] * (values.ndim - 1)], mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)


def runs_of(inside: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where ``inside`` (T,) is true: the first of each run, and the first after it."""
    edges = np.diff(np.concatenate([[0], inside.astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def equal_parts(count: int, parts: int) -> list[slice]:
    """So many things in so many parts, as equal as can be."""
    ends = [count * index // parts for index in range(parts + 1)] if parts else []
    return [slice(first, stop) for first, stop in zip(ends[:-1], ends[1:], strict=True)]
