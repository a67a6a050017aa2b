# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement 6: the lip error of generated takes on the test split, against a regression and a model that
was trained without the cross-modality loss (MeshTalk, section 4.1 and table 2)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle import Bundle, load_bundle
from engine.generate.sample import sample_labels
from engine.template import Template
from training.data.clip import Clip
from training.data.corpus import CorpusClips, read_faces
from training.errors import TrainingError
from training.evaluate.command import some_clips
from training.evaluate.networks import (
    BundleNetworks,
    Labels,
    Networks,
    TorchNetworks,
    motion_rows,
    true_displacement,
)
from training.evaluate.regions import Regions
from training.fit.run import BUNDLE, open_run
from training.report.life import SHORTEST, long_clips
from training.report.regression import Regression
from training.report.request import Measurement, Request
from training.report.table import Target, number
from training.report.takes import SPLIT, lip_gaps_of, teach_again

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

TITLE = "Lip error (6)"
CLIPS, RETAKES = 100, 24
WANTED_RATIO = 0.85
DRAWS = 2000
"""Bootstrap samples of the clips."""


@dataclass(frozen=True)
class Comparison:
    """Ours against another method on the same clips: ratio of the mean errors (each clip counts by its
    length), its bootstrapped 95 % interval, and the share of clips on which ours is better."""

    ratio: float
    low: float
    high: float
    better: float


def measure_lip_error(request: Request) -> Measurement:
    """Lip errors in mm of ours, the regression, and what bounds them, with their ratios."""
    if request.corpus is None or request.regression is None:
        raise TrainingError("The lip error needs --corpus and --regression.")
    bundle, regression = request.bundle, Regression.load(request.regression)
    clips = some_clips(request.corpus, "test", bundle.card.audio_context, CLIPS)
    heard = some_clips(request.corpus, "test", regression.context, CLIPS)
    template = read_faces(request.corpus).template
    errors = clip_errors(bundle, clips, template)
    errors["regression"] = regression_errors(regression, heard, template)
    pairs = {"regression": ("generation", "regression")}
    if request.without_cross_modality is not None:
        other = request.without_cross_modality
        pairs["without cross-modality"] = add_without(errors, bundle, other, clips, template)
    frames = np.array([len(clip.motion) for clip in clips])
    retakes = retake_errors(request.corpus, bundle.card.audio_context)
    found = {name: compare(errors[ours], errors[other], frames) for name, (ours, other) in pairs.items()}
    return summarise(errors, frames, found, retakes)


def clip_errors(bundle: Bundle, clips: list[Clip], template: Template, seed: int = 0) -> dict[str, Array]:
    """Lip error in mm of every clip: ``generation`` is sampled as users get it, ``reconstruction`` decodes
    the clip's own codes, ``still`` never moves. ``template`` is that of the clips."""
    networks, regions = BundleNetworks(bundle, template), Regions(template)
    basis = motion_rows(template)
    rows: dict[str, list[float]] = {"generation": [], "reconstruction": [], "still": []}
    for number_, clip in enumerate(clips):
        true, audio = true_displacement(clip, basis), networks.audio_code(clip)
        drawn = sample_labels(bundle, audio, (seed + number_,), bundle.card.default_temperature)[0]
        own = networks.labels(audio, networks.expression_code(clip))
        rows["generation"].append(regions.lip_error(networks.decode(clip.rest, drawn), true))
        rows["reconstruction"].append(regions.lip_error(networks.decode(clip.rest, own), true))
        rows["still"].append(regions.lip_error(np.zeros_like(true), true))
    return {name: np.array(values) for name, values in rows.items()}


def regression_errors(regression: Regression, clips: list[Clip], template: Template) -> Array:
    """Lip error in mm of the regression on every clip ``(N,)``, on the clip's own head."""
    regions, basis = Regions(template), motion_rows(template)
    return np.array(
        [
            regions.lip_error(regression.motion(clip.mel, clip.rest), true_displacement(clip, basis))
            for clip in clips
        ]
    )


