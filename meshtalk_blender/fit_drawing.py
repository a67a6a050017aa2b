# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the fitted template over the head, green where it lies on the surface, red where it doesn't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .fit_overlay import fitted_head, shown_fit
from .scene.views import View

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

WORST_MM = 4.0
"""Millimetres, of a head of human size, that are shown in full red."""

SCALE: tuple[tuple[float, float, float], ...] = ((0.10, 0.72, 0.22), (0.95, 0.80, 0.10), (0.90, 0.10, 0.06))
"""Colours from 0 to WORST_MM."""

COVER, MESH = 0.62, (0.0, 0.0, 0.0, 0.20)
"""How opaque the surface is, and the colour of its edges."""

PULL = 0.025
"""Of the head's size: so far the surface is drawn before where it is, so that it isn't hidden in the head."""


@dataclass(eq=False)
class FitPicture:
    """A fitted template in the object space of a head (its session_uid): vertices (V, 3), triangles (T, 3),
    edges (E, 2), colours (V, 4)."""

    head_uid: int
    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    edges: NDArray[np.int32]
    colours: NDArray[np.float32]
    batches: tuple | None = None  # made in the first drawing: they need the GPU


def fit_picture(head_uid: int, vertices: ArrayLike, faces: ArrayLike, fit_mm: ArrayLike) -> FitPicture:
    """What is drawn of a fit; see `show_fit`."""
    rows = np.asarray(faces, np.int32)
    corners = [rows[:, [0, step, step + 1]] for step in range(1, rows.shape[1] - 1)]
    triangles = np.concatenate([three[(three >= 0).all(axis=1)] for three in corners])
    sides = [rows[:, [step, (step + 1) % rows.shape[1]]] for step in range(rows.shape[1])]
    edges = np.concatenate([*sides, rows[rows[:, -1] < 0][:, [2, 0]]])  # a padded triangle's last side
    edges = np.unique(np.sort(edges[(edges >= 0).all(axis=1)], axis=1), axis=0)
    return FitPicture(head_uid, np.asarray(vertices, np.float32), triangles, edges, fit_colours(fit_mm))


def fit_colours(fit_mm: ArrayLike) -> NDArray[np.float32]:
    """Colours (V, 4) of distances (V,): green at 0, red from WORST_MM on."""
    share = np.clip(np.nan_to_num(np.asarray(fit_mm, np.float64), nan=WORST_MM) / WORST_MM, 0, 1)
    steps = np.linspace(0, 1, len(SCALE))
    channels = [np.interp(share, steps, [colour[channel] for colour in SCALE]) for channel in range(3)]
    return np.stack([*channels, np.full_like(share, COVER)], axis=1).astype(np.float32)


def draw_surface() -> None:
    """Draw the fit in the view that is being drawn."""
    import gpu  # not there in the background

    head = fitted_head(bpy.context)
    picture = shown_fit()
    if head is None or picture is None:
        return
    if picture.batches is None:
        picture.batches = _batches(picture)
    surface, mesh = picture.batches
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.blend_set("ALPHA")
    gpu.state.face_culling_set("NONE" if head.matrix_world.is_negative else "BACK")
    with gpu.matrix.push_pop():
        extent = picture.vertices.max(axis=0) - picture.vertices.min(axis=0)
        size = float(extent.max()) * head.matrix_world.median_scale
        gpu.matrix.multiply_matrix(pull(View(bpy.context.region), head, PULL * size))
        gpu.matrix.multiply_matrix(head.matrix_world)
        gpu.state.depth_mask_set(True)
        surface.draw(gpu.shader.from_builtin("SMOOTH_COLOR"))
        gpu.state.depth_mask_set(False)
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        shader.uniform_float("color", MESH)
        mesh.draw(shader)
    gpu.state.face_culling_set("NONE")
    gpu.state.depth_test_set("NONE")
    gpu.state.blend_set("NONE")


def pull(view: View, head: bpy.types.Object, distance: float) -> Matrix:
    """A map of world space that brings things so much nearer to the viewer, without moving them in the
    picture."""
    eye = view.data.view_matrix.inverted()
    if not view.data.is_perspective:
        return Matrix.Translation(eye.col[2].to_3d().normalized() * distance)
    centre = head.matrix_world @ (sum((Vector(corner) for corner in head.bound_box), Vector()) / 8)
    away = (centre - eye.translation).length
    share = 1 - min(0.5, distance / away) if away > 0 else 1.0
    place = Matrix.Translation(eye.translation)
    return place @ Matrix.Scale(share, 4) @ place.inverted()


def draw_legend(scale: float, size: float, low: tuple[float, float]) -> None:
    """The colours' meaning, with its lower left corner at `low`; `size` is that of the text."""
    from . import drawing

    white, width, height = (1.0, 1.0, 1.0, 1.0), 180 * scale, 10 * scale
    bar = (low[0], low[1] + 1.6 * size)
    drawing.gradient(bar, (bar[0] + width, bar[1] + height), [(*colour, 1.0) for colour in SCALE])
    drawing.words((low[0], bar[1] + height + 0.6 * size), "Distance of the fit, mm", white, size)
    for millimetres in range(int(WORST_MM) + 1):
        text = f"{millimetres}" if millimetres < WORST_MM else f"≥ {millimetres}"
        middle = bar[0] + width * millimetres / WORST_MM
        drawing.words((middle - 0.5 * drawing.words_size(text, size)[0], low[1]), text, white, size)


def _batches(picture: FitPicture) -> tuple:
    """The surface and its edges, on the GPU."""
    import gpu
    from gpu_extras.batch import batch_for_shader

    surface = batch_for_shader(
        gpu.shader.from_builtin("SMOOTH_COLOR"),
        "TRIS",
        {"pos": picture.vertices, "color": picture.colours},
        indices=picture.triangles,
    )
    mesh = batch_for_shader(
        gpu.shader.from_builtin("UNIFORM_COLOR"), "LINES", {"pos": picture.vertices}, indices=picture.edges
    )
    return surface, mesh
