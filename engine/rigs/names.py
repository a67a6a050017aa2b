# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a mesh's shape keys is which unit, whatever spelling its author chose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}
_WORD_SIDE = re.compile(r"(left|right)$", re.IGNORECASE)
_CAPITAL_SIDE = re.compile(r"(?<=[a-z0-9])([LR])$")
_SEPARATED_SIDE = re.compile(r"[\W_]([lrLR])$")
_SEPARATOR = re.compile(r"[\W_]+")

LEAST_SHARED = 3
"""A prefix counts only where at least so many known names have it: “corrective_jawOpen” is not a jaw."""


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
    return match_names({unit: (unit,) for unit in units}, names)


def match_names(wanted: Mapping[str, Sequence[str]], names: Iterable[str]) -> dict[str, str]:
    """Map each wanted thing to one of ``names``: the first of its spellings that is there.

    An exact spelling wins over a similar one, and a bare name over one with a prefix such as “Head.” or
    “blendShape2.”; of prefixes only the commonest counts. A name is given away once.
    """
    names = list(dict.fromkeys(names))
    similar = _similar(wanted, names)
    present, used = set(names), set[str]()
    found: dict[str, str] = {}
    for thing, spellings in wanted.items():
        exact = [spelling for spelling in spellings if spelling in present]
        near = [similar[form] for form in map(canonical_name, spellings) if form in similar]
        name = next((name for name in (*exact, *near) if name not in used), None)
        if name is not None:
            found[thing] = name
            used.add(name)
    return found


def _similar(wanted: Mapping[str, Sequence[str]], names: Sequence[str]) -> dict[str, str]:
    """Canonical form → name, for the bare names and for those with the commonest prefix."""
    forms = {canonical_name(spelling) for spellings in wanted.values() for spelling in spellings} - {""}
    by_prefix: dict[str, dict[str, str]] = {"": {}}
    for name in names:
        for prefix, rest in _cuts(name):
            form = canonical_name(rest)
            if form in forms:
                by_prefix.setdefault(prefix, {}).setdefault(form, name)
    bare = by_prefix.pop("")
    best = max(by_prefix.values(), key=len, default={})
    return best | bare if len(best) >= LEAST_SHARED else bare


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """The name whole and without each prefix that ends in a separator; numbers in a prefix don't count."""
    yield "", name
    for match in _SEPARATOR.finditer(name):
        prefix = re.sub(r"\d+", "#", _letters(name[: match.start()])) + match.group()[-1]
        yield prefix, name[match.end() :]


def _letters(name: str) -> str:
    return _SEPARATOR.sub("", name).lower()
