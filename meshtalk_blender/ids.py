# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that Blender knows the extension by."""

from __future__ import annotations

import bpy

EXTENSION_ID: str = __name__.rsplit(".", 2)[0]
"""The extension's package: bl_ext.<repository>.meshtalk. Blender wants exactly this one for preferences and
paths."""

TAG: str = "meshtalk"
"""Custom property that marks what the add-on made: on Actions a record of the take, on shape keys the names
made."""

RELATIVE_PATH: set[str] = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""Option of paths that may begin with //: from 4.5 on Blender warns about those where it is missing."""
