# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training.corpus.measure DIR``: does the teacher close the lips on p b m and open them for
vowels?

Then: are the lips shut in pauses, does the mouth open with the voice, does the lip find the teeth on f v, are
rounded mouths narrower than spread ones, and do the lids blink like a person's? All lengths are millimetres
on the clip's own face.
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

from engine.arrays import runs_of
from training.corpus.errors import CorpusError
from training.corpus.teacher.lips import incisor_edges, landmark_vertices, lip_gaps, vertex_motion
from training.phonemes import BILABIALS, CONSONANTS, LABIODENTALS, PHONEMES, SILENCE, UNKNOWN, VOWELS
from training.ranking import area_under_curve

CLOSED, OPEN = 0.3, 2.0
"""Millimetres: a smaller gap is closed, a larger one open."""
PER_FRAME = 3
FRAME_RATE, SAMPLES_PER_FRAME = 30.0, 16_000 // 30
PAUSE, EDGE, SHUT = 0.15, 0.03, 1.0
"""Seconds that a pause lasts at least and that its labels may err by; millimetres beyond rest that still
count as shut."""
ROUNDED, SPREAD = ("UW", "OW", "W"), ("IY", "EH", "S")
LID_MOVED, LID_SHUT = 0.1, 0.9
"""eyeBlink weights: a blink has begun, the eye is closed."""


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
    corpus = _open_split(folder, split)
    lips = lip_gaps(corpus.faces)
    for clip in corpus.takes(most):
        gaps = 1000 * lips.gaps(clip.face, clip.weights)[:, 0]
        for label, frames in _runs(clip.labels):
            if len(frames):
                yield label, gaps[frames], 1000 * float(lips.rest[clip.face, 0])


@dataclass(frozen=True)
class FaceMeasures:
    """``shut`` share of the frames of pauses; ``loud`` rank correlation of a vowel's widest aperture with its
    level against the clip's, mean over clips; ``teeth`` and ``width`` areas under the ROC curve; ``tucked``,
    ``pressed`` median distances (mm) of lip and teeth at f v and at p b m; ``blinks`` a minute, ``lasting``
    their 5th, 50th and 95th percentile (s), ``half`` share of frames in which a lid stands half shut for half
    a second."""

    shut: float
    pause_frames: int
    loud: float
    teeth: float
    tucked: float
    pressed: float
    width: float
    blinks: float
    lasting: tuple[float, float, float]
    half: float

    def __str__(self) -> str:
        lasting = ", ".join(f"{1000 * seconds:.0f}" for seconds in self.lasting)
        return (
            f"Pauses: lips within {SHUT} mm of rest in {100 * self.shut:.1f} % of "
            f"{self.pause_frames} frames. "
            f"Loudness: rank correlation with the opening of vowels {self.loud:.2f}. "
            f"Lip to teeth: {self.tucked:.2f} mm at f v, {self.pressed:.2f} at p b m; "
            f"area under the ROC curve, f v against other consonants, {self.teeth:.3f}. "
            f"Width, rounded against spread: area under the ROC curve {self.width:.3f}. "
            f"Blinks: {self.blinks:.1f} a minute, lasting {lasting} ms "
            f"(5, 50, 95 %), lids stuck half shut in {100 * self.half:.2f} % of frames."
        )


def measure_faces(folder: Path, split: str = "train", most: int = 2000) -> FaceMeasures:
    """Measure the face in at most ``most`` clips of a split; raises CorpusError if there is no speech."""
    corpus = _open_split(folder, split)
    lips = _Lips(corpus.faces)
    gathered: dict[str, list[float]] = defaultdict(list)
    lids: list[NDArray[np.float64]] = []
    blink = lips.unit("eyeBlinkLeft")
    for clip in corpus.takes(most):
        aperture, teeth, width = lips.tracks(clip.face, clip.weights)
        _gather(gathered, clip, aperture, teeth, width)
        lids.append(clip.weights[:, blink])
    if not gathered["teeth f v"] or not gathered["rounded"] or not gathered["spread"]:
        raise CorpusError(
            f"The split {split} of {folder} has too little speech to measure; make a larger corpus."
        )
    column = {name: np.array(values) for name, values in gathered.items()}
    others = np.concatenate([column["teeth other"], column["teeth p b m"]])
    lengths = np.concatenate([_blink_lengths(lid) for lid in lids])
    low, middle, high = np.percentile(lengths, (5, 50, 95)) if len(lengths) else (0.0, 0.0, 0.0)
    frames = sum(map(len, lids))
    return FaceMeasures(
        shut=float(np.mean(column["pause"])) if gathered["pause"] else 1.0,
        pause_frames=len(gathered["pause"]),
        loud=float(np.mean(column["loud"])) if gathered["loud"] else 0.0,
        teeth=area_under_curve(-column["teeth f v"], -others),
        tucked=float(np.median(column["teeth f v"])),
        pressed=float(np.median(column["teeth p b m"])),
        width=area_under_curve(-column["rounded"], -column["spread"]),
        blinks=len(lengths) / max(frames / FRAME_RATE / 60, 1e-9),
        lasting=(float(low), float(middle), float(high)),
        half=sum(_stuck(lid) for lid in lids) / max(frames, 1),
    )


@dataclass(frozen=True)
class _Take:
    face: int
    weights: NDArray[np.float64]
    labels: NDArray[np.uint8]
    level: NDArray[np.float64]


