# SPDX-License-Identifier: GPL-3.0-or-later
"""A small software renderer, to look at faces without Blender.

Orthographic z-buffer in numpy: every triangle is sampled on the pixels of its bounding box, triangles of
similar size at once, and the nearest sample of a pixel wins. Smooth normals, one key light, one fill light.
Good enough to judge whether lips meet and lids close; a 512-pixel picture of the template takes about a fifth
of a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.attached import attach_to, whole_head
from engine.template import EYE, GUMS, IRIS, MOUTH, PUPIL, TEETH, TONGUE, Template

Array = NDArray[np.floating]

BACKGROUND = np.array([0.16, 0.17, 0.19])
SKIN = np.array([0.86, 0.70, 0.62])
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
GLOOM = 0.022  # metres behind the lips over which the mouth's inside darkens to a third of its light
OPEN = 0.004  # metres between the lips that let in all light
KEY_LIGHT = np.array([0.35, -0.75, 0.55])
FILL_LIGHT = np.array([-0.7, -0.6, 0.0])


@dataclass(frozen=True)
class View:
    """A camera: turn about the vertical axis (degrees), and the square of the bounding box that fills the
    picture.

    `centre` and `width` are fractions of the reference's bounding box (x, y, z) and of its height.
    """

    yaw: float = 0.0
    centre: tuple[float, float, float] = (0.5, 0.5, 0.5)
    width: float = 1.08


VIEWS = {
    "front": View(),
    "three_quarter": View(yaw=35.0),
    "side": View(yaw=90.0),
    "mouth": View(centre=(0.5, 0.15, 0.30), width=0.36),
    "mouth_side": View(yaw=60.0, centre=(0.5, 0.15, 0.30), width=0.36),
    "eyes": View(centre=(0.5, 0.15, 0.60), width=0.50),
}


def render_head(
    template: Template,
    rest: Array | None = None,
    displacement: Array | None = None,
    size: int = 384,
    view: str | View = "front",
) -> NDArray[np.uint8]:
    """Picture (size, size, 3) of a head with teeth, tongue and eyes in their colours, framed by its rest.

    `rest` (V, 3) is the template's own where none is given, `displacement` (V, 3) its motion; the teeth
    follow from both. The mouth's inside darkens with depth, because the renderer casts no shadows.
    """
    rest = np.asarray(template.rest if rest is None else rest, np.float64)
    moved = np.zeros_like(rest) if displacement is None else np.asarray(displacement, np.float64)
    vertices, (_, faces, part) = rest + moved, whole_head(template)
    if len(template.attached_rest):
        parts = attach_to(template, rest)
        vertices = np.concatenate([vertices, parts.points + parts.follow(moved[None])[0]])
    colours = np.array([PART_COLOURS.get(number, SKIN) for number in part.tolist()])
    dark = np.isin(part, HIDDEN)
    colours[dark] *= _mouth_light(template, vertices)[dark, None]
    return render(vertices, faces, size, view, rest, colours)


def _mouth_light(template: Template, vertices: Array) -> Array:
    """Share of light (V + N,) that reaches the mouth's inside: less through a narrow gap, and with depth."""
    upper, lower = (vertices[template.landmarks[name]] for name in ("lip_upper_inner", "lip_lower_inner"))
    depth = np.clip(vertices[:, 1] - (upper[1] + lower[1]) / 2 - 0.005, 0, None)
    opening = np.clip(np.linalg.norm(upper - lower) / OPEN, 0, 1)
    return np.clip(np.exp(-depth / GLOOM), 0.33, 1) * opening


def triangles_of(faces: NDArray[np.integer]) -> NDArray[np.int64]:
    """Triangles (N, 3) of polygons (F, 3|4), where −1 pads a triangle."""
    faces = np.asarray(faces, dtype=np.int64)
    if faces.shape[1] == 3:
        return faces
    quads = faces[faces[:, 3] >= 0]
    return np.concatenate([faces[:, :3], quads[:, [0, 2, 3]]])