def borrowed_errors(networks: Networks, regions: Regions, basis: Floats, clips: list[Clip]) -> Array:
    """Lip error in mm ``(N,)`` when a clip's sound meets the next clip's expression: what a first stage makes
    of the sound alone, where there is no autoregressive model to sample from."""
    codes = [networks.expression_code(clip) for clip in clips]
    errors = []
    for index, clip in enumerate(clips):
        other, audio = codes[(index + 1) % len(clips)], networks.audio_code(clip)
        labels: Labels = networks.labels(audio, np.resize(other, (len(audio), other.shape[1])))
        errors.append(regions.lip_error(networks.decode(clip.rest, labels), true_displacement(clip, basis)))
    return np.array(errors)


def retake_errors(folder: Path, context: tuple[int, int]) -> float:
    """Mean lip error in mm of a new take by the corpus' teacher: what a perfect sampler would be left with.

    A perfect regression, which says the mean of all takes, would be left with about 0.7 of it.
    """
    source = CorpusClips(folder, SPLIT, context)
    template, gaps = source.faces.template, lip_gaps_of(source.faces)
    regions, basis = Regions(template), motion_rows(template)
    errors, frames = [], []
    for index in long_clips(source, RETAKES, SHORTEST):
        clip = source.clip(index, 0, source.frames(index))
        true = true_displacement(clip, basis)
        for take in teach_again(folder, source, index, clip, gaps):
            errors.append(regions.lip_error(true_displacement(take, basis), true))
            frames.append(len(true))
    return float(np.average(errors, weights=frames))


def add_without(
    errors: dict[str, Array], bundle: Bundle, folder: Path, clips: list[Clip], template: Template
) -> tuple[str, str]:
    """Measure the model without the loss; returns which two entries of ``errors`` to compare.

    A bundle, or a run with one, is sampled as ours is. A run of the first stage alone can't be: then both
    first stages decode the sound with a borrowed expression.
    """
    for place in (folder, folder / BUNDLE):
        if (place / "model.json").is_file():
            errors["without cross-modality"] = clip_errors(load_bundle(place), clips, template)["generation"]
            return "generation", "without cross-modality"
    other = TorchNetworks(open_run(folder).load_stage_one())
    names = ("borrowed", "without cross-modality, borrowed")
    for name, networks in zip(names, (BundleNetworks(bundle, template), other), strict=True):
        errors[name] = borrowed_errors(networks, Regions(template), motion_rows(template), clips)
    return names


def compare(ours: Array, other: Array, frames: NDArray[np.integer], seed: int = 0) -> Comparison:
    """Paired comparison of errors ``(N,)`` of clips with so many ``frames (N,)``."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(ours), size=(DRAWS, len(ours)))
    weighted = [frames * values for values in (ours, other)]
    ratios = weighted[0][drawn].sum(1) / weighted[1][drawn].sum(1)
    low, high = np.percentile(ratios, (2.5, 97.5))
    ratio = weighted[0].sum() / weighted[1].sum()
    return Comparison(float(ratio), float(low), float(high), float((ours < other).mean()))


def summarise(
    errors: dict[str, Array], frames: NDArray[np.integer], found: dict[str, Comparison], retakes: float
) -> Measurement:
    """Means, targets and the lines of the comparisons."""
    means = {name: float(frames @ values / frames.sum()) for name, values in errors.items()}
    wanted = {"regression": WANTED_RATIO, "without cross-modality": 1.0}
    targets = [
        Target(f"lip error of a generated take, ratio to: {name}", found[name].ratio, wanted[name], "at most")
        for name in found
    ]
    lines = [f"  {name}: {number(mean)} mm" for name, mean in means.items()]
    lines += [
        f"  ratio to {name}: {number(row.ratio)} (95 %: {number(row.low)} to {number(row.high)}), "
        f"better on {100 * row.better:.0f} % of {len(frames)} clips"
        for name, row in found.items()
    ]
    lines.append(f"  another take of the corpus' teacher: {number(retakes)} mm (what the sound can't tell)")
    figures: dict[str, Any] = {
        "mm": means,
        "retake_mm": retakes,
        "clips": len(frames),
        "frames": int(frames.sum()),
    }
    figures["against"] = {name: asdict(row) for name, row in found.items()}
    return Measurement(TITLE, figures, targets, "\n".join(lines))
