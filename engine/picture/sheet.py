# SPDX-License-Identifier: GPL-3.0-or-later
"""A take as one square picture: its face at six telling moments, and below them its blinks and brows over
time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry.topology import Binding
from ..geometry.units import carry_units
from ..template import Template
from .face import GAP, Painter
from .overview import blinks, brow_height, liveliness, telling_moments
from .own import own_painter

Picture = NDArray[np.uint8]
Floats = NDArray[np.floating]

SIZE, WIDTH = 80, 66
"""Height and width of a face, in pixels; three are side by side, in two rows."""

COLUMNS = 3

PAPER, GRID = (28, 30, 34), (60, 63, 70)
BROW, BLINK, VOICE = (226, 164, 82), (245, 245, 240), (86, 92, 104)
RAISED = 2.5
"""Factor on the brows' height in the time line: speech rarely raises them by more than half."""

LEAST_OPEN = 0.1
"""The mouth's hill fills the time line where the jaw opens widest, unless that is less than this."""


@dataclass(frozen=True, eq=False)
class Overview:
    """A take at a glance: a square ``picture`` (S, S, 3), the samples of its ``blinks``, and how lively its
    upper face is, in mm."""

    picture: Picture
    blinks: tuple[int, ...]
    liveliness: float


class SheetPainter:
    """Paints takes of one head; `rest` (V, 3) is the template fitted to it. `paint` takes weights (U,) and
    gives a face (size, size, 3): the template's where there is none."""

    def __init__(
        self,
        template: Template,
        rest: ArrayLike | None = None,
        size: int = SIZE,
        width: int = WIDTH,
        paint: Callable[[Floats], Picture] | None = None,
    ) -> None:
        shape = np.asarray(template.rest if rest is None else rest, np.float32)
        self._names = template.unit_names
        self._units = carry_units(template, shape)
        self._sizes = np.linalg.norm(self._units, axis=2).max(axis=1)
        self._paint = paint or partial(_paint_units, Painter(template, shape, size), self._units)
        self._sides = slice((size - width) // 2, (size - width) // 2 + width)

    def overview(self, weights: Floats, fps: Fraction) -> Overview:
        """The overview of weights (T, U) by the template's units, T at least 1."""
        faces = [
            self.face(weights[sample]) for sample in telling_moments(self._names, weights, fps).samples()
        ]
        rows = [np.concatenate(faces[at : at + COLUMNS], axis=1) for at in range(0, len(faces), COLUMNS)]
        shut, side = blinks(self._names, weights), rows[0].shape[1]
        line = time_line(self._names, weights, shut, side, side - sum(map(len, rows)))
        life = liveliness(self._names, weights, self._sizes)
        return Overview(np.concatenate([*rows, line]), shut, life)

    def face(self, weights: Floats) -> Picture:
        """The face (H, W, 3) at weights (U,)."""
        return self._paint(weights)[:, self._sides]


def own_sheets(
    binding: Binding, units: Floats, polygons: NDArray[np.integer], colours: ArrayLike | None = None
) -> SheetPainter:
    """Paints takes of the head's own mesh, `units` (U, V', 3) in its own axes and `polygons` (F, K) padded
    with −1, in `colours` (V', 3); of the template fitted to it where the mesh can't be painted well."""
    template = binding.template
    names = [template.landmarks[name] for name in GAP if name in template.landmarks]
    marks = carry_units(template, binding.rest)[:, names]
    painter = own_painter(binding, polygons, units, marks, colours, SIZE)
    return SheetPainter(template, binding.rest, paint=None if painter is None else painter.paint)


def _paint_units(painter: Painter, units: Floats, weights: Floats) -> Picture:
    return painter.paint(np.tensordot(np.asarray(weights, np.float32), units, 1))


def time_line(
    unit_names: Sequence[str], weights: Floats, shut: Sequence[int], width: int, height: int
) -> Picture:
    """The whole take from left to right: the mouth's opening as a grey hill, the brows as a line about the
    middle, each of the blinks ``shut`` as a white mark."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = PAPER
    count = len(weights)
    at = np.minimum(np.arange(width) * count // width, count - 1)
    jaw = [row for row, name in enumerate(unit_names) if name == "jawOpen"]
    opening = np.asarray(weights)[:, jaw].sum(axis=1)[at]
    rows = np.arange(height)[:, None]
    picture[rows >= height - np.rint(opening * (height / max(LEAST_OPEN, opening.max())))] = VOICE
    middle = (height - 1) // 2
    picture[middle] = np.maximum(picture[middle], np.array(GRID, np.uint8))
    brows = np.clip(RAISED * brow_height(unit_names, weights)[at], -1, 1)
    _curve(picture, middle - brows * middle, BROW)
    for sample in shut:
        left = min(sample * width // count, width - 2)
        picture[2 : height - 2, left : left + 2] = BLINK
    return picture


def _curve(picture: Picture, heights: Floats, colour: tuple[int, int, int]) -> None:
    """Draw a line of 2 pixels through ``heights`` (W,), in rows from the top, without gaps."""
    here = np.rint(heights).astype(np.int64)
    before = np.concatenate([here[:1], here[:-1]])
    low, high = np.minimum(here, before), np.maximum(here, before) + 1
    rows = np.arange(len(picture))[:, None]
    picture[(rows >= low) & (rows <= high)] = colour
