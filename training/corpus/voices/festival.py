# SPDX-License-Identifier: GPL-3.0-or-later
"""Festival: a larger synthesiser; its utterance structure holds the phone times."""

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

VOICES = (SyntheticVoice("festival", "cmu_us_slt_arctic_hts"), SyntheticVoice("festival", "kal_diphone"))
VOICE_FOLDER = Path("/usr/share/festival/voices")
AT_ONCE = 20
"""Sentences of one festival process: loading a voice takes longer than speaking one."""

_SAY = """(define (say text path)
  (let ((utt (utt.synth (eval (list 'Utterance 'Text text)))))
    (utt.save.wave utt path 'riff)
    (format t "UTTERANCE\\n")
    (mapcar (lambda (s) (format t "%s %f\\n" (item.name s) (item.feat s 'end)))
            (utt.relation.items utt 'Segment))))
"""


def check() -> None:
    """Raises VoiceError if festival or one of its voices is not installed."""
    if shutil.which("festival") is None:
        raise VoiceError(
            "The synthesiser festival is missing; install festival festvox-us-slt-hts festvox-kallpc16k."
        )
    for voice in VOICES:
        if not list(VOICE_FOLDER.glob(f"*/{voice.name}")):
            raise VoiceError(
                f"Festival's voice {voice.name} is missing; install festvox-us-slt-hts festvox-kallpc16k."
            )


def speak(voice: str, sentences: Sequence[str], seed: int) -> Iterator[Spoken]:
    """Each sentence in ``voice``, a few at a time, at a tempo that varies with the seed."""
    rng = random.Random(seed)
    for first in range(0, len(sentences), AT_ONCE):
        yield from _speak_some(voice, sentences[first : first + AT_ONCE], rng.uniform(0.85, 1.2))


def _speak_some(voice: str, sentences: Sequence[str], stretch: float) -> Iterator[Spoken]:
    check()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.wav" for index in range(len(sentences))]
        lines = [_SAY, f"(voice_{voice})", f"(Parameter.set 'Duration_Stretch {stretch:.3f})"]
        lines += [f'(say "{_quoted(text)}" "{path}")' for text, path in zip(sentences, paths, strict=True)]
        script = Path(folder) / "say.scm"
        script.write_text("\n".join(lines), encoding="utf-8")
        done = subprocess.run(["festival", "-b", str(script)], capture_output=True, text=True, check=False)
        spoken = [_read_segments(block) for block in done.stdout.split("UTTERANCE\n")[1:]]
        if done.returncode != 0 or len(spoken) != len(sentences):
            raise VoiceError(
                f"Festival failed ({done.stderr.strip()[-200:]}); reinstall festival and its voices."
            )
        for text, path, phones in zip(sentences, paths, spoken, strict=True):
            samples = read_sound(path)
            yield Spoken(text, samples, tidy(phones, len(samples) / SAMPLE_RATE))


def _quoted(text: str) -> str:
    return text.replace("\\", " ").replace('"', " ")


def _read_segments(block: str) -> list[Phone]:
    phones: list[Phone] = []
    clock = 0.0
    for line in block.split("\n"):
        label, _, end = line.partition(" ")
        if end:
            phones.append(Phone(clock, float(end), from_arpabet(label)))
            clock = float(end)
    return phones
