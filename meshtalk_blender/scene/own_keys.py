# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the shapes of the keys that a face brings, so that their values can be matched to what the model
means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...engine.rigs.mapping import KeyDrive
from .actions import locked_paths
from .made_keys import read_displacements
from .mapping import mapping_of
from .mesh import group_weights
from .shape_keys import KeyState, read_state

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class OwnKeys:
    """N keys of a face with what drives them, and what each adds (N, V', 3) at value 1, in object space."""

    drives: tuple[KeyDrive, ...]
    shapes: Floats


def read_own_keys(head: bpy.types.Object, unit_names: Sequence[str]) -> OwnKeys | None:
    """The keys that a take drives and the add-on didn't make; None where there is none, or where the user
    wants values by the keys' names."""
    keys = head.data.shape_keys
    mapping = mapping_of(head, unit_names) if keys is not None and head.meshtalk.use_matching else None
    if keys is None or mapping is None:
        return None
    state = read_state(head, locked_paths(keys))
    drives = tuple(entry for entry in mapping.used if _shows(entry, keys, state))
    if not drives:
        return None
    shapes = read_displacements(keys, [entry.key for entry in drives])
    for shape, entry in zip(shapes, drives, strict=True):
        group = keys.key_blocks[entry.key].vertex_group
        if group in head.vertex_groups:
            shape *= group_weights(head, group)[:, None]
    return OwnKeys(drives, np.stack(shapes))


def _shows(entry: KeyDrive, keys: bpy.types.Key, state: KeyState) -> bool:
    """Whether a key's curve is written and seen: a muted one moves nothing, whatever its value."""
    return entry.key in state.own and entry.key not in state.locked and not keys.key_blocks[entry.key].mute
