# SPDX-License-Identifier: GPL-3.0-or-later
"""What a corpus is made from, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.audio.features import MelSettings

FORMAT = 1
HOURS_ALONE, HOURS_BESIDE = 9.0, 3.0
"""Hours of synthetic speech without and with recordings."""


@dataclass(frozen=True)
class CorpusOptions:
    """``hours`` of synthetic speech (None: as much as is sensible), ``identities`` of faces, ``copies`` the
    share of training clips that get an augmented copy, ``limit`` at most so many recordings a folder (for
    trials), ``ears`` a training run's folder: recordings in which it hears other phones are left out.
    ``languages`` lets the synthesisers speak other languages' syllables instead of sentences."""

    out: Path
    recordings: tuple[Path, ...] = ()
    hours: float | None = None
    identities: int = 440
    seed: int = 0
    copies: float = 0.6
    noise_share: float = 0.03
    workers: int = 2
    limit: int | None = None
    required: tuple[str, ...] = ()
    ears: Path | None = None
    languages: bool = False
    mel: MelSettings = field(default_factory=MelSettings)

    @property
    def synthetic_hours(self) -> float:
        return self.hours if self.hours is not None else HOURS_BESIDE if self.recordings else HOURS_ALONE


@dataclass(frozen=True)
class SplitCount:
    """Counts of one split: hours of real and synthetic speech without copies, and of everything."""

    clips: int
    hours: float
    real: float
    synthetic: float
    speakers: int
    voices: int
    sentences: int
    identities: int


@dataclass(frozen=True)
class CorpusReport:
    """What was made; ``dropped`` reason -> recordings, ``notes`` what the user should know."""

    splits: dict[str, SplitCount]
    engines: tuple[str, ...]
    speakers: int
    voices: int
    identities: int
    dropped: dict[str, int]
    notes: tuple[str, ...]
    seconds: float

    @property
    def real(self) -> float:
        return sum(split.real for split in self.splits.values())

    @property
    def synthetic(self) -> float:
        return sum(split.synthetic for split in self.splits.values())

    def __str__(self) -> str:
        lines = [
            f"{'':12}{'clips':>8}{'hours':>8}{'real h':>8}{'synth h':>8}"
            f"{'speakers':>9}{'voices':>7}{'faces':>7}"
        ]
        lines += [
            f"{name:12}{s.clips:8}{s.hours:8.2f}{s.real:8.2f}{s.synthetic:8.2f}{s.speakers:9}{s.voices:7}{s.identities:7}"
            for name, s in self.splits.items()
        ]
        lines.append(
            f"Speech: {self.real + self.synthetic:.2f} h ({self.real:.2f} real of {self.speakers} speakers, "
            f"{self.synthetic:.2f} of {self.voices} synthetic voices of {len(self.engines)} engines: "
            f"{', '.join(self.engines) or 'none'}); {self.identities} faces; "
            "the hours above count augmented copies and noise too."
        )
        if self.dropped:
            lines.append(
                "Left out: "
                + ", ".join(f"{count} {reason}" for reason, count in sorted(self.dropped.items()))
                + "."
            )
        return "\n".join([*lines, *self.notes, f"Made in {self.seconds / 60:.1f} minutes."])
