# SPDX-License-Identifier: GPL-3.0-or-later
"""MeshTalk's words in other languages: JSON files, from the English words to the translated ones; the
engine's own (errors, stages of a job) are in a file of their own.

Blender looks up labels, tooltips and fixed texts by itself, first among its own words. Sentences with names
and numbers in them are translated by `say`: `{}` stands for whatever is filled in, `{0}`, `{1}` … for the
same in the translation. What is filled in between “ and ” is a name: it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import bpy

FILES = {"de_DE": ("de.json", "de_engine.json")}
"""By Blender's names of the languages."""

NAMED = (
    "Active object: {}",
    "Head of “{}”: {}",
    "Only strip: {}",
    "Original: {}",
    "Saved as {}",
    "1 head: {}",
    "1 strip: {}",
    "{} strips: {}",
)
"""What is filled in here is a name too."""

CONTEXTS = ("*", "Operator")
"""Where Blender looks: operators' labels have a context of their own."""

_FRAGMENT = (";", ",", " ")
"""What begins so is a piece that is put after other words, or between them."""


def load(locale: str) -> dict[str, str]:
    """All words of a language: English to translated."""
    import json

    words: dict[str, str] = {}
    for name in FILES[locale]:
        words |= json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return words


def say(text: str) -> str:
    """A finished sentence in the language of Blender's interface; as it is where that has no words for it."""
    locale = bpy.app.translations.locale
    if locale not in FILES or not bpy.context.preferences.view.use_translate_interface:
        return text
    return translate(text, locale)


@lru_cache(maxsize=512)
def translate(text: str, locale: str) -> str:
    """A finished sentence in a language of `FILES`."""
    plain, templates, fragments = _words(locale)
    if text in plain:
        return plain[text]
    for template in templates:
        found = template.pattern.fullmatch(text)
        if found is not None:
            return template.words.format(
                *(
                    part if is_name else translate(part, locale)
                    for part, is_name in zip(found.groups(), template.are_names, strict=True)
                )
            )
    for template in fragments:
        words = template.words
        text = template.pattern.sub(lambda found, words=words: words.format(*found.groups()), text)
    return text


class Template(NamedTuple):
    """A sentence to fill in: what it matches, the translated `words`, and which gaps hold names."""

    pattern: re.Pattern[str]
    words: str
    are_names: tuple[bool, ...]


Templates = list[Template]


@lru_cache(maxsize=len(FILES))
def _words(locale: str) -> tuple[dict[str, str], Templates, Templates]:
    """A language's fixed words, its sentences to fill in (those with most words first), and its pieces."""
    whole = load(locale)
    open_ones = sorted((key for key in whole if "{}" in key), key=_letters, reverse=True)
    pieces = [key for key in open_ones if key.startswith(_FRAGMENT)]
    fixed = (key for key in whole if key.startswith(_FRAGMENT) and "{}" not in key)
    pieces += sorted(fixed, key=_letters, reverse=True)
    sentences = [key for key in open_ones if _letters(key)]
    plain = {key: words for key, words in whole.items() if "{}" not in key}
    return plain, _patterns(sentences, whole, _sentence), _patterns(pieces, whole, _piece)


def _letters(key: str) -> int:
    """How much of a sentence is fixed: what says more is tried first."""
    return sum(letter.isalpha() for letter in key)


def _patterns(keys: list[str], whole: dict[str, str], pattern: Callable[[str], str]) -> Templates:
    return [
        Template(
            re.compile(pattern(key), re.DOTALL),
            whole[key],
            tuple(key in NAMED or before.endswith("“") for before in key.split("{}")[:-1]),
        )
        for key in keys
    ]


def _sentence(key: str) -> str:
    """Each `{}` takes as little as it can, but for names in quotes, which may hold anything."""
    return "(.*?)".join(map(re.escape, key.split("{}")))


def _piece(key: str) -> str:
    """The same, but nothing of the next piece, which a semicolon begins; at the end a word."""
    gap = "([^;]*?)"
    found = gap.join(map(re.escape, key.split("{}")))
    return found.removesuffix(gap) + r"(\w*)" if found.endswith(gap) else found


def register() -> None:
    """Give Blender the words of each language."""
    catalogues = {}
    for locale in FILES:
        fixed = {key: words for key, words in load(locale).items() if "{}" not in key}
        catalogues[locale] = {(where, key): words for where in CONTEXTS for key, words in fixed.items()}
    bpy.app.translations.register(__name__, catalogues)


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(__name__)
