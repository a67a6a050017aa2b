# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of recordings: with phone times in a ``manifest.json``, or with transcripts to be aligned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.corpus.errors import CorpusError
from training.corpus.utterance import SAMPLE_RATE
from training.phonemes import Phone, from_arpabet

SOUND_SUFFIXES = frozenset((".wav", ".flac", ".ogg", ".opus", ".mp3"))


@dataclass(frozen=True)
class Recording:
    """A sound file and its text; ``phones`` (seconds from the file's beginning) where they are known
    already."""

    path: Path
    collection: str
    speaker: str
    text: str
    phones: tuple[Phone, ...] | None

    @property
    def voice(self) -> str:
        return f"{self.collection}/{self.speaker}"


def read_folder(folder: Path) -> tuple[Recording, ...]:
    """All recordings below ``folder``, in a fixed order.

    A subfolder with a ``manifest.json`` is read by it; elsewhere every sound file with a ``.txt`` of the
    same name is taken, the folder that it lies in being its speaker. Raises CorpusError where nothing
    usable is found.
    """
    if not folder.is_dir():
        raise CorpusError(
            f"The folder of recordings {folder} does not exist; check the path after --recordings."
        )
    manifests = sorted(folder.rglob("manifest.json"))
    found = [recording for manifest in manifests for recording in _read_manifest(manifest)]
    known = {manifest.parent for manifest in manifests}
    found.extend(_read_transcripts(folder, known))
    if not found:
        raise CorpusError(
            f"{folder} holds neither a manifest.json nor sound files with a .txt transcript beside them; "
            "add transcripts or give another folder."
        )
    return tuple(found)


def read_sound(path: Path) -> NDArray[np.float32]:
    """The file as 16 kHz mono samples (N,); raises CorpusError if it is unreadable."""
    import soundfile
    import soxr

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise CorpusError(f"The recording {path} cannot be read ({error}); remove or replace it.") from error
    mono = samples.mean(axis=1)
    return mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE).astype(np.float32)


def _read_manifest(manifest: Path) -> Iterator[Recording]:
    folder = manifest.parent
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))
        for entry in entries:
            phones = tuple(Phone(float(a), float(b), from_arpabet(label)) for a, b, label in entry["phones"])
            yield Recording(folder / entry["file"], folder.name, str(entry["speaker"]), entry["text"], phones)
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"{manifest} is not a list of {{file, speaker, text, phones}} ({error!r}); mend or remove it."
        ) from error


def _read_transcripts(folder: Path, known: set[Path]) -> Iterator[Recording]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SOUND_SUFFIXES or path.parent in known:
            continue
        transcript = path.with_suffix(".txt")
        if transcript.is_file():
            text = " ".join(transcript.read_text(encoding="utf-8", errors="replace").split())
            yield Recording(path, folder.name, path.parent.relative_to(folder).as_posix(), text, None)
