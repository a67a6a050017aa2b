# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves of a take that somebody changed by hand since MeshTalk wrote them: live controls leave those alone,
as they leave locked ones, and all else follows."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .actions import channels, ensure_curve, find_curve, slot_named
from .fcurves import read_keys, write_keys

if TYPE_CHECKING:
    from ..take_props import MeshTalkTakeObject


def sum_of(places: NDArray[np.float32]) -> int:
    """What tells keys (K, 2) of frames and values from others."""
    return zlib.crc32(np.ascontiguousarray(places, np.float32).tobytes())


def written_sums(item: MeshTalkTakeObject) -> Mapping[str, int]:
    """What was written last, by RNA path; empty for takes of before this was kept."""
    return json.loads(item.sums) if item.sums else {}


def changed_paths(item: MeshTalkTakeObject, holder: Any) -> frozenset[str]:
    """The RNA paths of a take's curves that were changed since; not of those that were deleted or emptied."""
    return frozenset(path for path, known in written_sums(item).items() if _is_other(holder, path, known))


def note_written(item: MeshTalkTakeObject, sums: Mapping[str, int], changed: Collection[str]) -> None:
    """Keep what was written, and how many curves were left alone."""
    known = written_sums(item)
    item.sums = json.dumps({**known, **sums}, separators=(",", ":"))
    item.by_hand = len(changed)


def copy_changed(item: MeshTalkTakeObject, other: MeshTalkTakeObject) -> None:
    """Give another take's curves what was changed by hand in these."""
    holder, there = (channels(each.action, slot_named(each.action, each.slot)) for each in (item, other))
    changed = changed_paths(item, holder)
    for path in changed:
        write_keys(ensure_curve(there, path), read_keys(find_curve(holder, path)))
    other.by_hand = len(changed)


def forget(item: MeshTalkTakeObject) -> None:
    """What comes next is another take."""
    item.sums, item.by_hand = "", 0


def _is_other(holder: Any, path: str, known: int) -> bool:
    fcurve = find_curve(holder, path)
    keys = () if fcurve is None else fcurve.keyframe_points
    places = np.zeros(2 * len(keys), np.float32)
    if not len(places):
        return False
    keys.foreach_get("co", places)
    return sum_of(places) != known
