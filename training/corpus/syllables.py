# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts in languages that nobody here writes: chains of syllables that each language allows, in its script.

They mean nothing, but every onset meets every rime, in every tone, which no word list of ours would give.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable

Syllable = Callable[[random.Random], str]

_PINYIN = """
b p m:a o ai ei ao an en ang eng i ie iao ian in ing u|f:a o ei ou an en ang eng u
d t:a e ai ao ou an ang eng ong i ie iao ian ing u uo uan un ui
n l:a e ai ei ao ou an ang eng ong i ie iao iu ian in iang ing u uo uan ü üe
g k h:a e ai ei ao ou an en ang eng ong u ua uo uai ui uan un uang
j q x:i ia ie iao iu ian in iang ing iong u ue uan un
zh ch sh:a e i ai ao ou an en ang eng u ua uo uai ui uan un uang
z c s:a e i ai ao ou an en ang eng ong u uo ui uan un|r:e i ao ou an en ang eng ong u uo ui uan un
y:a e ao ou an in ang ing ong i u ue uan un|w:u a o ai ei an en ang eng
""".strip().replace("\n", "|")
"""Onsets that share their rimes, and these: the syllables of Mandarin."""

_JYUTPING = (
    "b p m f d t n l g k ng h gw kw w z c s j".split(),
    "aa aai aau aam aan aang aap aat aak ai au am an ang at ak e ei eng ek i iu im in ing it ik".split()
    + "o oi ou on ong ok u ui un ung uk".split(),
)
_VIETNAMESE = (
    "b m v ph t th đ n l s x ch tr nh kh ng h c r".split(),
    "a ai ao an am ang ăn âm ân ay e em en eo ê i im in inh iêu iên o oi om on ong ô ôi ôn ông".split()
    + "ơ ơi ơn u ui um un ung uôn oa ap at ac ôt ôc ip it".split(),
    ("", "\u0301", "\u0300", "\u0309", "\u0303", "\u0323"),
)
_KANA = (
    "か き く け こ さ し す せ そ た ち つ て と な に ぬ ね の は ひ ふ へ ほ ま み む め も や ゆ よ "
    "ら り る れ ろ わ が ぎ ぐ げ ご ざ じ ず ぜ ぞ だ で ど ば び ぶ べ ぼ ぱ ぴ ぷ ぺ ぽ あ い う え お "
    "きゃ しゃ ちゃ みょ びょ りゅ ふぁ ふぃ ん ん"
).split()
_DEVANAGARI = (list("कखगघचछजझटडतथदधनपफबभमयरलवसहश"), ["", "ा", "ि", "ी", "ु", "ू", "े", "ै", "ो", "ौ", "ं"])
_HANGUL = (range(19), (0, 1, 4, 5, 8, 9, 13, 14, 18, 20), (0, 0, 0, 4, 8, 16, 17, 21))
"""Leads, vowels and tails by their place in Unicode's table."""

_LATIN = {
    "es": (
        "b p m f v d t n l s ch r c g j ñ ll br pl tr".split(),
        "a e i o u ia ie ue ai".split(),
        "n s r l",
    ),
    "it": ("b p m f v d t n l s r gn gl c g z br pr tr".split(), "a e i o u ia uo ai".split(), "n l r"),
    "pt-br": ("b p m f v d t n l s r ch lh nh x br pr".split(), "a e i o u ão ai ei ou".split(), "s r m"),
    "id": ("b p m d t n l s r c g k j ng ny w y h".split(), "a e i o u ai au".split(), "n ng k r"),
    "sw": ("b p m f v d t n l s sh ch r k g j mb nd ng w y h".split(), "a e i o u".split(), ""),
    "tr": ("b p m f v d t n l s ş ç r k g c y h".split(), "a e ı i o ö u ü".split(), "n l r m k"),
    "fi": ("p m v d t n l s r k j h".split(), "a e i o u ä ö y aa ii uo ei au".split(), "n s t"),
    "ro": ("b p m f v d t n l s ș r c g j z br pr".split(), "a e i o u ă oa ea ia".split(), "n r l"),
}


def _pinyin() -> Syllable:
    allowed = [
        onset + rime
        for group in _PINYIN.split("|")
        for onset in group.partition(":")[0].split()
        for rime in group.partition(":")[2].split()
    ] + "a e ai ao ou an en ang er".split()
    return lambda rng: rng.choice(allowed) + rng.choice("12341234123455")


def _jyutping(rng: random.Random) -> str:
    onset, rime = (rng.choice(part) for part in _JYUTPING)
    return onset + rime + rng.choice("123456")


def _vietnamese(rng: random.Random) -> str:
    """The tone's mark stands on the first vowel."""
    onset, rime, tone = (rng.choice(part) for part in _VIETNAMESE)
    return onset + unicodedata.normalize("NFC", rime[0] + tone) + rime[1:]


def _hangul(rng: random.Random) -> str:
    lead, vowel, tail = (rng.choice(part) for part in _HANGUL)
    return chr(0xAC00 + (lead * 21 + vowel) * 28 + tail)


def _devanagari(rng: random.Random) -> str:
    return "".join(rng.choice(part) for part in _DEVANAGARI)


def _latin(language: str) -> Syllable:
    onsets, vowels, codas = _LATIN[language]
    closed = codas.split()

    def syllable(rng: random.Random) -> str:
        coda = rng.choice(closed) if closed and rng.random() < 0.25 else ""
        return rng.choice(onsets) + rng.choice(vowels) + coda

    return syllable


_SYLLABLES: dict[str, Syllable] = {
    "cmn-latn-pinyin": _pinyin(),
    "yue-latn-jyutping": _jyutping,
    "vi": _vietnamese,
    "ja": lambda rng: rng.choice(_KANA),
    "ko": _hangul,
    "hi": _devanagari,
    **{language: _latin(language) for language in _LATIN},
}
_TONAL = frozenset(("cmn-latn-pinyin", "yue-latn-jyutping", "vi"))
"""Languages whose syllables are written apart."""

LANGUAGES = tuple(_SYLLABLES)
"""espeak-ng's names of the languages that texts can be made in."""


def make_chains(language: str, count: int, seed: int | str) -> tuple[str, ...]:
    """``count`` distinct chains of 3 to 8 words of one to three syllables; the same seed gives the same.

    KeyError for a language that is not in ``LANGUAGES``.
    """
    syllable, joint = _SYLLABLES[language], " " if language in _TONAL else ""
    rng = random.Random(f"{language}/{seed}")
    found: dict[str, None] = {}
    while len(found) < count:
        words = [
            joint.join(syllable(rng) for _ in range(rng.choice((1, 2, 2, 3))))
            for _ in range(rng.randint(3, 8))
        ]
        if len(words) > 5:
            words[len(words) // 2] += ","
        found.setdefault(" ".join(words) + rng.choice("..?!"))
    return tuple(found)
