# SPDX-License-Identifier: GPL-3.0-or-later
"""A corpus taught again: the same clips, their motion by the teacher and the faces of today.

What took the time stays, sound, features and labels (hard links where the disk has them); what the teacher
knows of the phones comes back from the labels of the mel frames, to half of such a frame, 6 ms.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.features import MelSettings
from training.corpus.clips import mel_times
from training.corpus.errors import CorpusError
from training.corpus.split import SPLITS
from training.corpus.store import GrowingArray, full_disk_is_told
from training.corpus.teacher.lips import LipGaps, lip_gaps
from training.corpus.teacher.teach import teach
from training.corpus.utterance import stable_seed
from training.corpus.workers import worker_pool
from training.data.corpus import read_corpus
from training.errors import TrainingError
from training.phonemes import phones_of_labels

Progress = Callable[[str, float], None]
Job = tuple[str, int]
"""A split and the place of a clip in it."""

KEPT = ("mel.npy", "phones.npy", "audio.npy", "clips.npz")
CARD, SENTENCES = "corpus.json", "sentences.json"


def teach_again(corpus: Path, out: Path, workers: int, tell: Progress | None = None) -> int:
    """Write to ``out`` the clips of ``corpus`` with motion and faces made anew (faces that are there already
    stay); gives the number of clips. CorpusError with what is wrong.

    The same corpus gives the same files, whatever the number of workers.
    """
    tell = tell or (lambda stage, fraction: None)
    settings, seed = _read(corpus)
    if (out / CARD).exists():
        raise CorpusError(f"{out} holds a corpus already; choose another folder for --out.")
    with full_disk_is_told(out):
        out.mkdir(parents=True, exist_ok=True)
        tell("faces", 0.0)
        gaps = lip_gaps(_faces(corpus, out, seed))
        jobs = [(split, place) for split in SPLITS for place in range(_count(corpus, split))]
        with worker_pool(workers, _start_worker, (corpus, gaps, settings)) as pool:
            writers = {split: _writer(out, split, gaps) for split in SPLITS}
            for done, (job, weights) in enumerate(
                zip(jobs, pool.imap(_work, jobs, chunksize=8), strict=True)
            ):
                writers[job[0]].append(weights)
                tell("clips", (done + 1) / len(jobs))
            for writer in writers.values():
                writer.close()
        for name in [*(f"{split}_{kind}" for split in SPLITS for kind in KEPT), SENTENCES, CARD]:
            _share(corpus / name, out / name)
    return len(jobs)


def _read(corpus: Path) -> tuple[MelSettings, int]:
    try:
        card = read_corpus(corpus)
        return MelSettings(**card["mel"]), int(card["seed"])
    except (TrainingError, KeyError, TypeError) as error:
        raise CorpusError(f"{corpus} can't be taught again: {error}") from error


def _faces(corpus: Path, out: Path, seed: int) -> dict[str, NDArray]:
    """The arrays of ``faces.npz`` in ``out``: as many as the corpus had, dealt to the same splits."""
    with np.load(corpus / "faces.npz", allow_pickle=False) as stored:
        splits = stored["identity_split"]
    if not (out / "faces.npz").is_file():
        from training.faces.build import build_faces

        build_faces(out, len(splits), seed)
    with np.load(out / "faces.npz", allow_pickle=False) as stored:
        made = {name: stored[name] for name in stored.files}
    if not np.array_equal(made["identity_split"], splits):
        raise CorpusError(f"The faces of {out} are dealt to other splits than those of {corpus}.")
    return made


def _writer(out: Path, split: str, gaps: LipGaps) -> GrowingArray:
    return GrowingArray(out / f"{split}_weights.npy", "<f2", (len(gaps.unit_names),))


def _share(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _count(corpus: Path, split: str) -> int:
    with np.load(corpus / f"{split}_clips.npz", allow_pickle=False) as clips:
        return len(clips["frames"])


class _Shelf:
    """A corpus' stored clips, and what to teach them with."""

    def __init__(self, corpus: Path, gaps: LipGaps, settings: MelSettings) -> None:
        self._gaps, self._settings = gaps, settings
        self._clips: dict[str, dict[str, NDArray]] = {}
        self._rows: dict[str, tuple[NDArray, NDArray]] = {}
        for split in SPLITS:
            with np.load(corpus / f"{split}_clips.npz", allow_pickle=False) as clips:
                self._clips[split] = {name: clips[name] for name in clips.files}
            paths = (corpus / f"{split}_{kind}.npy" for kind in ("audio", "phones"))
            audio, phones = (np.load(path, mmap_mode="r", allow_pickle=False) for path in paths)
            self._rows[split] = (audio, phones)

    def taught(self, split: str, place: int) -> NDArray[np.float16]:
        """New weights ``(T, U)`` of one clip, as long as its old ones."""
        clip = {name: int(column[place]) for name, column in self._clips[split].items()}
        audio, labels = self._rows[split]
        first, count = (self._settings.per_frame * clip[name] for name in ("first_frame", "frames"))
        phones = phones_of_labels(labels[first : first + count], mel_times(count, self._settings))
        at = clip["first_sample"]
        samples = audio[at : at + clip["samples"]].astype(np.float32) * np.float32(1 / 32768)
        rng = np.random.Generator(np.random.Philox(key=stable_seed(0, "again", split, place)))
        return teach(phones, samples, self._gaps, clip["identity"], rng).astype(np.float16)


_shelf: _Shelf | None = None


def _start_worker(corpus: Path, gaps: LipGaps, settings: MelSettings) -> None:
    global _shelf
    _shelf = _Shelf(corpus, gaps, settings)


def _work(job: Job) -> NDArray[np.float16]:
    if _shelf is None:
        raise RuntimeError("The worker was not started by _start_worker.")
    return _shelf.taught(*job)
