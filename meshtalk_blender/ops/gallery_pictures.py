# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery's pictures as Blender's icons, which panels can draw."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

_collection: bpy.utils.previews.ImagePreviewCollection | None = None


def show_pictures(pictures: Iterable[NDArray[np.uint8]]) -> list[int]:
    """Icon numbers of pictures (H, W, 3). What was shown before is gone."""
    global _collection
    forget_pictures()
    _collection = bpy.utils.previews.new()
    return [_icon(_collection, str(number), picture) for number, picture in enumerate(pictures)]


def forget_pictures() -> None:
    """Free the icons."""
    global _collection
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
        _collection = None


def _icon(
    collection: bpy.utils.previews.ImagePreviewCollection, name: str, picture: NDArray[np.uint8]
) -> int:
    preview = collection.new(name)
    preview.image_size = (picture.shape[1], picture.shape[0])
    pixels = np.ones((*picture.shape[:2], 4), np.float32)
    pixels[..., :3] = picture[::-1] / np.float32(255)  # Blender's rows go upwards
    preview.image_pixels_float.foreach_set(pixels.ravel())
    return preview.icon_id
