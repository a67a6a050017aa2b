# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -b FILE --command meshtalk generate|dub|retarget …`: MeshTalk without a window, for batches and
farms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy

NAME = "meshtalk"

_registered: list[Any] = []


def run(arguments: Sequence[str]) -> int:
    """The command itself: Blender gives what follows its name, and ends with the number that it returns."""
    from .command import run_command  # late: needed only here, and Blender starts sooner without it

    return run_command(arguments)


def register() -> None:
    """Tell Blender's command line about the command. Blender as a module has none, and 4.2 and 4.5 crash at
    their end there."""
    if bpy.app.binary_path:
        _registered.append(bpy.utils.register_cli_command(NAME, run))


def unregister() -> None:
    """Take it back."""
    while _registered:
        bpy.utils.unregister_cli_command(_registered.pop())
