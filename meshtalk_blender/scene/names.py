# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a mesh's shape keys is which unit, whatever spelling its author chose; pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}
_WORD_SIDE = re.compile(r"(left|right)$", re.IGNORECASE)
_CAPITAL_SIDE = re.compile(r"(?<=[a-z0-9])([LR])$")
_SEPARATED_SIDE = re.compile(r"[\W_]([lrLR])$")


def canonical_name(name: str) -> str:
    """Spelling-free form: eyeBlinkLeft, EyeBlink_L, eye_blink.l and "Eye Blink Left" all give
    eyeblink|left."""
    for pattern in (_WORD_SIDE, _SEPARATED_SIDE, _CAPITAL_SIDE):
        match = pattern.search(name)
        if match and _letters(name[: match.start()]):
            return f"{_letters(name[: match.start()])}|{_SIDES[match.group(1).lower()]}"
    return _letters(name)


def match_units(units: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Map each unit that the mesh already has to the name of its key; an exact spelling wins over a similar
    one."""
    names = list(names)
    similar: dict[str, str] = {}
    for name in names:
        similar.setdefault(canonical_name(name), name)
    present = set(names)
    found = {unit: unit if unit in present else similar.get(canonical_name(unit)) for unit in units}
    return {unit: name for unit, name in found.items() if name is not None}


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
