# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the landmarks that are being placed; light, for Blender imports it at its start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .placing import Session


class Desk:
    """The one session of this Blender, the head that it is about (its session_uid), and where the mouse is:
    the dot under it, and its place in a region (`as_pointer()` of that, x, y)."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing is being placed."""
        self.session: Session | None = None
        self.head_uid = 0
        self.hovered = ""
        self.mouse: tuple[int, float, float] | None = None


placing_desk = Desk()
"""What the operator fills, and panel and overlay show."""
