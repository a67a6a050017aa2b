# SPDX-License-Identifier: GPL-3.0-or-later
"""Flite: a small diphone and clustergen synthesiser that prints its own phone times."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.corpus.errors import VoiceError
from training.corpus.utterance import SAMPLE_RATE
from training.corpus.voices.recordings import read_sound
from training.corpus.voices.synthesiser import Spoken, SyntheticVoice
from training.phonemes import Phone, from_arpabet, tidy

VOICES = (
    SyntheticVoice("flite", "awb"),
    SyntheticVoice("flite", "rms", "test"),
    SyntheticVoice("flite", "slt"),
    SyntheticVoice("flite", "kal16"),
)


def check() -> None:
    """Raises VoiceError if flite is not installed."""
    if shutil.which("flite") is None:
        raise VoiceError("The synthesiser flite is missing; install the package flite.")


def speak(voice: str, sentences: Sequence[str], seed: int) -> Iterator[Spoken]:
    """Each sentence in ``voice``, at a tempo that varies with the seed."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        for text in sentences:
            stretch = rng.uniform(0.8, 1.2)
            printed = _run(
                "-voice",
                voice,
                "--setf",
                f"duration_stretch={stretch:.3f}",
                "-psdur",
                "-t",
                text,
                "-o",
                str(path),
            )
            samples = read_sound(path)
            yield Spoken(text, samples, tidy(read_durations(printed), len(samples) / SAMPLE_RATE))


def pronounce(word: str) -> tuple[str, ...]:
    """The phonemes that flite gives a word; raises VoiceError if flite is missing."""
    printed = _run("-voice", "kal16", "-ps", "-t", word, "-o", "none")
    return tuple(label for label in map(from_arpabet, printed.split()) if label != "SIL")


def read_durations(printed: str) -> list[Phone]:
    """Phones from what ``-psdur`` prints: ``label:end`` in seconds, each beginning where the last one
    ended."""
    phones: list[Phone] = []
    clock = 0.0
    for item in printed.split():
        label, _, end = item.rpartition(":")
        phones.append(Phone(clock, float(end), from_arpabet(label)))
        clock = float(end)
    return phones


def _run(*arguments: str) -> str:
    check()
    done = subprocess.run(["flite", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise VoiceError(
            f"flite failed ({done.stderr.strip() or done.returncode}); reinstall the package flite."
        )
    return done.stdout
