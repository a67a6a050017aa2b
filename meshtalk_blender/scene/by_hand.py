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
from .fcurves import Keys, read_keys, write_keys
from .spans import spans_of, within

if TYPE_CHECKING:
    from ..take_props import MeshTalkTakeObject


def sum_of(places: NDArray[np.float32]) -> int:
    """What tells keys (K, 2) of frames and values from others."""
    return zlib.crc32(np.ascontiguousarray(places, np.float32).tobytes())


def written_sums(item: MeshTalkTakeObject) -> Mapping[str, int]:
    """What was written last, by RNA path; empty for takes of before this was kept."""
    return json.loads(item.sums) if item.sums else {}


def written_places(
    item: MeshTalkTakeObject, holder: Any, in_range: bool = False
) -> dict[str, NDArray[np.float32]]:
    """The keys (K, 2) of a take's curves as they are now, by RNA path. With `in_range` only its own frames
    count, and only while its keys are there."""
    if in_range and item.first >= item.last:
        return {}
    part = item if in_range else None
    return {path: places_in(holder, path, part) for path in written_sums(item)}


def changed_among(item: MeshTalkTakeObject, places: Mapping[str, NDArray[np.float32]]) -> frozenset[str]:
    """Those of them that were changed since they were written; not those that were deleted or emptied."""
    known = written_sums(item)
    return frozenset(path for path, each in places.items() if len(each) and sum_of(each) != known[path])


def changed_paths(item: MeshTalkTakeObject, holder: Any, in_range: bool = False) -> frozenset[str]:
    """The RNA paths of a take's curves that were changed since, as `written_places` has them."""
    return changed_among(item, written_places(item, holder, in_range))


def places_in(holder: Any, path: str, item: MeshTalkTakeObject | None = None) -> NDArray[np.float32]:
    """The keys (K, 2) of a curve, frames and values; with `item` those in its frames."""
    fcurve = find_curve(holder, path)
    keys: Any = () if fcurve is None else fcurve.keyframe_points
    places = np.zeros((len(keys), 2), np.float32)
    if len(keys):
        keys.foreach_get("co", places.ravel())
    if item is None:
        return places
    return places[within(places[:, 0], spans_of(item))]


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


def retouched(item: MeshTalkTakeObject, holder: Any) -> dict[str, Keys]:
    """What was changed by hand inside a take's frames of the user's Action, by RNA path: the keys of those
    curves between, and without, the first and the last frame."""
    found = {}
    for path in changed_paths(item, holder, True):
        keys = read_keys(find_curve(holder, path))
        found[path] = keys.where(within(keys.frames, spans_of(item), ends=False))
    return found


def retouch(item: MeshTalkTakeObject, holder: Any, changed: Mapping[str, Keys]) -> None:
    """Put that back into curves that were written anew."""
    for path, keys in changed.items():
        fcurve = find_curve(holder, path)
        if fcurve is None:
            continue
        there = read_keys(fcurve)
        around = ~within(there.frames, spans_of(item), ends=False)
        write_keys(fcurve, there.where(around).joined(keys))
    item.by_hand = len(changed)


def forget(item: MeshTalkTakeObject) -> None:
    """What comes next is another take."""
    item.sums, item.by_hand = "", 0
