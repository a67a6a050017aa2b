# SPDX-License-Identifier: GPL-3.0-or-later
"""A corpus of the toy face that is made in a moment: tones for voices, random units for motion."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from engine.audio.features import MelSettings
from engine.template import Template, template_arrays
from training.data.corpus import SPLITS
from training.export.toy import UNITS, toy_template

PHONEMES = ("SIL", "AA", "M", "IY")
IDENTITIES = 6


def write_toy_corpus(folder: Path, clips: int = 6, frames: int = 40, seed: int = 0) -> Path:
    """Write a corpus folder in the real format, with two identities and ``clips`` clips in every split."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    _write_faces(folder, toy_template(), rng)
    for number, split in enumerate(SPLITS):
        _write_split(folder, split, number, clips, frames, rng)
    corpus = {
        "format": 1,
        "seed": seed,
        "frame_rate": 30,
        "mel": dataclasses.asdict(MelSettings()),
        "phonemes": list(PHONEMES),
        "training_data": [{"name": "tones", "licence": "CC0-1.0", "credit": "nobody"}],
    }
    (folder / "corpus.json").write_text(json.dumps(corpus), encoding="utf-8")
    return folder


def _write_faces(folder: Path, template: Template, rng: np.random.Generator) -> None:
    codes = rng.standard_normal((IDENTITIES, len(template.identity_std))) * template.identity_std
    rests = template.rest + np.tensordot(codes, template.identity_basis, 1)
    basis = template.motion_basis.reshape(len(template.motion_basis), -1)
    units = template.unit_deltas.reshape(len(UNITS), -1) @ basis.T
    np.savez(
        folder / "faces.npz",
        **template_arrays(template),
        rests=rests.astype(np.float32),
        rest_codes=codes.astype(np.float32),
        identity_split=np.repeat(np.arange(3), 2).astype(np.uint8),
        unit_codes=np.repeat(units[None], IDENTITIES, 0).astype(np.float32),
    )


def _write_split(
    folder: Path, split: str, number: int, clips: int, frames: int, rng: np.random.Generator
) -> None:
    total = clips * frames
    phones = np.repeat(rng.integers(len(PHONEMES), size=total // 5), 15)
    mel = np.zeros((3 * total, 80), np.float32)
    for phoneme in range(len(PHONEMES)):
        mel[phones == phoneme, 20 * phoneme : 20 * phoneme + 20] = 1.5
    weights = rng.random((total, len(UNITS))) * 0.1
    weights[:, UNITS.index("jawOpen")] = np.array([0.0, 0.8, 0.05, 0.3])[phones[1::3]]
    weights[:, UNITS.index("eyeBlinkLeft")] = (np.arange(total) % 23) < 4
    np.save(folder / f"{split}_mel.npy", (mel + rng.normal(0, 0.1, mel.shape)).astype(np.float16))
    np.save(folder / f"{split}_weights.npy", weights.astype(np.float16))
    np.save(folder / f"{split}_phones.npy", phones.astype(np.uint8))
    np.savez(
        folder / f"{split}_clips.npz",
        first_frame=np.arange(clips) * frames,
        frames=np.full(clips, frames),
        first_sample=np.zeros(clips, np.int64),
        samples=np.zeros(clips, np.int64),
        identity=2 * number + np.arange(clips) % 2,
        speaker=np.arange(clips),
        sentence=np.arange(clips),
        source=np.arange(clips) % 2,
    )
