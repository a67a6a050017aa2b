# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather the voices: read and clean recordings, align those without phone times, let the synthesisers
speak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from training.corpus.arrange import Cleaned, arrange
from training.corpus.ears import fit_of, open_ears, shares_of_time
from training.corpus.errors import CorpusError, VoiceError
from training.corpus.options import CorpusOptions
from training.corpus.sentences import make_pinyin, make_sentences
from training.corpus.sources import licences_of
from training.corpus.split import split_voices
from training.corpus.syllables import make_chains
from training.corpus.utterance import SAMPLE_RATE, Piece, Utterance, stable_seed
from training.corpus.voices import espeak, festival, flite
from training.corpus.voices.clean import clean_phones
from training.corpus.voices.recordings import Recording, read_folder, read_sound
from training.corpus.voices.synthesiser import Speak, SyntheticVoice, store
from training.corpus.workers import worker_pool

Progress = Callable[[str, float], None]

EARLY = 0.015
"""Seconds by which forced alignments begin too early."""
SENTENCE_SECONDS = 4.4
"""A synthetic sentence's typical length."""

LEAST_FIT = 0.0
"""Recordings whose phones are no likelier by what a trained run hears than by chance are left out."""

_ENGINES = {"flite": flite, "festival": festival, "espeak-ng": espeak}


@dataclass(frozen=True)
class Voices:
    """All utterances; ``splits`` voice -> split, ``dropped`` reason -> recordings, ``licences`` for the
    card."""

    utterances: list[Utterance]
    splits: dict[str, str]
    dropped: dict[str, int]
    notes: tuple[str, ...]
    licences: list[dict[str, str]]


def gather(options: CorpusOptions, work: Path, tell: Progress) -> Voices:
    """Everything that speaks, in a fixed order; raises CorpusError where a folder or a required engine is
    missing."""
    recordings = [recording for folder in options.recordings for recording in _some(folder, options)]
    voices, notes = _voices(options) if options.synthetic_hours > 0 else ((), ())
    if not recordings and not voices:
        raise CorpusError(
            "There is nothing to make a corpus from; " + " ".join(notes or ("give --recordings DIR.",))
        )
    cleaned, dropped = _clean_all(recordings, work, options, tell)
    real = arrange(cleaned, options.seed)
    synthetic = _speak_all(voices, work, options, tell)
    splits = split_voices((u.voice for u in real), options.seed) | {v.voice: v.split for v in voices}
    collections = sorted({r.collection for r in recordings}) + sorted({v.engine for v in voices})
    return Voices(real + synthetic, splits, dropped, notes, licences_of(collections))


def _voices(options: CorpusOptions) -> tuple[tuple[SyntheticVoice, ...], tuple[str, ...]]:
    """The voices that shall speak, and a sentence about each engine that is missing."""
    if not options.languages:
        return usable_voices(options.required)
    espeak.check()
    return espeak.LANGUAGE_VOICES, ()


def usable_voices(required: Sequence[str]) -> tuple[tuple[SyntheticVoice, ...], tuple[str, ...]]:
    """The voices of the engines that are installed, and a sentence about each that is not.

    Raises VoiceError if one of the ``required`` engines is missing.
    """
    voices: list[SyntheticVoice] = []
    notes: list[str] = []
    for name, engine in _ENGINES.items():
        try:
            engine.check()
            voices += engine.VOICES
        except VoiceError as error:
            if name in required:
                raise
            notes.append(f"{error} Its voices are left out.")
    return tuple(voices), tuple(notes)


def _some(folder: Path, options: CorpusOptions) -> list[Recording]:
    found = read_folder(folder)
    if options.limit is None or len(found) <= options.limit:
        return list(found)
    step = len(found) / options.limit
    return [found[int(i * step)] for i in range(options.limit)]


def _clean_all(
    recordings: Sequence[Recording], work: Path, options: CorpusOptions, tell: Progress
) -> tuple[list[Cleaned], dict[str, int]]:
    cleaned: list[Cleaned] = []
    dropped: Counter[str] = Counter()
    if not recordings:
        return cleaned, dropped
    jobs = [(recording, work / f"{index:06d}.wav") for index, recording in enumerate(recordings)]
    priors = shares_of_time(recording.phones or () for recording in recordings)
    clean = partial(_clean_one, ears=options.ears, priors=priors)
    with worker_pool(options.workers) as pool:
        for done, result in enumerate(pool.imap(clean, jobs, chunksize=16)):
            if isinstance(result, Cleaned):
                cleaned.append(result)
            else:
                dropped[result] += 1
            tell("recordings", (done + 1) / len(jobs))
    return cleaned, dropped


def _clean_one(job: tuple[Recording, Path], ears: Path | None, priors: tuple[float, ...]) -> Cleaned | str:
    """The recording at 16 kHz with phones that fit it, or why it is left out."""
    import soundfile

    recording, path = job
    samples = read_sound(recording.path)
    phones = recording.phones
    if phones is None:
        from training.corpus.voices.align import align

        phones = align(samples, recording.text)
        if phones is None:
            return "recordings that could not be aligned"
    cleaned = clean_phones(samples, phones, EARLY)
    if cleaned is None:
        return "recordings whose phone times look wrong"
    if ears is not None:
        heard = open_ears(ears, priors)
        if fit_of(heard.listen(samples), cleaned, heard.rate) <= LEAST_FIT:
            return "recordings in which other phones are heard"
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    piece = Piece(path, 0.0, len(samples) / SAMPLE_RATE)
    return Cleaned(piece, recording.voice, recording.text, cleaned, recording.path.name)


def _speak_all(
    voices: Sequence[SyntheticVoice], work: Path, options: CorpusOptions, tell: Progress
) -> list[Utterance]:
    """Every voice speaks its own share of the sentences in a process of its own, until its share of time is
    full."""
    if not voices:
        return []
    seconds = options.synthetic_hours * 3600 / len(voices)
    share = max(int(seconds / SENTENCE_SECONDS * 1.6), 2)
    jobs = [
        (voice, text, stable_seed(options.seed, voice.voice))
        for voice, text in zip(voices, _texts(voices, share, options.seed), strict=True)
    ]
    out: list[Utterance] = []
    with worker_pool(options.workers, tasks=1) as pool:
        work_one = partial(_speak_one, folder=work, seconds=seconds)
        for done, spoken in enumerate(pool.imap(work_one, jobs, chunksize=1)):
            out += spoken
            tell("synthetic voices", (done + 1) / len(jobs))
    return out


def _texts(voices: Sequence[SyntheticVoice], share: int, seed: int) -> list[tuple[str, ...]]:
    """``share`` sentences for each voice, in the language that it reads, none given to two of them."""
    if any(voice.language for voice in voices):
        return [make_chains(voice.language, share, f"{voice.name}/{seed}") for voice in voices]
    count = share * len(voices)
    sources = {
        False: make_sentences(count, seed),
        True: make_pinyin(count, seed) if any(voice.pinyin for voice in voices) else (),
    }
    return [sources[v.pinyin][index * share : (index + 1) * share] for index, v in enumerate(voices)]


def _speak_one(
    job: tuple[SyntheticVoice, Sequence[str], int], folder: Path, seconds: float
) -> list[Utterance]:
    voice, sentences, seed = job
    speak: Speak = _ENGINES[voice.engine].speak
    out: list[Utterance] = []
    for number, spoken in enumerate(speak(voice.name, sentences, seed)):
        utterance = store(spoken, voice, folder, number)
        if utterance is not None:
            out.append(utterance)
        if sum(u.duration for u in out) >= seconds:
            break
    return out
