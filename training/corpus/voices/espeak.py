# SPDX-License-Identifier: GPL-3.0-or-later
"""espeak-ng through its library: formant synthesis with exact phoneme events in IPA."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from training.corpus.errors import VoiceError
from training.corpus.utterance import SAMPLE_RATE
from training.corpus.voices.synthesiser import Spoken, SyntheticVoice
from training.phonemes import SILENCE, Phone, from_ipa, tidy

VOICES = (
    *(
        SyntheticVoice("espeak-ng", name)
        for name in ("en-us", "en-us+m3", "en+f4", "en-gb-x-rp+m7", "en-us+klatt4")
    ),
    *(
        SyntheticVoice("espeak-ng", name)
        for name in ("en-029+f1", "en-gb-scotland+m1", "en-gb-x-gbcwmd+f5", "de+m5")
    ),
    *(SyntheticVoice("espeak-ng", name) for name in ("fr+f3", "es+m4", "sv+f2", "pl+m2")),
    *(
        SyntheticVoice("espeak-ng", name)
        for name in ("pt-br+paul", "hu+grandma", "en-us+whisper", "tr+marco")
    ),
    *(
        SyntheticVoice("espeak-ng", f"cmn-latn-pinyin+{variant}", pinyin=True)
        for variant in ("anika", "boris", "f4", "m7")
    ),
    SyntheticVoice("espeak-ng", "en+linda", "validation"),
    SyntheticVoice("espeak-ng", "it+m6", "validation"),
    SyntheticVoice("espeak-ng", "en-us-nyc+steph", "test"),
    SyntheticVoice("espeak-ng", "nl+max", "test"),
    SyntheticVoice("espeak-ng", "cmn-latn-pinyin+max", "test", pinyin=True),
)
"""English, Mandarin and, for other habits of the mouth, English text read by the rules of other languages.

No variant (the part after the plus sign) serves voices of two splits: they would sound alike.
"""

_LANGUAGES = {
    "cmn-latn-pinyin": (
        *(
            "anika",
            "boris",
            "f4",
            "m7",
            "f1",
            "f2",
            "f3",
            "f5",
            "m1",
            "m2",
            "m4",
            "linda",
            "belinda",
            "aunty",
        ),
        *("steph2", "Alicia", "grandma", "klatt4"),
    ),
    "vi": ("f2", "m3", "steph3", "anika", "m8", "klatt2"),
    **dict.fromkeys(("ja", "ko"), ("f3", "m2", "aunty", "anika")),
    **dict.fromkeys(("hi", "es", "it", "id", "sw"), ("f5", "m4", "belinda")),
    **dict.fromkeys(("pt-br", "tr", "fi"), ("f1", "boris")),
}
LANGUAGE_VOICES = (
    *(
        SyntheticVoice("espeak-ng", f"{language}+{variant}", language=language)
        for language, variants in _LANGUAGES.items()
        for variant in variants
    ),
    *(
        SyntheticVoice(
            "espeak-ng", f"yue-latn-jyutping+{variant}", "validation", language="yue-latn-jyutping"
        )
        for variant in ("michel", "whisperf", "m5", "Gene2")
    ),
    *(SyntheticVoice("espeak-ng", f"ro+{variant}", "test", language="ro") for variant in ("max", "sandro")),
)
"""Voices that speak chains of their language's own syllables; a whole language is kept for validation, one
for test."""

_SPELLINGS = (
    *(("s.", "ʂ"), ("z.", "ʐ"), ("i.", "ɨ"), ("o-", "ɤ"), ("onɡ", "oŋ"), ("tʂ", "tʃ")),
    *(("ai", "aɪ"), ("ei", "eɪ"), ("ɑu", "aʊ"), ("au", "aʊ"), ("ou", "oʊ")),
    *(("χ", "h"), ("i̪", "ɨ"), ("ä", "a"), ("ũ", "u"), ("ɗ", "d")),
)
"""espeak-ng's own ways to write a sound, and IPA's; χ is how it writes Mandarin's h."""

STOPS = frozenset(("P", "B", "T", "D", "K", "G", "CH", "JH"))
HUSH, ECHO, REACH = 0.003, 0.08, 32
"""Peak of a silent block; what of a vowel's peak the variants with an echo leave in a closure; blocks of 5 ms
before a release that are looked at."""
LONGEST_CLOSURE = 0.12
"""Seconds: a pause no longer than this before a stop is the stop's closure (Mandarin voices name it so)."""

