# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips and brows painted on the skin, so that a face can be read in a picture as small as a stamp.

The template has neither colours nor brows. Both are drawn in the plane of its face, about its landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..template import Template
from .raster import Array

LIPS = np.array([0.72, 0.41, 0.38], np.float32)
BROWS = np.array([0.27, 0.19, 0.15], np.float32)
NEEDED = ("lip_upper_inner", "lip_lower_inner", "mouth_left", "brow_inner_left", "lid_upper_left")

UPPER_LIP, LOWER_LIP = 0.0075, 0.0095
"""Height of the lips in their middle, metres."""

BROW_LENGTH, BROW_HEIGHT, BROW_ARCH = 0.034, 0.0027, 0.0045
"""Length of a brow from its inner end outwards, half its height there, and how far it rises, metres."""

SOFT = 0.0012
"""Metres over which paint fades out."""


@dataclass(frozen=True)
class MakeUp:
    """Where the paint goes on the template at rest: x and z of the mouth's corner, heights of both lips'
    inner edges, x and z of a brow's inner end; all of the left side, metres."""

    corner: tuple[float, float]
    lips: tuple[float, float]
    brow: tuple[float, float]

    def lip_share(self, x: Array, z: Array) -> Array:
        """How much of a lip's colour there is at places (M,) of the face's plane."""
        across = np.clip(np.abs(x) / self.corner[0], 0, 1)
        round_off = np.sqrt(1 - across**2)
        above = z - (self.lips[0] + (self.corner[1] - self.lips[0]) * across**2)
        height = np.where(above > 0, UPPER_LIP * (1 - 0.25 * np.exp(-((across / 0.12) ** 2))), LOWER_LIP)
        return np.clip((height * round_off - np.abs(above)) / SOFT + 0.5, 0, 1) * (across < 1)

    def brow_share(self, x: Array, z: Array) -> Array:
        """How much of a brow's colour there is at places (M,) of the face's plane."""
        along = (np.abs(x) - self.brow[0]) / BROW_LENGTH
        inside = np.clip(along, 0, 1)
        middle = self.brow[1] + BROW_ARCH * np.sin(0.75 * np.pi * inside) - 0.001
        height = BROW_HEIGHT * (1 - 0.6 * inside)
        ends = np.clip(0.5 - (np.abs(along - 0.5) - 0.5) * BROW_LENGTH / SOFT, 0, 1)
        return np.clip((height - np.abs(z - middle)) / SOFT + 0.5, 0, 1) * ends

    def paint(self, colour: Array, place: Array) -> Array:
        """Skin's colours (M, 3) with lips and brows at places (M, 2) of the template at rest, x and z."""
        painted = colour.copy()
        for share, paint, middle, reach in (
            (self.lip_share, LIPS, self.corner[1], 2 * LOWER_LIP),
            (self.brow_share, BROWS, self.brow[1], 3 * BROW_ARCH),
        ):
            near = np.flatnonzero(np.abs(place[:, 1] - middle) < reach)
            strength = share(place[near, 0], place[near, 1])
            painted[near] += strength[:, None] * (paint - painted[near])
        return painted


def make_up_of(template: Template) -> MakeUp | None:
    """Where the paint goes on a template; None where it lacks the landmarks for it."""
    marks = template.landmarks
    if any(name not in marks for name in NEEDED):
        return None
    place = {name: template.rest[marks[name]].astype(float) for name in NEEDED}
    return MakeUp(
        (place["mouth_left"][0], place["mouth_left"][2]),
        (place["lip_upper_inner"][2], place["lip_lower_inner"][2]),
        (place["brow_inner_left"][0] - 0.002, place["brow_inner_left"][2]),
    )
