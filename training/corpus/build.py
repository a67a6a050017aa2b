# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the corpus: gather voices, agree on splits, hand every clip to a worker, write."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.features import MelSettings
from training.corpus import gather
from training.corpus.clips import ClipJob, make_clip
from training.corpus.errors import CorpusError
from training.corpus.options import FORMAT, CorpusOptions, CorpusReport, SplitCount
from training.corpus.split import SPLITS, agree
from training.corpus.store import Clip, SplitWriter, full_disk_is_told, write_json
from training.corpus.teacher.lips import LipGaps, lip_gaps
from training.corpus.utterance import NOISE, REAL, SOURCES, Utterance, stable_seed
from training.corpus.workers import worker_pool
from training.phonemes import PHONEMES

Progress = Callable[[str, float], None]

SMALLEST_DISK = 6_000_000_000
"""Bytes that should be free for a corpus of full size."""


def build_corpus(options: CorpusOptions, progress: Progress | None = None) -> CorpusReport:
    """Make the corpus in ``options.out``; raises CorpusError with what is wrong.

    The same options give the same files, whatever the number of workers.
    """
    begun = time.monotonic()
    tell = progress or (lambda stage, fraction: None)
    with full_disk_is_told(options.out), _work_folder(options.out) as work:
        faces = load_faces(options, tell)
        voices = gather.gather(options, work, tell)
        kept, torn = agree(voices.utterances, voices.splits)
        dropped = Counter(voices.dropped) + Counter({"torn between splits": torn})
        jobs, speakers, sentences = plan(kept, faces["identity_split"], options)
        _refuse_an_empty_split(jobs)
        tables = _write_splits(jobs, lip_gaps(faces), options, tell)
        splits = {name: _count(table, SOURCES.index(NOISE)) for name, table in tables.items()}
        report = _report(
            splits, kept, int(len(faces["identity_split"])), dropped, voices.notes, time.monotonic() - begun
        )
        write_json(options.out / "sentences.json", sentences)
        write_json(options.out / "corpus.json", _card(options, report, speakers, voices.licences))
    return report


def load_faces(options: CorpusOptions, tell: Progress) -> dict[str, NDArray]:
    """The arrays of ``faces.npz``, which is made first where it is missing."""
    path = options.out / "faces.npz"
    if not path.is_file():
        from training.faces.build import build_faces

        tell("faces", 0.0)
        build_faces(options.out, options.identities, options.seed)
    with np.load(path, allow_pickle=False) as stored:
        faces = {name: stored[name] for name in stored.files}
    if len(faces["identity_split"]) < options.identities:
        raise CorpusError(
            f"{path} has fewer than {options.identities} faces; remove it to have it made anew."
        )
    return faces


def plan(
    kept: Sequence[tuple[str, Utterance]], identity_split: NDArray[np.integer], options: CorpusOptions
) -> tuple[list[ClipJob], list[str], list[str]]:
    """All clips to make, the speakers' names and the sentences (by id). Faces are dealt out in seeded
    rounds."""
    rng = random.Random(options.seed)
    speakers = sorted({u.voice for _, u in kept}) + [f"{NOISE}/{split}" for split in SPLITS]
    sentences = sorted({u.sentence for _, u in kept}) + [f"({NOISE} {split})" for split in SPLITS]
    speaker_id = {name: index for index, name in enumerate(speakers)}
    sentence_id = {name: index for index, name in enumerate(sentences)}
    deal = {name: _dealer(np.flatnonzero(identity_split == i), rng) for i, name in enumerate(SPLITS)}
    jobs: list[ClipJob] = []
    for split in SPLITS:
        members = [u for where, u in kept if where == split]
        takes = [(u, False) for u in members]
        takes += [(u, True) for u in members if split == "train" and rng.random() < options.copies]
        rng.shuffle(takes)
        for utterance, copied in takes:
            ids = (next(deal[split]), speaker_id[utterance.voice], sentence_id[utterance.sentence])
            seed = stable_seed(options.seed, utterance.key, copied)
            jobs.append(ClipJob(split, utterance, copied, *ids, SOURCES.index(utterance.source), seed))
        quiet = sum(u.duration for u, _ in takes) * options.noise_share / 8.0
        for index in range(int(np.ceil(quiet))):
            ids = (next(deal[split]), speaker_id[f"{NOISE}/{split}"], sentence_id[f"({NOISE} {split})"])
            seed = stable_seed(options.seed, NOISE, split, index)
            jobs.append(ClipJob(split, None, False, *ids, SOURCES.index(NOISE), seed))
    return jobs, speakers, sentences