LIBRARY = "libespeak-ng.so.1"
_SYNCHRONOUS, _PHONEME_EVENTS_IPA, _UTF8 = 2, 1 | 2, 1
_EVENT_END, _EVENT_PHONEME = 0, 7
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("text", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        *(
            ("type", ctypes.c_int),
            ("unique", ctypes.c_uint),
            ("text_position", ctypes.c_int),
            ("length", ctypes.c_int),
        ),
        *(("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p)),
        ("id", _Identity),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Library(NamedTuple):
    calls: ctypes.CDLL
    rate: int


def check() -> None:
    """Raises VoiceError if the library is not installed."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise VoiceError("The synthesiser espeak-ng is missing; install the package espeak-ng.") from error


@lru_cache(maxsize=1)
def _library() -> _Library:
    check()
    calls = ctypes.CDLL(LIBRARY)
    rate = calls.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS_IPA)
    if rate <= 0:
        raise VoiceError("espeak-ng does not start; reinstall the packages espeak-ng and espeak-ng-data.")
    return _Library(calls, rate)


def speak(voice: str, sentences: Sequence[str], seed: int) -> Iterator[Spoken]:
    """Each sentence in ``voice``, at a tempo and pitch that vary with the seed.

    espeak-ng carries state from one sentence to the next: for repeatable sound begin each voice in a new
    process.
    """
    library = _library()
    rng = random.Random(seed)
    if library.calls.espeak_SetVoiceByName(voice.encode()) != 0:
        raise VoiceError(f"espeak-ng has no voice {voice}; reinstall the package espeak-ng-data.")
    for text in sentences:
        library.calls.espeak_SetParameter(_RATE, rng.randint(125, 200), 0)
        library.calls.espeak_SetParameter(_PITCH, rng.randint(38, 62), 0)
        library.calls.espeak_SetParameter(_PITCH_RANGE, rng.randint(40, 70), 0)
        yield _speak_one(library, text)


def _speak_one(library: _Library, text: str) -> Spoken:
    sound: list[np.ndarray] = []
    events: list[tuple[int, str]] = []

    def collect(wave: ctypes._Pointer, count: int, event: ctypes._Pointer) -> int:
        if wave and count > 0:
            sound.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while event[index].type != _EVENT_END:
            if event[index].type == _EVENT_PHONEME:
                events.append((event[index].sample, event[index].id.text.decode("utf-8", "ignore")))
            index += 1
        return 0

    callback = _Callback(collect)
    library.calls.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    library.calls.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, _UTF8, None, None)
    if not sound:
        return Spoken(text, np.zeros(1, np.float32), ())
    samples = np.concatenate(sound).astype(np.float32) / np.float32(32768)
    duration = len(samples) / library.rate
    phones = read_events([(sample / library.rate, symbol) for sample, symbol in events], duration)
    phones = hear_closures(samples, library.rate, phones)
    return Spoken(text, soxr.resample(samples, library.rate, SAMPLE_RATE).astype(np.float32), phones)


def read_events(events: Sequence[tuple[float, str]], duration: float) -> tuple[Phone, ...]:
    """Phones from ``(begin in seconds, IPA symbol)``: each lasts until the next one begins; no symbol is a
    pause."""
    kept = [event for event in events if not event[1].startswith("(")]
    ends = [begin for begin, _ in kept[1:]] + [duration]
    phones: list[Phone] = []
    for (begin, symbol), end in zip(kept, ends, strict=True):
        labels = _labels(symbol)
        edges = np.linspace(begin, end, len(labels) + 1)
        phones += [
            Phone(float(a), float(b), label) for a, b, label in zip(edges, edges[1:], labels, strict=False)
        ]
    return tidy(_with_closures(phones), duration)


def hear_closures(samples: NDArray[np.float32], rate: int, phones: Sequence[Phone]) -> tuple[Phone, ...]:
    """Let stops begin where the sound before them stops; most voices' events name the release alone.

    ``samples (N,)`` at ``rate`` Hz; blocks of 5 ms are a closure where they are quieter than ``HUSH`` or
    than ``ECHO`` times the sound before.
    """
    block = rate // 200
    peaks = np.abs(samples[: len(samples) // block * block]).reshape(-1, block).max(axis=1)
    out = list(phones)
    for index in range(1, len(out)):
        before, stop = out[index - 1 : index + 1]
        if stop.label not in STOPS or before.label == SILENCE:
            continue
        # The event may stand a little after the release.
        last = max(int(stop.start * 200) - 2, 0)
        near = peaks[max(last - REACH, 0) : last]
        heard = np.flatnonzero(near > max(HUSH, ECHO * float(near.max(initial=0.0))))
        begin = (max(last - REACH, 0) + heard[-1] + 1) / 200 if len(heard) else stop.start
        begin = max(begin, stop.start - LONGEST_CLOSURE, before.start + 0.02)
        if begin < stop.start - 0.01:
            out[index - 1] = Phone(before.start, begin, before.label)
            out[index] = Phone(begin, stop.end, stop.label)
    return tuple(out)


def _labels(symbol: str) -> tuple[str, ...]:
    if symbol == "ʲ":
        return ("Y",)
    for written, meant in _SPELLINGS:
        symbol = symbol.replace(written, meant)
    return from_ipa(symbol) or ((SILENCE,) if not symbol else ("?",))


def _with_closures(phones: Sequence[Phone]) -> list[Phone]:
    """A stop that comes after a sound and a short pause begins where the pause does."""
    out: list[Phone] = []
    for phone in phones:
        paused = len(out) > 1 and out[-1].label == SILENCE and out[-2].label != SILENCE
        if phone.label in STOPS and paused and out[-1].duration <= LONGEST_CLOSURE:
            phone = Phone(out.pop().start, phone.end, phone.label)
        out.append(phone)
    return out
