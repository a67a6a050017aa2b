# SPDX-License-Identifier: GPL-3.0-or-later
"""What a performance that was read is made of: curves of units, or motion of something else. No bpy in here.

A head whose performance is curves of units gets such curves. Where something else moves it (bones, drivers, a
cache, keys that are no units), that plays on, and a take is a layer on top: the difference between what is
there and what shall be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...engine.progress import QUIET, Stage
from ..scene.errors import SceneError
from ..scene.recipe import LAYER
from .keying import CORRECTIVE

if TYPE_CHECKING:
    from ...engine.bundle import Bundle
    from ...engine.generate.options import Take
    from ...engine.generate.past import Original
    from ...engine.geometry.topology import Binding
    from ..scene.performance import KeyTrack, Performance

Floats = NDArray[np.float32]
_Role = Callable[["KeyTrack", str], tuple[str, float]]
"""What a key stands for: a name ("" for nothing), and its value at weight 1."""

EXPLAINED = 2e-4
"""Metres on a head of human size; a performance that units explain to within this much is curves of units."""
BLOCK = 64
"""Frames that are compared together, which bounds the memory."""


@dataclass(frozen=True)
class Roles:
    """What the keys of one object stand for: `units` gives a unit and the value at weight 1 by key. With
    `is_held` some that speech moves can't be keyed: they have drivers or locked curves."""

    units: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    is_held: bool = False


