# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips from a corpus folder that ``python -m training corpus`` made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.features import MelSettings, silence
from engine.template import Template, template_from_arrays
from training.data.clip import UNKNOWN_PHONEME, Clip
from training.data.meeting import meeting_of
from training.errors import TrainingError
from training.model.settings import MEL_PER_FRAME

SPLITS = ("train", "validation", "test")
FORMAT = 1
MOUTH_UNITS = ("jaw", "mouth", "tongue", "cheekPuff")
"""Units whose names begin so belong to speech: they rest in a silent stretch."""


@dataclass(frozen=True)
class Drawing:
    """How training clips are drawn: share of real recordings, share of stretches that are made silent, share
    of clips from a corpus beside."""

    real_share: float = 0.75
    silent_share: float = 0.02
    beside_share: float = 0.25


@dataclass(frozen=True, eq=False)
class Faces:
    """``faces.npz``: the template, all identities' rests ``(I, V, 3)``, splits ``(I,)`` and unit codes ``(I,
    U, Km)``.
    """

    template: Template
    rests: NDArray[np.float32]
    splits: NDArray[np.int64]
    unit_codes: NDArray[np.float32]


def read_corpus(folder: Path) -> dict[str, Any]:
    """``corpus.json``; raises ``TrainingError`` when the folder holds no corpus that fits."""
    path = folder / "corpus.json"
    if not path.is_file():
        raise TrainingError(
            f"{folder} holds no corpus; make one with: python -m training corpus --out {folder}"
        )
    try:
        corpus = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(f"{path} is damaged ({error}); make the corpus again.") from error
    if corpus.get("format", FORMAT) != FORMAT:
        raise TrainingError(
            f"{folder} has format {corpus['format']}, but training reads {FORMAT}; make it again."
        )
    return corpus


def read_faces(folder: Path) -> Faces:
    """The faces of a corpus folder; raises ``TrainingError`` when they are missing or incomplete."""
    try:
        with np.load(folder / "faces.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return Faces(
            template_from_arrays(arrays),
            arrays["rests"].astype(np.float32),
            arrays["identity_split"].astype(np.int64),
            arrays["unit_codes"].astype(np.float32),
        )
    except (OSError, KeyError, ValueError) as error:
        raise TrainingError(
            f"The faces of {folder} can't be read ({error}); make the corpus again."
        ) from error


class CorpusClips:
    """One split of a corpus folder, read from the disk as needed; implements ``ClipSource``.

    ``context`` is the mel frames before and after a stretch that the audio encoder sees.
    """

    def __init__(
        self, folder: Path, split: str, context: tuple[int, int], drawing: Drawing | None = None
    ) -> None:
        self.info = read_corpus(folder)
        self.faces = read_faces(folder)
        self.context, self.drawing = context, drawing or Drawing()
        self.identities = np.flatnonzero(self.faces.splits == SPLITS.index(split))
        self._mel, self._weights, self._phones = (
            _map(folder, split, kind) for kind in ("mel", "weights", "phones")
        )
        with np.load(folder / f"{split}_clips.npz", allow_pickle=False) as clips:
            self.clips = {name: clips[name] for name in clips.files}
        if len(self.clips["frames"]) == 0 or len(self.identities) == 0:
            raise TrainingError(f"The split {split} of {folder} is empty; make the corpus again.")
        self.mel_settings = MelSettings(**self.info["mel"])
        self._silence = silence(self.mel_settings)
        names = self.faces.template.unit_names
        self._speech_units = np.array([name.startswith(MOUTH_UNITS) for name in names])
        self._meeting = meeting_of(self.faces.template, self.faces.rests, self.faces.unit_codes)
        self._chances = self._cumulative()

    def __len__(self) -> int:
        return len(self.clips["frames"])

    def frames(self, index: int) -> int:
        """Length of a clip in frames."""
        return int(self.clips["frames"][index])

    def choose(self, rng: np.random.Generator) -> int:
        """Real clips in the set share, each clip as often as it is long."""
        return int(np.searchsorted(self._chances, rng.random() * self._chances[-1], side="right"))

    def clip(self, index: int, first: int, frames: int, rng: np.random.Generator | None = None) -> Clip:
        """As ``ClipSource`` says; ``rng`` draws another identity of the split, on which lips meet as they
        did, and sometimes silences the clip.
        """
        identity = int(self.clips["identity"][index])
        length, start = self.frames(index), int(self.clips["first_frame"][index])
        rows = start + np.clip(np.arange(first, first + frames), 0, length - 1)
        weights = self._weights[rows].astype(np.float32)
        mel = self.mel(index, first, frames)
        phones = self._middle_phones(start, length, first, frames)
        if rng is not None:
            own, identity = identity, int(rng.choice(self.identities))
            weights = weights if self._meeting is None else self._meeting.carried(weights, own, identity)
            if rng.random() < self.drawing.silent_share:
                weights = weights * ~self._speech_units
                mel = np.broadcast_to(self._silence, mel.shape).copy()
                phones = np.zeros_like(phones)
        motion = weights @ self.faces.unit_codes[identity]
        return Clip(self.faces.rests[identity], motion, mel, phones, float(self.info["frame_rate"]))

    def weights(self, index: int) -> NDArray[np.float32]:
        """The teacher's unit weights ``(T, U)`` of a whole clip."""
        start = int(self.clips["first_frame"][index])
        return self._weights[start : start + self.frames(index)].astype(np.float32)

    def mel(self, index: int, first: int, frames: int) -> NDArray[np.float32]:
        """Features ``(before + 3 frames + after, 80)`` around frames ``first`` … of a clip, silence outside
        it.
        """
        before, after = self.context
        start = MEL_PER_FRAME * int(self.clips["first_frame"][index])
        wanted = np.arange(MEL_PER_FRAME * first - before, MEL_PER_FRAME * (first + frames) + after)
        inside = (wanted >= 0) & (wanted < MEL_PER_FRAME * self.frames(index))
        mel = np.empty((len(wanted), len(self._silence)), np.float32)
        mel[inside] = self._mel[start + wanted[inside]]
        mel[~inside] = self._silence
        return mel

    def _middle_phones(self, start: int, length: int, first: int, frames: int) -> NDArray[np.uint8]:
        wanted = np.arange(first, first + frames)
        inside = (wanted >= 0) & (wanted < length)
        phones = np.full(frames, UNKNOWN_PHONEME, np.uint8)
        phones[inside] = self._phones[MEL_PER_FRAME * (start + wanted[inside]) + MEL_PER_FRAME // 2]
        return phones

    def _cumulative(self) -> NDArray[np.float64]:
        """Cumulative chances of the clips: by length, real and synthetic ones scaled to their shares."""
        chance = self.clips["frames"].astype(np.float64)
        real = self.clips["source"] == 0
        if 0 < real.sum() < len(real):
            chance[real] *= self.drawing.real_share / chance[real].sum()
            chance[~real] *= (1 - self.drawing.real_share) / chance[~real].sum()
        return np.cumsum(chance)


def _map(folder: Path, split: str, kind: str) -> NDArray[Any]:
    """An array that stays on the disk."""
    path = folder / f"{split}_{kind}.npy"
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} can't be read ({error}); make the corpus again.") from error
