# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a head's own mesh, moved by the template's units, in the view of `face.Painter`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry.attached import attach_to, whole_head
from ..geometry.fit.nearest import search_of
from ..geometry.topology import Binding
from ..template import SKIN as SKIN_PART
from .face import FAR, GAP, GLOOM, OPEN, PART_COLOURS, SPARE, worth_drawing
from .make_up import make_up_of
from .raster import Array, look
from .render import SKIN, VIEWS, Camera, View, blend, develop, light, vertex_normals

MOST_TRIANGLES = 150_000
"""A denser mesh would take too long: the template is painted in its place."""

BEHIND = 0.004
"""Metres behind the lips from which on skin seen between them is the mouth's inside."""

CELL = 0.01
"""Metres: the search for the template's nearest vertex looks so far about each at first."""

PLAIN = 0.02
"""Skin whose colour differs by no more has no lips of its own."""

SOCKET = 0.012
"""Metres behind the lids: what is seen there is no eyeball, but the skull's inside."""

EYES = (("lid_upper_left", "lid_lower_left"), ("lid_upper_right", "lid_lower_right"))


class OwnPainter:
    """Paints the mesh of a binding: `polygons` (F, K) padded with −1, `units` (U, V', 3) and `marks`
    (U, M, 3), which are the template's units at its landmarks `GAP`, in template space.

    `colours` (V', 3) are shown as they are under full light. Where they are NaN, the mesh gets the template's
    colours, eyes and teeth among them; lips and brows are painted on skin that is of one colour.
    """

    def __init__(
        self,
        binding: Binding,
        polygons: NDArray[np.integer],
        units: Array,
        marks: Array,
        colours: ArrayLike | None = None,
        size: int = 96,
        view: str | View = "face",
        smooth: int = 2,
    ) -> None:
        to_template = binding.to_head.inverse()
        vertices = to_template.points(binding.vertices)
        camera = VIEWS[view] if isinstance(view, str) else view
        self._camera = Camera(binding.rest.astype(np.float64), camera, size * smooth)
        self._smooth = smooth
        triangles = worth_drawing(self._camera, vertices, fan(polygons))
        used, self._triangles = np.unique(triangles, return_inverse=True)
        self._triangles = self._triangles.reshape(-1, 3)
        turn = (binding.rotation / binding.scale).astype(np.float32)
        self._rest = vertices[used].astype(np.float32)
        self._units = (np.asarray(units, np.float32)[:, used] @ turn).reshape(len(units), -1)
        landmarks = binding.template.landmarks
        self._gap = binding.rest[[landmarks[name] for name in GAP]].astype(np.float32)
        self._marks = np.asarray(marks, np.float32)
        own = np.full((len(used), 3), np.nan) if colours is None else np.asarray(colours)[used]
        self._colours, self._places = _painted(binding, self._rest, own.astype(np.float32))
        self._make_up = make_up_of(binding.template)

    def paint(self, weights: ArrayLike) -> NDArray[np.uint8]:
        """Picture (size, size, 3) of the head at the units' weights (U,)."""
        share = np.asarray(weights, np.float32)
        vertices = self._rest + (share @ self._units).reshape(-1, 3)
        gap = self._gap + np.tensordot(share, self._marks, 1)
        seen = look(self._camera.project(vertices)[self._triangles], self._camera.size)
        normals = vertex_normals(vertices, self._triangles)
        corners = np.concatenate([normals, self._colours, vertices, self._places], axis=1)
        both = blend(corners, self._triangles, seen)
        normal, colour = both[:, :3] @ self._camera.turn.T.astype(np.float32), both[:, 3:6]
        if self._make_up is not None:
            colour = self._make_up.paint(colour, both[:, 9:])
        bright = light(normal) * _inside_light(both[:, 6:9], gap)
        return develop(seen, colour * bright[:, None], self._camera.size, self._smooth)

    def covers(self, places: Array) -> bool:
        """Whether the mesh at rest is seen at, or not far behind, places (N, 3) of template space."""
        pixels, size = self._camera.project(self._rest), self._camera.size
        seen = look(pixels[self._triangles], size)
        behind = np.full(size * size, np.inf)
        behind[seen.pixel] = blend(self._rest[:, 1:2], self._triangles, seen)[:, 0]
        at = np.rint(self._camera.project(places)[:, :2]).astype(np.int64).clip(0, size - 1)
        return bool((behind[at[:, 1] * size + at[:, 0]] - places[:, 1] < SOCKET).all())


