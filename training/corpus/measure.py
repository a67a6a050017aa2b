# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training.corpus.measure DIR``: does the teacher close the lips on p b m and open them for
vowels?

Gaps are those of the middle of the lips, in millimetres, on the clip's own face.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.corpus.errors import CorpusError
from training.corpus.teacher.lips import lip_gaps
from training.phonemes import BILABIALS, LABIODENTALS, PHONEMES, SILENCE, UNKNOWN, VOWELS
from training.ranking import area_under_curve

CLOSED, OPEN = 0.3, 2.0
"""Millimetres: a smaller gap is closed, a larger one open."""
PER_FRAME = 3


@dataclass(frozen=True)
class Measures:
    """Shares in 0 … 1 (see ``__str__``); ``auc`` is the area under the ROC curve of the smallest gap in a
    phone, p b m against vowels; ``silence`` is the widest gap beyond the rest's own in long silences (mm,
    99th percentile)."""

    closed: float
    opened: float
    bitten: float
    auc: float
    silence: float
    phones: int

    def __str__(self) -> str:
        return (
            f"{self.phones} phones: lips closer than {CLOSED} mm in {100 * self.closed:.1f} % of p b m, "
            f"wider than {OPEN} mm in {100 * self.opened:.1f} % of vowels, "
            f"median gap of f v {self.bitten:.2f} mm; "
            f"closures against vowels: area under the ROC curve {self.auc:.3f}; "
            f"long silences open at most {self.silence:.2f} mm beyond rest (99 %)."
        )


def measure(folder: Path, split: str = "train", most: int = 2000) -> Measures:
    """Measure at most ``most`` clips of a split; raises CorpusError if the folder holds no corpus."""
    smallest: dict[str, list[float]] = defaultdict(list)
    largest: dict[str, list[float]] = defaultdict(list)
    silences: list[float] = []
    for label, gaps, rest in phone_gaps(folder, split, most):
        smallest[label].append(float(gaps.min()))
        largest[label].append(float(gaps.max()))
        if label == SILENCE and len(gaps) > 36:
            silences.append(float(gaps[15:-15].max() - rest))
    closures = np.array([gap for label in BILABIALS for gap in smallest[label]])
    vowels = np.array([gap for label in VOWELS for gap in smallest[label]])
    wide = np.array([gap for label in VOWELS for gap in largest[label]])
    bites = [gap for label in LABIODENTALS for gap in smallest[label]]
    if not len(closures) or not len(vowels):
        raise CorpusError(
            f"The split {split} of {folder} holds no p, b, m or no vowels to measure; make a larger corpus."
        )
    return Measures(
        closed=float(np.mean(closures < CLOSED)),
        opened=float(np.mean(wide > OPEN)),
        bitten=float(np.median(bites)) if bites else 0.0,
        auc=area_under_curve(-closures, -vowels),
        silence=float(np.percentile(silences, 99)) if silences else 0.0,
        phones=sum(map(len, smallest.values())),
    )


def phone_gaps(folder: Path, split: str, most: int) -> Iterator[tuple[str, NDArray[np.float64], float]]:
    """Each phone's label, the gaps (mm) at the frames inside it, and the gap of its face at rest (mm)."""
    try:
        with np.load(folder / "faces.npz", allow_pickle=False) as stored:
            lips = lip_gaps({name: stored[name] for name in stored.files})
        clips = dict(np.load(folder / f"{split}_clips.npz", allow_pickle=False))
        weights = np.load(folder / f"{split}_weights.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / f"{split}_phones.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(
            f"{folder} holds no corpus ({error}); make one with python -m training corpus."
        ) from error
    for index in np.random.default_rng(0).permutation(len(clips["frames"]))[:most]:
        first, count, face = (int(clips[name][index]) for name in ("first_frame", "frames", "identity"))
        gaps = 1000 * lips.gaps(face, weights[first : first + count])[:, 0]
        for label, frames in _runs(labels[PER_FRAME * first : PER_FRAME * (first + count)]):
            if len(frames):
                yield label, gaps[frames], 1000 * float(lips.rest[face, 0])


def _runs(labels: NDArray[np.uint8]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Label and video frames of each run of equal phoneme ids ``(M,)``; frame t is mel frame 3t + 1."""
    edges = np.flatnonzero(np.diff(labels.astype(np.int16))) + 1
    for begin, end in zip([0, *edges.tolist()], [*edges.tolist(), len(labels)], strict=True):
        if end > begin and labels[begin] != UNKNOWN:
            inside = np.arange(begin, end)
            yield PHONEMES[labels[begin]], inside[inside % PER_FRAME == 1] // PER_FRAME


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.corpus.measure", description=__doc__)
    parser.add_argument("corpus", type=Path, nargs="?", default=Path("build/corpus"))
    parser.add_argument("--split", default="train", choices=("train", "validation", "test"))
    args = parser.parse_args()
    try:
        print(measure(args.corpus, args.split))
    except CorpusError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
