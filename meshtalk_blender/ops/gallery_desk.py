# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery that is shown now, apart from what makes galleries: Blender's start and end look here too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .gallery import Gallery


class GalleryDesk:
    """What the panel shows: the one gallery of this Blender, whose pictures are icons while it is here."""

    def __init__(self) -> None:
        self.gallery: Gallery | None = None


gallery_desk = GalleryDesk()
