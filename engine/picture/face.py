# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the template's face on one head, at many moments: what stays the same is worked out once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry.attached import attach_to, whole_head
from ..template import EYE, GUMS, IRIS, MOUTH, PUPIL, TEETH, TONGUE, Template
from ..template import SKIN as SKIN_PART
from .make_up import make_up_of
from .raster import Array, look
from .render import (
    SKIN,
    VIEWS,
    Camera,
    View,
    blend,
    develop,
    light,
    triangles_of,
    unit_length,
    vertex_normals,
)

PART_COLOURS = {
    EYE: (0.93, 0.92, 0.90),
    TEETH: (0.96, 0.91, 0.79),
    TONGUE: (0.72, 0.34, 0.33),
    IRIS: (0.22, 0.36, 0.42),
    PUPIL: (0.02, 0.02, 0.02),
    GUMS: (0.70, 0.36, 0.35),
    MOUTH: (0.42, 0.17, 0.15),
}
HIDDEN = (TEETH, TONGUE, GUMS, MOUTH)
GLOOM = 0.022
"""Metres behind the lips over which the mouth's inside darkens to a third of its light."""
OPEN = 0.004
"""Metres between the lips that let in all light."""

GAP = ("lip_upper_inner", "lip_lower_inner", "mouth_left", "mouth_right")
SPARE = 0.03
"""Part of the picture by which the gap between the lips may be larger than its landmarks say."""

FAR = 10.0
"""Metres: no paint gets there."""

SLACK = 0.2
"""Part of the picture by which skin beyond its edge at rest may come in."""

AWAY = 0.35
"""Skin that looks away from the camera at rest by more than this is never drawn: no motion turns it here."""


class Painter:
    """Paints one head in the same view again and again: `rest` (V, 3) is the template fitted to the head."""

    def __init__(
        self,
        template: Template,
        rest: ArrayLike | None = None,
        size: int = 96,
        view: str | View = "face",
        smooth: int = 2,
        make_up: bool = True,
    ) -> None:
        self._template, self._smooth = template, smooth
        self._rest = np.asarray(template.rest if rest is None else rest, np.float32)
        _, faces, part = whole_head(template)
        self._attached = attach_to(template, self._rest) if len(template.attached_rest) else None
        whole = self._whole(np.zeros_like(self._rest))
        camera = VIEWS[view] if isinstance(view, str) else view
        self._camera = Camera(self._rest.astype(np.float64), camera, size * smooth)
        self._make_up = make_up_of(template) if make_up else None
        self._colours = np.array([PART_COLOURS.get(number, SKIN) for number in part.tolist()], np.float32)
        self._place = _places(template, part)
        self._dark = np.flatnonzero(np.isin(part, HIDDEN))
        triangles = triangles_of(faces)
        inside = np.asarray(np.isin(triangles, self._dark).any(axis=1), np.bool_)
        triangles = worth_drawing(self._camera, whole, triangles, inside)
        inner = np.isin(triangles, self._dark).all(axis=1)
        self._outer, self._inner = triangles[~inner], triangles[inner]

    def paint(self, displacement: ArrayLike) -> NDArray[np.uint8]:
        """Picture (size, size, 3) of the head displaced by (V, 3) from rest, in normalised template space."""
        vertices = self._whole(np.asarray(displacement, np.float32))
        pixels = self._camera.project(vertices)
        triangles = self._outer
        if len(self._inner):
            triangles = np.concatenate([triangles, self._inner[self._through_lips(pixels)]])
        seen = look(pixels[triangles], self._camera.size)
        normals = vertex_normals(vertices, triangles)
        colours = self._colours.copy()
        colours[self._dark] *= mouth_light(self._template, vertices, self._dark)[:, None]
        both = blend(np.concatenate([normals, colours, self._place], axis=1), triangles, seen)
        normal, colour = both[:, :3] @ self._camera.turn.T.astype(np.float32), both[:, 3:6]
        if self._make_up is not None:
            colour = self._make_up.paint(colour, both[:, 6:])
        return develop(seen, colour * light(normal)[:, None], self._camera.size, self._smooth)

    def _whole(self, displacement: Array) -> Array:
        """All vertices (V + N, 3), with what is attached to the head."""
        moved = self._rest + displacement
        if self._attached is None:
            return moved
        parts = self._attached.points + self._attached.follow(displacement[None])[0]
        return np.concatenate([moved, parts.astype(np.float32)])

    def _through_lips(self, pixels: Array) -> NDArray[np.bool_]:
        """Which of the mouth's inner triangles may be seen: those in the box of the lips' inner edges."""
        marks = self._template.landmarks
        gap = pixels[[marks[name] for name in GAP if name in marks], :2]
        spare = SPARE * self._camera.size
        low, high = gap.min(axis=0) - spare, gap.max(axis=0) + spare
        a, b, c = (pixels[self._inner[:, i], :2] for i in range(3))
        over = np.maximum(np.maximum(a, b), c) > low
        return (over & (np.minimum(np.minimum(a, b), c) < high)).all(axis=1)


def worth_drawing(
    camera: Camera, vertices: Array, triangles: NDArray[np.int64], inside: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Triangles (N, 3) without those that lie outside the frame, or look away and aren't `inside` (N,) the
    mouth, whatever the face does."""
    pixels, size = camera.project(vertices)[triangles], camera.size
    across, down = pixels[..., 0], pixels[..., 1]
    near = (across.max(axis=1) > -SLACK * size) & (across.min(axis=1) < (1 + SLACK) * size)
    near &= (down.max(axis=1) > -SLACK * size) & (down.min(axis=1) < (1 + SLACK) * size)
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    facing = unit_length(np.cross(b - a, c - a)) @ camera.turn.T[:, 1]
    kept = facing < AWAY if inside is None else inside | (facing < AWAY)
    return triangles[near & kept]


def render_head(
    template: Template,
    rest: ArrayLike | None = None,
    displacement: ArrayLike | None = None,
    size: int = 384,
    view: str | View = "front",
) -> NDArray[np.uint8]:
    """Picture (size, size, 3) of a head with teeth, tongue and eyes in their colours, framed by its rest.

    `rest` (V, 3) is the template's own where none is given, `displacement` (V, 3) its motion; the teeth
    follow from both. The mouth's inside darkens with depth, because the renderer casts no shadows.
    """
    moved = np.zeros_like(template.rest) if displacement is None else displacement
    return Painter(template, rest, size, view, smooth=1, make_up=False).paint(moved)


def mouth_light(template: Template, vertices: Array, chosen: NDArray[np.integer]) -> Array:
    """Share of light that reaches the `chosen` vertices (n,) of the mouth's inside: less through a narrow
    gap, and with depth."""
    upper, lower = (vertices[template.landmarks[name]] for name in ("lip_upper_inner", "lip_lower_inner"))
    depth = np.clip(vertices[chosen, 1] - (upper[1] + lower[1]) / 2 - 0.005, 0, None)
    opening = np.clip(np.linalg.norm(upper - lower) / OPEN, 0, 1)
    return np.clip(np.exp(-depth / GLOOM), 0.33, 1) * opening


def _places(template: Template, part: NDArray[np.integer]) -> Array:
    """x and z (V + N, 2) of each vertex on the template at rest; far off what has no skin."""
    places = np.full((len(part), 2), FAR, np.float32)
    skin = np.flatnonzero(part[: len(template)] == SKIN_PART)
    places[skin] = template.rest[skin][:, [0, 2]]
    return places