def own_painter(
    binding: Binding,
    polygons: NDArray[np.integer],
    units: Array,
    marks: Array,
    colours: ArrayLike | None,
    size: int,
) -> OwnPainter | None:
    """A painter of the binding's mesh; None where the template's picture tells more: meshes that are too
    dense, and those with nothing where the eyes are."""
    landmarks = binding.template.landmarks
    needed = [*GAP, *(name for pair in EYES for name in pair)]
    if any(name not in landmarks for name in needed) or len(polygons) * 2 > MOST_TRIANGLES:
        return None
    painter = OwnPainter(binding, polygons, units, marks, colours, size)
    eyes = [binding.rest[[landmarks[name] for name in pair]].mean(axis=0) for pair in EYES]
    return painter if painter.covers(np.array(eyes, np.float64)) else None


def fan(polygons: NDArray[np.integer]) -> NDArray[np.int64]:
    """Triangles (N, 3) of polygons (F, K) padded with −1, about each one's first corner."""
    corners = np.asarray(polygons, np.int64)
    if corners.shape[1] < 3:
        return np.zeros((0, 3), np.int64)
    fans = [corners[:, [0, each, each + 1]] for each in range(1, corners.shape[1] - 1)]
    triangles = np.concatenate(fans)
    return triangles[(triangles >= 0).all(axis=1)]


def _painted(binding: Binding, vertices: Array, colours: Array) -> tuple[Array, Array]:
    """Colours (N, 3) of vertices (N, 3) in template space, NaN ones as the template has them there; and x and
    z (N, 2) of the template at rest for each vertex of skin that has no paint of its own, else `FAR`."""
    template = binding.template
    _, _, part = whole_head(template)
    placed = binding.rest.astype(np.float64)
    if len(template.attached_rest):
        placed = np.concatenate([placed, attach_to(template, binding.rest).points])
    points, nothing = vertices.astype(np.float64), np.zeros(vertices.shape)
    nearest = search_of(placed, np.zeros_like(placed), CELL).nearest(points, nothing, 0.0)[0]
    bare, filled = np.isnan(colours).any(axis=1), colours.copy()
    like = np.array([PART_COLOURS.get(each, SKIN) for each in part.tolist()], np.float32)
    filled[bare] = like[nearest[bare]]
    skin = (nearest >= 0) & (nearest < len(template)) & (part[nearest] == SKIN_PART)
    plain = np.ptp(filled[skin], axis=0).max(initial=0.0) < PLAIN
    places = np.full((len(vertices), 2), FAR, np.float32)
    at = nearest[skin]
    places[skin] = (template.rest[at] + vertices[skin] - binding.rest[at])[:, [0, 2]]
    places[~(bare | plain)] = FAR
    return filled, places


def _inside_light(places: Array, gap: Array) -> Array:
    """Share of light (M,) at what is seen at places (M, 3): less between the lips, and with depth."""
    upper, lower, left, right = gap
    height = float(np.linalg.norm(upper - lower))
    low, high = sorted((float(left[0]), float(right[0])))
    spare = SPARE * (high - low)
    between = (places[:, 0] > low + spare) & (places[:, 0] < high - spare)
    between &= (places[:, 2] < upper[2] + height / 4) & (places[:, 2] > lower[2] - height / 4)
    depth = places[:, 1] - (upper[1] + lower[1]) / 2
    dark = np.clip(np.exp(-np.clip(depth - BEHIND, 0, None) / GLOOM), 0.33, 1) * np.clip(height / OPEN, 0, 1)
    return np.where(between & (depth > BEHIND), dark, 1.0).astype(places.dtype)
