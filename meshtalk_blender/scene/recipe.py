# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of an object's shape keys a take drives, and by what: kept with the take, so that its curves can be
written again without the model."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...engine.rigs.drive import drive
from ...engine.rigs.lips import LipMotion
from ...engine.rigs.mapping import MOUTH, UNITS, KeyDrive, RigMapping
from ...engine.rigs.match import matched_values
from ...engine.rigs.own_shapes import OwnShapes, own_shapes_text, read_own_shapes
from ...engine.takes.compose import Stretch
from .shape_keys import value_path

LAYER = "MeshTalk Dub "
"""How keys are called that play on top of what else moves a head, where a performance can't be replaced."""

Floats = NDArray[np.float32]
Range = tuple[float, float]


@dataclass(frozen=True)
class Recipe:
    """`drives` are keys moved by units or visemes, `correctives` pairs of a key and the corrective's name in
    the model, and `still` RNA paths that rest at 0, because an earlier take moves them. With `own` the drives
    that it knows get values that are matched to the keys' shapes."""

    drives: tuple[KeyDrive, ...] = ()
    correctives: tuple[tuple[str, str], ...] = ()
    still: tuple[str, ...] = ()
    own: OwnShapes | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that move."""
        return (*(entry.key for entry in self.drives), *(key for key, _ in self.correctives))

    @property
    def paths(self) -> tuple[str, ...]:
        """RNA paths of all curves of the take."""
        return (*map(value_path, self.keys), *self.still)

    @property
    def lip_paths(self) -> frozenset[str]:
        """RNA paths of the curves that move the lips."""
        keys = [entry.key for entry in self.drives if entry.is_viseme or entry.drive.startswith(MOUTH)]
        return frozenset(map(value_path, (*keys, *(key for key, _ in self.correctives))))

    @property
    def has_visemes(self) -> bool:
        """Whether it takes the lips' motion to work it out."""
        return any(entry.is_viseme for entry in self.drives)

    def without(self, names: Collection[str]) -> Recipe:
        """The same, leaving these keys alone."""
        return replace(
            self,
            drives=tuple(entry for entry in self.drives if entry.key not in names),
            correctives=tuple(pair for pair in self.correctives if pair[0] not in names),
        )

    def resting(self, paths: Collection[str]) -> Recipe:
        """The same, with what else is to rest at 0."""
        more = [path for path in paths if path not in self.paths]
        return replace(self, still=(*self.still, *dict.fromkeys(more)))


def recipe_text(recipe: Recipe) -> str:
    """A recipe as it is kept."""
    drives = [[entry.key, entry.drive, entry.gain] for entry in recipe.drives]
    content: dict[str, object] = {
        "drives": drives,
        "correctives": recipe.correctives,
        "still": recipe.still,
    }
    if recipe.own is not None:
        content["own"] = own_shapes_text(recipe.own)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def read_recipe(text: str) -> Recipe:
    """The recipe that was kept; an empty one where there is none."""
    content = json.loads(text) if text else {}
    return Recipe(
        tuple(KeyDrive(key, what, gain) for key, what, gain in content.get("drives", ())),
        tuple((key, name) for key, name in content.get("correctives", ())),
        tuple(content.get("still", ())),
        read_own_shapes(content["own"]) if "own" in content else None,
    )


def recipe_values(
    recipe: Recipe, stretch: Stretch, lips: LipMotion | None, ranges: Mapping[str, Range]
) -> dict[str, Floats]:
    """Values (T,) of each curve over a stretch, by RNA path, within the keys' slider `ranges`; without `lips`
    what visemes drive rests."""
    values = {} if recipe.own is None or lips is None else _matched(recipe, recipe.own, stretch, lips, ranges)
    drives = tuple(entry for entry in recipe.drives if entry.key not in values)
    drives = drives if lips is not None else _without_visemes(drives)
    motion = lips or LipMotion(np.zeros((0, 0)), np.zeros(0))
    values |= drive(RigMapping("", UNITS, drives), stretch.unit_names, stretch.units, motion, ranges)
    values |= _corrective_values(recipe, stretch, ranges)
    rest = np.zeros(len(stretch), np.float32)
    moved = {value_path(key): values.get(key, rest) for key in recipe.keys}
    return moved | {path: rest for path in recipe.still}


def _matched(
    recipe: Recipe, own: OwnShapes, stretch: Stretch, lips: LipMotion, ranges: Mapping[str, Range]
) -> dict[str, Floats]:
    """Values (T,) of the keys whose shapes are known."""
    extra = stretch.corrective_names, stretch.correctives
    values = matched_values(own, stretch.unit_names, stretch.units, lips, ranges, *extra)
    return {entry.key: values[entry.key] for entry in recipe.drives if entry in own.drives}


def _without_visemes(drives: tuple[KeyDrive, ...]) -> tuple[KeyDrive, ...]:
    return tuple(entry for entry in drives if not entry.is_viseme)


def _corrective_values(recipe: Recipe, stretch: Stretch, ranges: Mapping[str, Range]) -> dict[str, Floats]:
    names, weights = stretch.corrective_names, stretch.correctives
    if weights is None:
        return {}
    return {
        key: np.clip(weights[:, names.index(name)], *ranges.get(key, (-1.0, 1.0)))
        for key, name in recipe.correctives
        if name in names
    }
