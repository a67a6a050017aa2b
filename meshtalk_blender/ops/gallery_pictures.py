# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery's strips as Blender's icons, one for each face, which panels can draw in a row."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

_collection: bpy.utils.previews.ImagePreviewCollection | None = None


def show_pictures(strips: Iterable[NDArray[np.uint8]]) -> list[list[int]]:
    """Icon numbers of each strip's pictures; a strip is a row of square pictures (H, n · H, 3). What was
    shown before is gone."""
    global _collection
    forget_pictures()
    _collection = bpy.utils.previews.new()
    return [
        [_icon(_collection, f"{row} {column}", tile) for column, tile in enumerate(_tiles(strip))]
        for row, strip in enumerate(strips)
    ]


def forget_pictures() -> None:
    """Free the icons."""
    global _collection
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
        _collection = None


def _tiles(strip: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    size = strip.shape[0]
    return [strip[:, at : at + size] for at in range(0, strip.shape[1], size)]


def _icon(collection: bpy.utils.previews.ImagePreviewCollection, name: str, tile: NDArray[np.uint8]) -> int:
    preview = collection.new(name)
    preview.image_size = (tile.shape[1], tile.shape[0])
    pixels = np.ones((*tile.shape[:2], 4), np.float32)
    pixels[..., :3] = tile[::-1] / np.float32(255)  # Blender's rows go upwards
    preview.image_pixels_float.foreach_set(pixels.ravel())
    return preview.icon_id
