# SPDX-License-Identifier: GPL-3.0-or-later
"""Dubbing on the test split: do the lips follow the new words as well as generation's, does the upper face
stay the original's, do seams show, and do blinks live through stretching?

Each clip gives the new sound and the truth for the lips; the next clip's motion, on the same head and of its
own length, is the performance that is dubbed. All of it goes through the engine as users get it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.sound import Sound, sound_from_samples
from engine.bundle import Bundle
from engine.generate import GenerateOptions, Take, generate
from engine.generate.dub import DubOptions, dub
from engine.generate.past import Original
from engine.generate.pauses import silence_share
from engine.generate.read_back import upper_share
from engine.generate.retime import Stretch
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding
from engine.template import SKIN, Template
from training.data.corpus import CorpusClips
from training.errors import TrainingError
from training.evaluate.networks import BundleNetworks, true_displacement
from training.evaluate.regions import Regions, mean_of
from training.report.lids import find_blinks, lids_of
from training.report.life import SECONDS, SHORTEST, long_clips
from training.report.request import Measurement, Request
from training.report.table import Target, methods_table, number
from training.report.takes import SPLIT, sound_of
from training.report.tracks import FRAME_RATE

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

TITLE = "Dub"
CLIPS = 32
LIPS_WANTED, UPPER_WANTED = 1.1, 0.5
SEAM = (0.02, 0.98)
"""Shares of the upper face between which a vertex belongs to the seam."""
SILENT = 0.99


@dataclass(frozen=True, eq=False)
class Case:
    """One clip: its new ``sound``, the ``true`` motion (T, V, 3) for it, the ``old`` performance (T', V, 3)
    with its ``weights`` (T', U), and the bound head with its rest (V, 3)."""

    sound: Sound
    true: Floats
    old: Floats
    weights: Floats
    rest: Floats
    binding: Binding

    def original(self, with_weights: bool = False) -> Original:
        """What is dubbed."""
        places = self.rest + self.old
        if not with_weights:
            return Original(Fraction(FRAME_RATE), places)
        return Original(Fraction(FRAME_RATE), places, self.weights, self.binding.template.unit_names)

    def beginning(self) -> Original:
        """As much of it as has to be stretched to twice its length, or all."""
        return Original(Fraction(FRAME_RATE), self.rest + self.old[: len(self.true) // 2])


def measure_dub(request: Request) -> Measurement:
    """Lips, upper face, seams, zero change and blinks of dubbed clips of the test split."""
    if request.corpus is None:
        raise TrainingError("Dubbing is measured on a corpus; give --corpus.")
    source = CorpusClips(request.corpus, SPLIT, request.bundle.card.audio_context)
    chosen = long_clips(source, CLIPS, SHORTEST)
    cases = [
        case_of(request, source, index, chosen[(place + 1) % len(chosen)])
        for place, index in enumerate(chosen)
    ]
    figures = dub_figures(request.bundle, cases)
    return Measurement(TITLE, figures, dub_targets(figures), dub_text(figures))


def case_of(request: Request, source: CorpusClips, index: int, other: int) -> Case:
    """Clip ``index``, to be spoken by what clip ``other`` does on its head."""
    if request.corpus is None:
        raise TrainingError("Dubbing is measured on a corpus; give --corpus.")
    clip = source.clip(index, 0, source.frames(index))
    template = source.faces.template
    basis = template.motion_basis.reshape(len(template.motion_basis), -1)
    weights = source.weights(other)
    old = weights @ source.faces.unit_codes[int(source.clips["identity"][index])] @ basis
    return Case(
        sound_from_samples(sound_of(request.corpus, source, index), 16_000),
        true_displacement(clip, basis),
        old.reshape(len(weights), -1, 3).astype(np.float32),
        weights,
        clip.rest,
        bind_head(request.bundle.template, clip.rest, template.faces),
    )


class Looker:
    """Measures one motion of one case."""

    def __init__(self, template: Template) -> None:
        self.regions, self.lids = Regions(template), lids_of(template)
        share = upper_share(template)
        corners = template.faces
        pairs = np.concatenate([corners[:, [i, (i + 1) % 4]] for i in range(4)])
        pairs = np.unique(np.sort(pairs[(pairs >= 0).all(axis=1)], axis=1), axis=0)
        seam = ((share[pairs] > SEAM[0]) & (share[pairs] < SEAM[1])).any(axis=1)
        self.edges = pairs[seam & (template.part[pairs] == SKIN).all(axis=1)]

    def look(self, case: Case, motion: Floats) -> dict[str, float]:
        """Distances in mm of a motion (T, V, 3): lips and mouth to the truth, upper face to the original; the
        largest stretch in % of an edge between them, mean over frames."""
        heard, both = min(len(motion), len(case.true)), min(len(motion), len(case.old))
        return {
            "lips": self.regions.lip_error(motion[:heard], case.true[:heard]),
            "mouth": self.regions.distances(motion[:heard], case.true[:heard])["mouth"],
            "upper": self.regions.distances(motion[:both], case.old[:both])["upper"],
            "seam": self.stretch(case.rest, motion),
        }

    def stretch(self, rest: Floats, motion: Floats) -> float:
        """Largest change of length of the seam's edges in %, mean over frames."""
        one, other = self.edges.T
        length = np.linalg.norm(rest[one] - rest[other], axis=-1)
        moved = rest + motion
        now = np.linalg.norm(moved[:, one] - moved[:, other], axis=-1)
        return float(100 * np.abs(now / length - 1).max(axis=1).mean())

    def blinks(self, rest: Floats, motion: Floats) -> Array:
        """Lengths of all blinks in seconds."""
        return find_blinks(self.lids.closure(rest, motion)).seconds


def dub_figures(bundle: Bundle, cases: Sequence[Case]) -> dict[str, Any]:
    """All figures; distances in mm."""
    looker, networks = Looker(bundle.template), BundleNetworks(bundle)
    rows: dict[str, list[dict[str, float]]] = {}
    zero, pauses, blinks = [], [], []
    for seed, case in enumerate(cases):
        takes = takes_of(bundle, case, seed)
        for name, motion in motions(networks, case, takes).items():
            rows.setdefault(name, []).append(looker.look(case, motion))
        zero.append(change_of_nothing(case, takes.untouched))
        pauses.append(pause_figures(looker, case, takes.dubbed, takes.paused))
        blinks.append(stretched_blinks(looker, case, takes.stretched))
    frames = [len(case.true) for case in cases]
    return {
        "clips": len(cases),
        "frames": sum(frames),
        "mm": {name: mean_of(values, frames) for name, values in rows.items()},
        "changed_by_nothing_mm": max(zero),
        "pauses": pause_means(pauses),
        "blinks": blink_means(blinks),
    }


@dataclass(frozen=True, eq=False)
class Takes:
    """All takes of a case: generated; dubbed; dubbed with the mouth kept in pauses; dubbed with
    half as long an original, stretched; and with everything kept."""

    made: Take
    dubbed: Take
    paused: Take
    stretched: Take
    untouched: Take


def takes_of(bundle: Bundle, case: Case, seed: int) -> Takes:
    """Every take of a case."""

    def dubbed(options: DubOptions, with_weights: bool = False) -> Take:
        return dub(bundle, case.sound, case.binding, case.original(with_weights), options)

    stretched = DubOptions(seed=seed, stretch=Stretch.STRETCH)
    return Takes(
        generate(bundle, case.sound, case.binding, GenerateOptions(seed=seed))[0],
        dubbed(DubOptions(seed=seed)),
        dubbed(DubOptions(seed=seed, keep_silence=True)),
        dub(bundle, case.sound, case.binding, case.beginning(), stretched),
        dubbed(DubOptions(upper=1.0, mouth=1.0), with_weights=True),
    )


def motions(networks: BundleNetworks, case: Case, takes: Takes) -> dict[str, Floats]:
    """Motions (T, V, 3) of everything that is compared; "curves" are the units with their weights alone."""
    rest, units = case.rest, case.binding.unit_deltas()

    def curves(take: Take) -> Floats:
        return np.einsum("tu,uvc->tvc", take.weights, units, optimize=True)

    return {
        "generation": _motion(takes.made, rest),
        "dub": _motion(takes.dubbed, rest),
        "dub, upper face decoded again": networks.decode(rest, takes.dubbed.labels.astype(np.int64)),
        "generation, curves": curves(takes.made),
        "dub, curves": curves(takes.dubbed),
        "the clip itself": case.true,
    }


def change_of_nothing(case: Case, take: Take) -> float:
    """Largest change in mm, and of weights in thousandths, with everything kept."""
    both = min(len(take.weights), len(case.old))
    moved = np.abs(_motion(take, np.zeros_like(case.rest))[:both] - (case.rest + case.old)[:both]).max()
    return 1000 * float(max(moved, np.abs(take.weights[:both] - case.weights[:both]).max()))


def pause_figures(looker: Looker, case: Case, plain: Take, kept: Take) -> dict[str, float]:
    """With the mouth kept in pauses: its distance to the original's there, to the plain dub's elsewhere."""
    both = min(len(kept.weights), len(case.old))
    silent = silence_share(case.sound.samples, np.arange(both) / FRAME_RATE)
    inside, outside = silent > SILENT, silent == 0
    one, other = _motion(kept, case.rest)[:both], _motion(plain, case.rest)[:both]
    weight = looker.regions.weights["mouth"]

    def apart(first: Floats, second: Floats) -> float:
        return float(1000 * (np.linalg.norm(first - second, axis=-1) @ weight).sum())

    return {
        "frames": float(inside.sum()),
        "spoken": float(outside.sum()),
        "kept": apart(one[inside], case.old[:both][inside]),
        "without": apart(other[inside], case.old[:both][inside]),
        "elsewhere": apart(one[outside], other[outside]),
    }


def pause_means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over all frames of pauses, and over all that are spoken."""
    total = {name: sum(row[name] for row in rows) for name in rows[0]}
    return {
        "pauses_s": total["frames"] / FRAME_RATE,
        "mouth_to_original_mm": total["kept"] / max(total["frames"], 1),
        "mouth_to_original_without_mm": total["without"] / max(total["frames"], 1),
        "changed_elsewhere_mm": total["elsewhere"] / max(total["spoken"], 1),
    }


def stretched_blinks(looker: Looker, case: Case, take: Take) -> dict[str, Array]:
    """Lengths in s of the original's blinks, of those of a stretched dub, and of slowed ones."""
    old = case.old[: len(case.true) // 2]
    factor = (len(take.weights) - 1) / max(len(old) - 1, 1)
    own = looker.blinks(case.rest, old)
    found = looker.blinks(case.rest, _motion(take, case.rest))
    return {"original": own, "dub": found, "slowed": own * factor}


def blink_means(rows: Sequence[dict[str, Array]]) -> dict[str, dict[str, float]]:
    """How many blinks, their median length in s, and the share that lasts as long as blinks do."""
    together = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return {
        name: {
            "blinks": float(len(seconds)),
            "seconds_50": float(np.median(seconds)) if len(seconds) else float("nan"),
            "0.1-0.4 s": float(
                ((seconds >= SECONDS[0]) & (seconds <= SECONDS[1])).sum() / max(len(seconds), 1)
            ),
        }
        for name, seconds in together.items()
    }


def dub_targets(figures: dict[str, Any]) -> list[Target]:
    """What issue 5 wants: against generation, for the vertices and for the curves alone."""
    rows = figures["mm"]
    targets = []
    for name, other in (("dub", "generation"), ("dub, curves", "generation, curves")):
        lips, upper = (rows[name][what] / rows[other][what] for what in ("lips", "upper"))
        targets.append(Target(f"lip error, ratio to generation: {name}", lips, LIPS_WANTED, "at most"))
        targets.append(
            Target(f"upper face to original, ratio to generation: {name}", upper, UPPER_WANTED, "at most")
        )
    zero = figures["changed_by_nothing_mm"]
    targets.append(Target("change with both sliders at original (mm)", zero, 0.0, "at most"))
    seam = rows["dub"]["seam"] / rows["the clip itself"]["seam"]
    targets.append(Target("stretch at the seam, ratio to the corpus", seam, 1.1, "at most"))
    blinks = figures["blinks"]
    alive, before = (blinks[name]["blinks"] * blinks[name]["0.1-0.4 s"] for name in ("dub", "original"))
    kept = alive / before if before else float("nan")
    targets.append(Target("stretched blinks of 0.1 to 0.4 s, ratio to the original", kept, 0.95, "at least"))
    return targets


def dub_text(figures: dict[str, Any]) -> str:
    """Tables of motions and blinks, and a line on pauses."""
    pauses = ", ".join(
        f"{name.replace('_', ' ')} {number(value)}" for name, value in figures["pauses"].items()
    )
    return "\n".join([methods_table(figures["mm"]), methods_table(figures["blinks"]), f"pauses: {pauses}"])


def _motion(take: Take, rest: Floats) -> Floats:
    if take.vertices is None:
        raise TrainingError("This take has no vertices.")
    return take.vertices - rest