def _dealer(identities: NDArray[np.int64], rng: random.Random) -> Iterator[int]:
    while len(identities):
        order = identities.tolist()
        rng.shuffle(order)
        yield from order


def _refuse_an_empty_split(jobs: Sequence[ClipJob]) -> None:
    missing = [split for split in SPLITS if not any(job.split == split for job in jobs)]
    if missing:
        raise CorpusError(
            f"No usable voice is left for {' and '.join(missing)}; give recordings of more speakers, "
            "or some hours of synthetic speech and the synthesisers for it."
        )


def _write_splits(
    jobs: Sequence[ClipJob], gaps: LipGaps, options: CorpusOptions, tell: Progress
) -> dict[str, dict[str, NDArray[np.int64]]]:
    units = len(gaps.unit_names)
    writers = {split: SplitWriter(options.out, split, options.mel.bands, units) for split in SPLITS}
    with worker_pool(options.workers, _start_worker, (gaps, options.mel)) as pool:
        for done, (job, clip) in enumerate(zip(jobs, pool.imap(_work, jobs, chunksize=8), strict=True)):
            writers[job.split].append(clip)
            tell("clips", (done + 1) / len(jobs))
    return {split: writer.close() for split, writer in writers.items()}


_shared: tuple[LipGaps, MelSettings] | None = None


def _start_worker(gaps: LipGaps, settings: MelSettings) -> None:
    global _shared
    _shared = (gaps, settings)


def _work(job: ClipJob) -> Clip:
    if _shared is None:
        raise RuntimeError("The worker was not started by _start_worker.")
    return make_clip(job, *_shared)


@contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    out.mkdir(parents=True, exist_ok=True)
    work = out / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _count(table: dict[str, NDArray[np.int64]], noise: int) -> SplitCount:
    hours = table["samples"] / 16_000 / 3600
    speech = (table["source"] != noise) & (table["copied"] == 0)
    real = speech & (table["source"] == SOURCES.index(REAL))
    return SplitCount(
        clips=len(hours),
        hours=float(hours.sum()),
        real=float(hours[real].sum()),
        synthetic=float(hours[speech & ~real].sum()),
        speakers=len(np.unique(table["speaker"][real])),
        voices=len(np.unique(table["speaker"][speech & ~real])),
        sentences=len(np.unique(table["sentence"][speech])),
        identities=len(np.unique(table["identity"])),
    )


def _report(
    splits: dict[str, SplitCount],
    kept: Sequence[tuple[str, Utterance]],
    identities: int,
    dropped: Counter[str],
    notes: tuple[str, ...],
    seconds: float,
) -> CorpusReport:
    sources = {u.source for _, u in kept}
    return CorpusReport(
        splits=splits,
        engines=tuple(source for source in SOURCES if source in sources and source != REAL),
        speakers=len({u.voice for _, u in kept if u.source == REAL}),
        voices=len({u.voice for _, u in kept if u.source != REAL}),
        identities=identities,
        dropped={reason: count for reason, count in dropped.items() if count},
        notes=notes,
        seconds=seconds,
    )


def _card(
    options: CorpusOptions, report: CorpusReport, speakers: list[str], licences: list[dict[str, str]]
) -> dict:
    return {
        "format": FORMAT,
        "seed": options.seed,
        "frame_rate": options.mel.frame_rate,
        "mel": asdict(options.mel),
        "phonemes": list(PHONEMES),
        "sources": list(SOURCES),
        "splits": {name: asdict(count) for name, count in report.splits.items()},
        "hours": {"real": report.real, "synthetic": report.synthetic},
        "speakers": report.speakers,
        "voices": report.voices,
        "engines": list(report.engines),
        "identities": report.identities,
        "left_out": report.dropped,
        "training_data": licences,
        "speaker_names": speakers,
    }
