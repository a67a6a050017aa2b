# SPDX-License-Identifier: GPL-3.0-or-later
"""Dots, lines, boxes and words over a 3D view's region, in its pixels. For windows only: there is no GPU in
the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

Colour = tuple[float, float, float, float]
Pixel = tuple[float, float]

FONT = 0
_CIRCLE = [(cos(2 * pi * step / 24), sin(2 * pi * step / 24)) for step in range(25)]
SHADE: Colour = (0.0, 0.0, 0.0, 0.8)


def disc(centre: Pixel, radius: float, colour: Colour) -> None:
    """A filled circle."""
    rim = _around(centre, radius)
    corners = [point for pair in zip(rim[:-1], rim[1:], strict=True) for point in (centre, *pair)]
    _fill("TRIS", corners, colour)


def ring(centre: Pixel, radius: float, width: float, colour: Colour) -> None:
    """A circle's line of this width."""
    inner, outer = _around(centre, radius - width / 2), _around(centre, radius + width / 2)
    _fill("TRI_STRIP", [point for pair in zip(inner, outer, strict=True) for point in pair], colour)


def line(start: Pixel, end: Pixel, width: float, colour: Colour) -> None:
    """A straight line of this width."""
    along = (end[0] - start[0], end[1] - start[1])
    length = (along[0] ** 2 + along[1] ** 2) ** 0.5
    if length > 0:
        x, y = -along[1] / length * width / 2, along[0] / length * width / 2
        corners = [
            (start[0] + x, start[1] + y),
            (start[0] - x, start[1] - y),
            (end[0] + x, end[1] + y),
            (end[0] - x, end[1] - y),
        ]
        _fill("TRI_STRIP", corners, colour)


def box(low: Pixel, high: Pixel, colour: Colour) -> None:
    """A filled rectangle."""
    _fill("TRI_STRIP", [low, (high[0], low[1]), (low[0], high[1]), high], colour)


def gradient(low: Pixel, high: Pixel, colours: Sequence[Colour]) -> None:
    """A rectangle whose colour goes through `colours` from left to right."""
    steps = len(colours) - 1
    across = [low[0] + (high[0] - low[0]) * step / steps for step in range(steps + 1)]
    corners = [(x, y) for x in across for y in (low[1], high[1])]
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    content = {"pos": corners, "color": [colour for colour in colours for _ in range(2)]}
    batch_for_shader(shader, "TRI_STRIP", content).draw(shader)


def words(at: Pixel, text: str, colour: Colour, size: float) -> None:
    """Text that begins at a pixel of its base line, with a dark shadow, so that it reads on any ground."""
    blf.size(FONT, size)
    blf.enable(FONT, blf.SHADOW)
    blf.shadow(FONT, 5, *SHADE)
    blf.shadow_offset(FONT, 0, 0)
    blf.color(FONT, *colour)
    blf.position(FONT, at[0], at[1], 0)
    blf.draw(FONT, text)
    blf.disable(FONT, blf.SHADOW)


def words_size(text: str, size: float) -> tuple[float, float]:
    """Width and height of a text in pixels."""
    blf.size(FONT, size)
    width, height = blf.dimensions(FONT, text)
    return width, height


def text_size(context: bpy.types.Context) -> float:
    """The size of Blender's own labels, in pixels."""
    return context.preferences.ui_styles[0].widget.points * context.preferences.system.ui_scale


def _around(centre: Pixel, radius: float) -> list[Pixel]:
    return [(centre[0] + radius * x, centre[1] + radius * y) for x, y in _CIRCLE]


def _fill(kind: str, points: Sequence[Pixel], colour: Colour) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, kind, {"pos": points})
    shader.uniform_float("color", colour)
    batch.draw(shader)
