# SPDX-License-Identifier: GPL-3.0-or-later
"""Two takes of the same sentence by the corpus' teacher: as different as it makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.template import template_arrays
from training.corpus.clips import mel_times
from training.corpus.teacher.lips import LipGaps, lip_gaps
from training.corpus.teacher.teach import teach
from training.data.clip import Clip
from training.data.corpus import CorpusClips, Faces
from training.model.settings import MEL_PER_FRAME
from training.phonemes import Phone, phones_of_labels

TAKES, SPLIT = 2, "test"


def lip_gaps_of(faces: Faces) -> LipGaps:
    """Where lips meet on a corpus' identities, as its teacher knows it."""
    arrays = template_arrays(faces.template)
    return lip_gaps(arrays | {"rests": faces.rests, "unit_codes": faces.unit_codes})


def teach_again(folder: Path, source: CorpusClips, index: int, clip: Clip, gaps: LipGaps) -> list[Clip]:
    """Two new takes of a clip of the test split: the same phones, sound and head, all else drawn anew."""
    phones, samples = phones_of(folder, source, index), sound_of(folder, source, index)
    identity = int(source.clips["identity"][index])
    rngs = (np.random.default_rng([index, take]) for take in range(TAKES))
    takes = (teach(phones, samples, gaps, identity, rng) for rng in rngs)
    codes = source.faces.unit_codes[identity]
    return [Clip(clip.rest, weights @ codes, clip.mel, None, clip.frame_rate) for weights in takes]


def phones_of(folder: Path, source: CorpusClips, index: int) -> list[Phone]:
    """The phones of a clip, from its labels at the mel frames."""
    first, frames = int(source.clips["first_frame"][index]), source.frames(index)
    rows = np.load(folder / f"{SPLIT}_phones.npy", mmap_mode="r", allow_pickle=False)
    labels = np.asarray(rows[MEL_PER_FRAME * first : MEL_PER_FRAME * (first + frames)])
    return list(phones_of_labels(labels, mel_times(len(labels), source.mel_settings)))


def sound_of(folder: Path, source: CorpusClips, index: int) -> NDArray[np.float32]:
    """The sound of a clip ``(N,)`` at 16 kHz."""
    first, count = (int(source.clips[name][index]) for name in ("first_sample", "samples"))
    rows = np.load(folder / f"{SPLIT}_audio.npy", mmap_mode="r", allow_pickle=False)
    return np.asarray(rows[first : first + count], np.float32) * np.float32(1 / 32768)
