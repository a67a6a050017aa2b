# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures for reports: what `engine.picture` renders, set side by side and written to files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.picture.face import render_head
from engine.picture.render import VIEWS, View, render, triangles_of

__all__ = ["VIEWS", "View", "render", "render_head", "save_picture", "strip", "triangles_of"]


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