class Played:
    """A performance that was read, as the engine wants it: from scene frame `frame` on. With `mouth_only`
    nothing but the mouth will be changed."""

    def __init__(
        self,
        bundle: Bundle,
        binding: Binding,
        performance: Performance,
        roles: Mapping[int, Roles],
        frame: int,
        *,
        mouth_only: bool = False,
        stage: Stage = QUIET,
    ) -> None:
        self._bundle, self._binding = bundle, binding
        self._performance, self._roles = performance, roles
        self._frame, self._mouth_only = frame, mouth_only
        self._at = (frame - self._performance.first) * self._performance.steps
        if self._at >= self._performance.count:
            raise SceneError(
                f"The performance ends at frame {self._performance.last}, before the sound begins at frame "
                f"{frame}: move the strip onto it."
            )
        self._units = self._values_of(bundle.unit_names, self._unit_of)
        names = bundle.template.corrective_names
        self._correctives = self._values_of(names, lambda _, key: (_after(CORRECTIVE, key), 1.0))
        self.is_layer = self._must_be_layer(stage)

    @property
    def has_correctives(self) -> bool:
        """Whether the model's correctives play already."""
        return bool(self._correctives.any())

    def original(self) -> Original:
        """From the sound's first frame on."""
        from ...engine.generate.past import Original, Skin

        read = self._performance
        seen = slice(max(0, self._at - read.seen), None)
        vertices = read.vertices[seen]
        rest = slice(self._at, self._at + len(vertices))
        if not self.is_layer:
            names, correctives = self._bundle.unit_names, self._bundle.template.corrective_names
            return Original(
                read.rate, vertices, self._units[rest], names, self._correctives[rest], correctives
            )
        skin = None if read.skin is None else Skin(read.skin.weights, read.skin.bones[seen])
        polygons = read.rest.polygons if read.has_cache else None
        names, values = self._layer_names, self._layer[rest]
        return Original(read.rate, vertices, None, (), values, names, polygons, skin)

    def spliced(self, take: Take, end: int) -> tuple[Take, int]:
        """The take with what plays before and after it, and its first frame; a layer with what further shapes
        an earlier layer plays. What doesn't end at rest is held up to frame `end`."""
        from ...engine.generate.dub_splice import splice

        step = self._performance.steps
        names, extra = take.corrective_names or (), take.corrective_weights
        extra = np.zeros((len(take.weights), 0), np.float32) if extra is None else extra
        if self.is_layer:
            units, past = self._units[::step, :0], self._layer_values(names)[::step]
        else:
            units, past = self._units[::step], self._correctives[::step, : len(names)]
        old = self._held(np.concatenate([units, past], axis=1), end)
        new = np.concatenate([take.weights, extra], axis=1)
        whole = splice(old, self._at // step, new, float(take.fps))
        curves, count = whole.curves, units.shape[1]
        more = self._further(names)
        further = self._layer_values(more)[::step]
        places = np.arange(len(curves)) + self._at // step + whole.first
        further = further[np.clip(places, 0, len(further) - 1)]
        take = replace(
            take,
            weights=curves[:, :count],
            corrective_weights=np.concatenate([curves[:, count:], further], axis=1),
            corrective_names=(*names, *more),
            labels=take.labels[:0],  # they belong to the sound's frames alone
        )
        return take, self._frame + whole.first

    def deltas(self, take: Take) -> Floats | None:
        """The take's correctives, or its layer, on the mesh."""
        from ...engine.generate.dub_layer import layer_deltas

        if take.correctives is None:
            return None
        names = (take.corrective_names or ())[: len(take.correctives)]
        units = self._bundle.unit_names if self.is_layer else ()
        shapes = layer_deltas(self._binding, units, names, take.correctives)
        return np.concatenate([shapes, self._further_shapes(names)])

    def _further(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The shapes of an earlier layer that play, and aren't among these."""
        if not self.is_layer:
            return ()
        found = {
            _after(LAYER, key): None
            for track in self._performance.keys
            for column, key in enumerate(track.names)
            if _after(LAYER, key) and track.values[:, column].any()
        }
        return tuple(name for name in found if name not in names)

    def _further_shapes(self, names: tuple[str, ...]) -> Floats:
        more = self._further(names)
        shapes = np.zeros((len(more), *self._binding.vertices.shape), np.float32)
        for track in self._performance.keys:
            for column, key in enumerate(track.names):
                if _after(LAYER, key) in more:
                    row = more.index(_after(LAYER, key))
                    shapes[row, track.part.start : track.part.stop] = track.shapes[column]
        return shapes

    def _held(self, values: Floats, end: int) -> Floats:
        """Values (S, K) held up to a frame, where they don't end at 0."""
        missing = end - self._performance.last
        if missing <= 0 or not values[-1:].any():
            return values
        return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])

    def _unit_of(self, track: KeyTrack, key: str) -> tuple[str, float]:
        roles = self._roles.get(track.part.object_uid, Roles())
        return roles.units.get(key, ("", 1.0))

    def _values_of(self, names: tuple[str, ...], role: _Role) -> Floats:
        """Weights (T, K) of shapes by name, of the first object that has a key for each."""
        values = np.zeros((self._performance.count, len(names)), np.float32)
        found: set[str] = set()
        for track in self._performance.keys:
            for column, key in enumerate(track.names):
                name, factor = role(track, key)
                if name in names and name not in found:
                    values[:, names.index(name)] = track.values[:, column] / np.float32(factor)
                    found.add(name)
        return values

    @property
    def _layer_names(self) -> tuple[str, ...]:
        from ...engine.generate.dub_layer import layer_names

        return layer_names(self._bundle.template, self._bundle.unit_names)

    @property
    def _layer(self) -> Floats:
        return self._layer_values(self._layer_names)

    def _layer_values(self, names: tuple[str, ...]) -> Floats:
        """What a layer of before plays (T, K)."""
        return self._values_of(names, lambda _, key: (_after(LAYER, key), 1.0))

    def _must_be_layer(self, stage: Stage) -> bool:
        """Whether something other than units and correctives moves what the dub is about."""
        from ...engine.generate.past import Original, Past

        held = any(roles.is_held for roles in self._roles.values())
        if held or self._performance.has_cache:
            return True
        if self._units.min(initial=0.0) < 0 or self._units.max(initial=0.0) > 1 + 1e-5:
            return True
        plain = Original(self._performance.rate, self._performance.vertices)
        past = Past(self._binding, plain, self._bundle.unit_names)
        limit, watched = EXPLAINED * self._binding.scale, self._watched
        for first in range(0, len(self._performance.vertices), BLOCK):
            stage.check()
            frames = np.arange(first, min(first + BLOCK, len(self._performance.vertices)), dtype=np.float64)
            left = past.moments(frames).local - self._explained(slice(first, first + len(frames)))
            if np.abs(left[:, watched]).max(initial=0.0) > limit:
                return True
        return False

    @property
    def _watched(self) -> NDArray[np.intp]:
        """The vertices that a dub of this kind changes: the mouth's alone where the upper face stays."""
        from ...engine.generate.read_back import upper_share_on

        moving = np.abs(self._binding.unit_deltas()).max(axis=(0, 2)) > 0
        return np.flatnonzero(moving & ((upper_share_on(self._binding) < 1) | (not self._mouth_only)))

    def _explained(self, part: slice) -> Floats:
        """What the keys that stand for units and correctives add up to (n, V', 3)."""
        total = np.zeros((part.stop - part.start, *self._binding.vertices.shape), np.float32)
        correctives = self._bundle.template.corrective_names
        part = slice(part.start + self._performance.seen, part.stop + self._performance.seen)
        for track in self._performance.keys:
            known = [
                self._unit_of(track, key)[0] != "" or _after(CORRECTIVE, key) in correctives
                for key in track.names
            ]
            chosen = np.flatnonzero(known)
            mixed = np.tensordot(track.values[part][:, chosen], track.shapes[chosen], 1)
            total[:, track.part.start : track.part.stop] = mixed
        return total


def _after(prefix: str, key: str) -> str:
    """What follows the prefix of a key's name; "" where it doesn't begin so."""
    return key.removeprefix(prefix) if key.startswith(prefix) else ""
