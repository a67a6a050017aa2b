# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement 7: do eyes and brows live as the corpus' do, differently for every seed, and do the lips stay?

Three motions are compared on every clip: the corpus' own, its reconstruction (decoded from its own labels:
what the latent loses) and takes of several seeds from the sound alone (what the sampling loses on top).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle import Bundle
from engine.generate.sample import sample_labels
from engine.template import Template
from training.data.clip import Clip
from training.data.corpus import CorpusClips
from training.errors import TrainingError
from training.evaluate.networks import BundleNetworks, motion_rows, true_displacement
from training.report.lids import Lids, find_blinks, lids_of, stuck_share
from training.report.request import Measurement, Request
from training.report.table import Target, grid, number
from training.report.takes import lip_gaps_of, teach_again
from training.report.tracks import FRAME_RATE

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

TITLE = "Life (7)"
CLIPS, SEEDS, SHORTEST = 40, 8, 4.0
"""Clips, takes of each, and seconds that a clip lasts at least."""
BLINKS, SECONDS, DYNAMICS, APERTURE, STUCK = (8.0, 30.0), (0.1, 0.4), 0.15, 0.95, 0.01
LIKE_TAKES = (0.67, 1.5)
"""What still counts as differing "about as much"."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What is kept of one motion: ``closure (T,)`` of the lids, ``aperture (T,)`` of the lips in metres,
    ``dynamics`` of the upper face in metres, and its ``upper (T, N, 3)`` displacements."""

    closure: Array
    aperture: Array
    dynamics: float
    upper: Floats


class Watcher:
    """Looks at motions of heads with a template's topology."""

    def __init__(self, template: Template) -> None:
        self.upper = np.flatnonzero((template.part == 0) & (template.mask_upper > 0.5))
        self.lids: Lids = lids_of(template)
        self.lips = [template.landmarks[f"lip_{part}_inner"] for part in ("upper", "lower")]

    def see(self, rest: Floats, motion: Floats) -> Seen:
        """``motion (T, V, 3)`` in metres from ``rest (V, 3)``."""
        lips = rest[self.lips] + motion[:, self.lips]
        upper = motion[:, self.upper]
        aperture = np.linalg.norm(lips[:, 0] - lips[:, 1], axis=-1).astype(np.float64)
        return Seen(self.lids.closure(rest, motion), aperture, dynamics(upper), upper)


def dynamics(motion: NDArray[np.floating]) -> float:
    """Mean over vertices of the standard deviation over time of the displacement's length (CodeTalker,
    equation of FDD); ``motion (T, N, 3)``."""
    return float(np.linalg.norm(motion, axis=-1).std(axis=0).mean())


def distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Mean distance of the vertices of two motions ``(T, N, 3)`` over their common frames."""
    frames = min(len(first), len(second))
    return float(np.linalg.norm(first[:frames] - second[:frames], axis=-1).mean())


@dataclass(frozen=True, eq=False)
class Watched:
    """One clip: its ``own`` motion, the ``rebuilt`` one, the ``takes`` of all seeds, two corpus takes of the
    same sentence (``again``) and the upper face of another clip on the same head (``stranger``)."""

    own: Seen
    rebuilt: Seen
    takes: list[Seen]
    again: list[Seen]
    stranger: Seen


def measure_life(request: Request) -> Measurement:
    """Blinks, dynamics and differences of takes over some clips of the test split."""
    if request.corpus is None:
        raise TrainingError("Life is measured on a corpus; give --corpus.")
    source = CorpusClips(request.corpus, "test", request.bundle.card.audio_context)
    chosen = long_clips(source, CLIPS, SHORTEST)
    watched = watch(request.bundle, request.corpus, source, chosen, SEEDS)
    figures = life_figures(watched)
    return Measurement(TITLE, figures, life_targets(figures), life_text(figures))


def long_clips(source: CorpusClips, count: int, seconds: float) -> list[int]:
    """At most ``count`` spoken clips of at least so many seconds, evenly from the split."""
    spoken = source.clips["source"] != source.info["sources"].index("noise")
    long_ = np.flatnonzero(spoken & (source.clips["frames"] >= seconds * FRAME_RATE))
    if len(long_) == 0:
        raise TrainingError(f"The corpus has no test clip of {seconds:g} seconds; make a larger one.")
    chosen = np.unique(np.linspace(0, len(long_) - 1, min(count, len(long_))).round().astype(int))
    return [int(index) for index in long_[chosen]]


def watch(
    bundle: Bundle, folder: Path, source: CorpusClips, chosen: Sequence[int], seeds: int
) -> list[Watched]:
    """Look at every motion of the chosen clips of the test split of the corpus in ``folder``."""
    gaps = lip_gaps_of(source.faces)
    template = source.faces.template
    networks, watcher = BundleNetworks(bundle, template), Watcher(bundle.template)
    basis = motion_rows(template)
    found = []
    for place, index in enumerate(chosen):
        clip = source.clip(index, 0, source.frames(index))
        true, audio = true_displacement(clip, basis), networks.audio_code(clip)
        labels = networks.labels(audio, networks.expression_code(clip))
        drawn = sample_labels(bundle, audio, range(seeds), bundle.card.default_temperature)
        again = teach_again(folder, source, index, clip, gaps)
        other = _stranger(source, chosen[(place + 1) % len(chosen)], clip, index)
        found.append(
            Watched(
                watcher.see(clip.rest, true),
                watcher.see(clip.rest, networks.decode(clip.rest, labels)),
                [watcher.see(clip.rest, networks.decode(clip.rest, row.astype(np.int64))) for row in drawn],
                [watcher.see(clip.rest, true_displacement(take, basis)) for take in again],
                watcher.see(clip.rest, true_displacement(other, basis)),
            )
        )
    return found


def _stranger(source: CorpusClips, other: int, clip: Clip, index: int) -> Clip:
    codes = source.faces.unit_codes[int(source.clips["identity"][index])]
    return Clip(clip.rest, source.weights(other) @ codes, clip.mel, None, clip.frame_rate)


def life_figures(watched: Sequence[Watched]) -> dict[str, Any]:
    """All figures; distances in mm, times in s."""
    takes = [[clip.takes[seed] for clip in watched] for seed in range(len(watched[0].takes))]
    rows = {
        "corpus": blink_figures([clip.own for clip in watched]),
        "reconstruction": blink_figures([clip.rebuilt for clip in watched]),
    }
    rows |= {f"seed {seed}": blink_figures(seen) for seed, seen in enumerate(takes)}
    own = np.mean([clip.own.dynamics for clip in watched])
    generated = np.mean([[take.dynamics for take in clip.takes] for clip in watched])
    rebuilt = np.mean([clip.rebuilt.dynamics for clip in watched])
    between = [distance(a.upper, b.upper) for clip in watched for a, b in _neighbours(clip.takes)]
    strangers = [distance(clip.own.upper, clip.stranger.upper) for clip in watched]
    alike = [distance(a.upper, b.upper) for clip in watched for a, b in _neighbours(clip.again)]
    lips = [_correlation(a.aperture, b.aperture) for clip in watched for a, b in _neighbours(clip.takes)]
    return {
        "clips": len(watched),
        "blinks": rows,
        "blinks of all seeds": blink_figures([seen for row in takes for seen in row]),
        "dynamics_mm": {
            "corpus": 1000 * own,
            "reconstruction": 1000 * rebuilt,
            "generated": 1000 * generated,
        },
        "dynamics_ratio": {"reconstruction": rebuilt / own, "generated": generated / own},
        "upper_difference_mm": {
            "seeds": 1000 * np.mean(between),
            "corpus takes of the same sentence": 1000 * np.mean(alike),
            "other clips of the corpus": 1000 * np.mean(strangers),
        },
        "aperture_correlation": {"mean": np.mean(lips), "median": np.median(lips), "least": np.min(lips)},
    }


def blink_figures(seen: Sequence[Seen]) -> dict[str, float]:
    """Blinks a minute, their length in s (5th, 50th and 95th percentile), depth, share of time with lids
    stuck half shut."""
    frames = sum(len(one.closure) for one in seen)
    blinks = [find_blinks(one.closure) for one in seen]
    seconds = np.concatenate([found.seconds for found in blinks])
    depths = np.concatenate([found.depths for found in blinks])
    low, middle, high = np.percentile(seconds, (5, 50, 95)) if len(seconds) else (np.nan,) * 3
    stuck = sum(stuck_share(one.closure) * len(one.closure) for one in seen) / frames
    inside = (seconds >= SECONDS[0]) & (seconds <= SECONDS[1])
    return {
        "blinks_a_minute": len(seconds) * 60 * FRAME_RATE / frames,
        "seconds_5": float(low),
        "seconds_50": float(middle),
        "seconds_95": float(high),
        "seconds_inside": float(inside.mean()) if len(seconds) else float("nan"),
        "depth_median": float(np.median(depths)) if len(depths) else float("nan"),
        "stuck": stuck,
    }


def life_targets(figures: dict[str, Any]) -> list[Target]:
    """The issue's targets; ranges take two."""
    rows = figures["blinks"]
    rates = [row["blinks_a_minute"] for name, row in rows.items() if name.startswith("seed")]
    together = figures["blinks of all seeds"]
    beyond = together["stuck"] - rows["corpus"]["stuck"]
    ratio = figures["dynamics_ratio"]["generated"]
    apart = figures["upper_difference_mm"]
    against = apart["seeds"] / apart["corpus takes of the same sentence"]
    lips = figures["aperture_correlation"]["mean"]
    return [
        Target("blinks a minute, the calmest seed", min(rates), BLINKS[0], "at least"),
        Target("blinks a minute, the liveliest seed", max(rates), BLINKS[1], "at most"),
        Target("length of a blink, 5th percentile (s)", together["seconds_5"], SECONDS[0], "at least"),
        Target("length of a blink, 95th percentile (s)", together["seconds_95"], SECONDS[1], "at most"),
        Target("share of time with lids half shut, beyond the corpus'", beyond, STUCK, "at most"),
        Target("upper-face dynamics, generated to corpus", ratio, 1 - DYNAMICS, "at least"),
        Target("upper-face dynamics, generated to corpus", ratio, 1 + DYNAMICS, "at most"),
        Target("difference of seeds to that of corpus takes", against, LIKE_TAKES[0], "at least"),
        Target("difference of seeds to that of corpus takes", against, LIKE_TAKES[1], "at most"),
        Target("aperture of two seeds, correlation", lips, APERTURE, "at least"),
    ]


def life_text(figures: dict[str, Any]) -> str:
    """Where life is lost: corpus, reconstruction, seeds."""
    header = ("blinks", "a minute", "s, 5 %", "s, 50 %", "s, 95 %", "0.1-0.4 s", "depth", "half shut")
    rows = [(name, *map(number, row.values())) for name, row in figures["blinks"].items()]
    lines = [grid(header, rows)]
    for name in ("dynamics_mm", "dynamics_ratio", "upper_difference_mm", "aperture_correlation"):
        values = ", ".join(f"{what} {number(value)}" for what, value in figures[name].items())
        lines.append(f"{name.replace('_', ' ')}: {values}")
    return "\n".join(lines)


def _neighbours(takes: Sequence[Seen]) -> list[tuple[Seen, Seen]]:
    return list(zip(takes[:-1], takes[1:], strict=True))


def _correlation(first: Array, second: Array) -> float:
    if min(first.std(), second.std()) < 1e-9:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
