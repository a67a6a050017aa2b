# SPDX-License-Identifier: GPL-3.0-or-later
"""From an utterance to a finished clip: sound, features, phoneme labels and the teacher's motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.audio.features import MelSettings, clip_gain, log_mel
from training.corpus.augment import augment, set_level
from training.corpus.noise import make_noise_clip
from training.corpus.store import Clip
from training.corpus.teacher.lips import LipGaps
from training.corpus.teacher.teach import teach
from training.corpus.utterance import SAMPLE_RATE, Piece, Utterance
from training.phonemes import Phone, label_frames, tidy

Sound = NDArray[np.float32]

FADE = 80
"""Samples (5 ms) of fading where pieces are joined."""
PADDED = 0.15
"""Share of the clips that get silence before or after."""


@dataclass(frozen=True)
class ClipJob:
    """All that a worker needs for one clip; ``utterance`` None is a clip in which nobody speaks."""

    split: str
    utterance: Utterance | None
    copied: bool
    identity: int
    speaker: int
    sentence: int
    source: int
    seed: int


def make_clip(job: ClipJob, gaps: LipGaps, settings: MelSettings) -> Clip:
    """Do the job; the same job gives the same clip."""
    rng = np.random.Generator(np.random.Philox(key=job.seed))
    samples, phones = clip_sound(job, rng)
    audio = np.round(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)
    samples = audio.astype(np.float32) * np.float32(1 / 32768)
    weights = teach(phones, samples, gaps, job.identity, rng)
    count = len(weights) * settings.per_frame
    mel = log_mel(samples, 0, count, settings, clip_gain(samples, settings))
    return Clip(
        mel=mel.astype(np.float16),
        weights=weights.astype(np.float16),
        phones=label_frames(phones, mel_times(count, settings)),
        audio=audio,
        identity=job.identity,
        speaker=job.speaker,
        sentence=job.sentence,
        source=job.source,
        copied=job.copied,
    )


def mel_times(count: int, settings: MelSettings) -> NDArray[np.float64]:
    """Seconds at the centres of the first ``count`` mel frames: (m − 1) / 90 s."""
    return (np.arange(count) - settings.per_frame // 2) / (settings.frame_rate * settings.per_frame)


def clip_sound(job: ClipJob, rng: np.random.Generator) -> tuple[Sound, tuple[Phone, ...]]:
    if job.utterance is None:
        return make_noise_clip(rng)
    samples, phones = assemble(job.utterance.pieces), job.utterance.phones
    if job.copied:
        samples, phones = augment(samples, phones, rng)
    if float(np.abs(samples).max(initial=0.0)) > 0.99:
        samples = set_level(samples, 0.99)
    return pad(samples, phones, rng) if rng.random() < PADDED else (samples, phones)


def pad(
    samples: Sound, phones: tuple[Phone, ...], rng: np.random.Generator
) -> tuple[Sound, tuple[Phone, ...]]:
    """Up to 1.5 s of silence before and after."""
    before, after = (int(rng.uniform(0.0, 1.5) * SAMPLE_RATE) for _ in range(2))
    shift = before / SAMPLE_RATE
    padded = np.pad(samples, (before, after))
    moved = (Phone(p.start + shift, p.end + shift, p.label) for p in phones)
    return padded, tidy(moved, len(padded) / SAMPLE_RATE)


def assemble(pieces: tuple[Piece, ...]) -> Sound:
    """The pieces' sound one after the other, with their gaps, each faded in and out where there are
    several."""
    import soundfile

    parts: list[Sound] = []
    for piece in pieces:
        first, last = round(piece.start * SAMPLE_RATE), round(piece.end * SAMPLE_RATE)
        samples, _ = soundfile.read(piece.path, dtype="float32", start=first, stop=last)
        if len(pieces) > 1:
            fade = np.linspace(0.0, 1.0, FADE, dtype=np.float32)
            samples[:FADE] *= fade
            samples[-FADE:] *= fade[::-1]
        parts += [samples, np.zeros(round(piece.gap * SAMPLE_RATE), np.float32)]
    return np.concatenate(parts)
