# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed errors of the scene; each message is one sentence that says what is wrong and what to do."""

from ...engine.errors import MeshTalkError


class SceneError(MeshTalkError):
    """Something in the Blender file can't be used as it stands."""