@dataclass(frozen=True)
class _Split:
    faces: dict[str, NDArray]
    clips: dict[str, NDArray]
    weights: NDArray
    labels: NDArray
    audio: NDArray

    def takes(self, most: int) -> Iterator[_Take]:
        """At most ``most`` clips, seeded; ``level (T,)`` in decibels."""
        for index in np.random.default_rng(0).permutation(len(self.clips["frames"]))[:most]:
            names = ("first_frame", "frames", "first_sample", "samples", "identity")
            first, count, sample, samples, face = (int(self.clips[name][index]) for name in names)
            sound = self.audio[sample : sample + samples].astype(np.float64)
            yield _Take(
                face,
                self.weights[first : first + count].astype(np.float64),
                self.labels[PER_FRAME * first : PER_FRAME * (first + count)],
                _levels(sound, count),
            )


def _open_split(folder: Path, split: str) -> _Split:
    try:
        with np.load(folder / "faces.npz", allow_pickle=False) as stored:
            faces = {name: stored[name] for name in stored.files}
        clips = dict(np.load(folder / f"{split}_clips.npz", allow_pickle=False))
        tables = [
            np.load(folder / f"{split}_{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ("weights", "phones", "audio")
        ]
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(
            f"{folder} holds no corpus ({error}); make one with python -m training corpus."
        ) from error
    return _Split(faces, clips, *tables)


class _Lips:
    """Lip landmarks of a corpus' faces, linear in the unit weights."""

    def __init__(self, faces: dict[str, NDArray]) -> None:
        names = ("lip_upper_inner", "lip_lower_inner", "mouth_left", "mouth_right")
        self._names = [str(name) for name in faces["unit_names"]]
        self._rest, self._units = vertex_motion(faces, np.array(landmark_vertices(faces, *names)))
        self._edges = incisor_edges(faces)

    def unit(self, name: str) -> int:
        return self._names.index(name)

    def tracks(self, face: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Aperture, lower lip to incisors, and width, ``(T,)`` each; aperture and width beyond rest's."""
        rest = self._rest[face]
        upper, lower, left, right = np.moveaxis(rest + np.tensordot(weights, self._units[face], 1), 1, 0)
        ends = ((upper, lower), (lower, self._edges[face]), (left, right))
        aperture, teeth, width = (1000 * np.linalg.norm(a - b, axis=-1) for a, b in ends)
        closed, wide = (1000 * float(np.linalg.norm(rest[a] - rest[b])) for a, b in ((0, 1), (2, 3)))
        return aperture - closed, teeth, width - wide


def _gather(
    found: dict[str, list[float]],
    clip: _Take,
    aperture: NDArray[np.float64],
    teeth: NDArray[np.float64],
    width: NDArray[np.float64],
) -> None:
    """Add one clip's figures under their names."""
    opened: list[tuple[float, float]] = []
    inset = int(np.ceil(EDGE * FRAME_RATE))
    for label, frames in _runs(clip.labels):
        if not len(frames):
            continue
        if label == SILENCE and len(frames) > PAUSE * FRAME_RATE:
            found["pause"] += (aperture[frames[inset:-inset]] <= SHUT).tolist()
        elif label in VOWELS:
            opened.append((float(aperture[frames].max()), float(clip.level[frames].max())))
        elif label in CONSONANTS:
            kind = "f v" if label in LABIODENTALS else "p b m" if label in BILABIALS else "other"
            found[f"teeth {kind}"].append(float(teeth[frames].min()))
        for name, labels in (("rounded", ROUNDED), ("spread", SPREAD)):
            if label in labels:
                found[name].append(float(width[frames].mean()))
    if len(opened) >= 8:
        found["loud"].append(_rank_correlation(*np.array(opened).T))


def _rank_correlation(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """Spearman's, ties in their order."""
    first, second = (values.argsort(kind="stable").argsort(kind="stable") for values in (one, two))
    return float(np.corrcoef(first, second)[0, 1])


def _levels(sound: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Level in decibels ``(count,)`` of about 33 ms around every frame."""
    power = np.concatenate([[0.0], np.cumsum(sound**2)])
    centres = np.arange(count) * 16_000 // 30
    first = np.clip(centres - SAMPLES_PER_FRAME // 2, 0, len(sound))
    last = np.clip(centres + SAMPLES_PER_FRAME // 2, 0, len(sound))
    return 10 * np.log10((power[last] - power[first]) / SAMPLES_PER_FRAME + 1.0)


def _blink_lengths(lid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds of each whole blink of a clip that reaches LID_SHUT."""
    begins, ends = _spans(lid > LID_MOVED)
    shut = [lid[a:b].max() >= LID_SHUT for a, b in zip(begins, ends, strict=True)]
    return (ends - begins)[np.array(shut, bool)] / FRAME_RATE


def _stuck(lid: NDArray[np.float64]) -> int:
    """Frames in which a lid stands between open and shut for longer than half a second."""
    begins, ends = _spans((lid > 0.3) & (lid < LID_SHUT))
    lengths = ends - begins
    return int(lengths[lengths > FRAME_RATE / 2].sum())


def _spans(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First frame and the frame after the last of each run of True."""
    begins, ends = np.array(runs_of(inside), np.int64).reshape(-1, 2).T
    return begins, ends


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
        sys.stdout.write(f"{measure(args.corpus, args.split)}\n{measure_faces(args.corpus, args.split)}\n")
    except CorpusError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