def vertex_normals(vertices: Array, triangles: NDArray[np.integer]) -> Array:
    """Area-weighted unit normals (V, 3)."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for i in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(triangles[:, i], face[:, axis], minlength=len(vertices))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _camera(vertices: Array, reference: Array, view: View, size: int) -> tuple[Array, Array]:
    """Pixel coordinates with depth (V, 3), smaller is nearer, and the rotation (3, 3) of the turn."""
    low, high = reference.min(axis=0), reference.max(axis=0)
    centre = low + (high - low) * np.array(view.centre)
    angle = np.radians(view.yaw)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]).T
    seen = (vertices - centre) @ turn.T
    scale = size / (view.width * (high[2] - low[2]))
    pixels = np.stack(
        [size / 2 + seen[:, 0] * scale, size / 2 - seen[:, 2] * scale, seen[:, 1] * scale], axis=1
    )
    return pixels, turn


def _samples(corners: Array, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Covered pixels of triangles (N, 3, 3): triangle numbers, flat pixel indices, barycentric weights (M,
    3).
    """
    low = np.clip(np.floor(corners[..., :2].min(axis=1)), 0, size - 1).astype(np.int64)
    high = np.clip(np.ceil(corners[..., :2].max(axis=1)), 0, size - 1).astype(np.int64)
    extent = (high - low).max(axis=1) + 1
    found = []
    for side in np.unique(2 ** np.ceil(np.log2(extent)).astype(int)):
        chosen = np.flatnonzero((extent <= side) & (extent > side // 2))
        grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="xy"), axis=-1).reshape(-1, 2)
        for part in np.array_split(chosen, max(1, len(chosen) * side * side // 400_000)):
            found.append(_cover(corners, part, low[part][:, None] + grid[None], size))
    triangle, pixel, weights = (np.concatenate(column) for column in zip(*found, strict=True))
    return triangle, pixel, weights


def _cover(
    corners: Array, chosen: NDArray[np.int64], points: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Samples of the chosen triangles at pixel points (n, k, 2) that lie inside."""
    a, b, c = (corners[chosen, i, None, :2] for i in range(3))
    area = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        c[..., 0] - a[..., 0]
    )
    p = points + 0.5
    u = (
        (b[..., 0] - p[..., 0]) * (c[..., 1] - p[..., 1]) - (b[..., 1] - p[..., 1]) * (c[..., 0] - p[..., 0])
    ) / area
    v = (
        (c[..., 0] - p[..., 0]) * (a[..., 1] - p[..., 1]) - (c[..., 1] - p[..., 1]) * (a[..., 0] - p[..., 0])
    ) / area
    weights = np.stack([u, v, 1 - u - v], axis=-1)
    inside = (weights >= -1e-9).all(axis=-1) & (points < size).all(axis=-1)
    row, column = np.nonzero(inside)
    hit = points[row, column]
    return chosen[row], hit[:, 1] * size + hit[:, 0], weights[row, column]


def render(
    vertices: Array,
    faces: NDArray[np.integer],
    size: int = 384,
    view: str | View = "front",
    reference: Array | None = None,
    colours: Array | None = None,
) -> NDArray[np.uint8]:
    """Picture (size, size, 3) of a mesh (V, 3), Z up, facing −Y; polygons (F, 3|4) padded with −1.

    `reference` (V', 3) fixes the framing (give the rest shape when drawing frames of a motion); the close-ups
    are fractions of the template head's box, so they suit heads, not bodies. `colours` (V, 3) in 0…1 replaces
    skin.
    """
    vertices = np.asarray(vertices, dtype=np.float64)
    reference = vertices if reference is None else np.asarray(reference, dtype=np.float64)
    triangles = triangles_of(faces)
    pixels, turn = _camera(vertices, reference, VIEWS[view] if isinstance(view, str) else view, size)
    corners = pixels[triangles]
    a, b, c = (corners[:, i, :2] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    on_screen = (corners[..., :2].max(axis=1) > 0).all(axis=1) & (corners[..., :2].min(axis=1) < size).all(
        axis=1
    )
    keep = (area < -1e-6) & on_screen  # the picture's y axis points down, so front faces turn negative
    triangles, corners = triangles[keep], corners[keep]
    image = np.broadcast_to(BACKGROUND, (size * size, 3)).copy()
    if len(triangles):
        triangle, pixel, weights = _samples(corners, size)
        depth = (corners[triangle, :, 2] * weights).sum(axis=1)
        order = np.argsort(
            -depth, kind="stable"
        )  # painter's order a sample: of equal pixels the last, nearest, stays
        nearest = np.full(size * size, -1, dtype=np.int64)
        nearest[pixel[order]] = order
        covered = np.flatnonzero(nearest >= 0)
        sample = nearest[covered]
        corner = triangles[triangle[sample]]
        weight = weights[sample][..., None]
        normal = (vertex_normals(vertices, triangles_of(faces))[corner] * weight).sum(axis=1) @ turn.T
        skin = SKIN if colours is None else (np.asarray(colours)[corner] * weight).sum(axis=1)
        image[covered] = skin * _light(normal)[:, None]
    return (np.clip(image, 0, 1) ** (1 / 1.6) * 255).astype(np.uint8).reshape(size, size, 3)


def _light(normal: Array) -> Array:
    """Brightness (N,) of unit normals in camera space."""
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    key = np.clip(normal @ (KEY_LIGHT / np.linalg.norm(KEY_LIGHT)), 0, None)
    fill = np.clip(normal @ (FILL_LIGHT / np.linalg.norm(FILL_LIGHT)), 0, None)
    return 0.06 + 0.72 * key + 0.16 * fill


def strip(
    pictures: list[NDArray[np.uint8]], captions: list[str] | None = None, columns: int | None = None
) -> NDArray[np.uint8]:
    """Pictures of one size side by side, in rows of `columns`, each with its caption above it."""
    from PIL import Image, ImageDraw

    columns = columns or len(pictures)
    height, width = pictures[0].shape[:2]
    head = 16 if captions else 0
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width, rows * (height + head)), (30, 30, 34))
    draw = ImageDraw.Draw(sheet)
    for i, picture in enumerate(pictures):
        x, y = (i % columns) * width, (i // columns) * (height + head)
        sheet.paste(Image.fromarray(picture), (x, y + head))
        if captions:
            draw.text((x + 3, y + 2), captions[i], fill=(230, 230, 230))
    return np.asarray(sheet)


def save_picture(path: str, picture: NDArray[np.uint8]) -> None:
    """Write a picture (H, W, 3) as PNG (or whatever the suffix says)."""
    from PIL import Image

    Image.fromarray(picture).save(path)
