# SPDX-License-Identifier: GPL-3.0-or-later
"""Random identities: children to old people of all phenotypes with modest changes of the features,
aligned.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.geometry.procrustes import align

from .source import HeadSource

LOCAL_PREFIXES = ("cheek", "chin", "eye", "eyebrows", "forehead", "head", "mouth", "nose", "ear")
LOCAL_STRENGTH = 0.16  # standard deviation; 1 is MakeHuman's slider at its end
LOCAL_ASYMMETRY = 0.02
SPARE = 0.2  # this part more is drawn, and as many of the most extreme heads are dropped
LIP_GAP = (-4e-4, 1e-3)  # metres between the inner lips at rest; the template's is 0.4 mm
SHIFTS = ("-trans-out", "head-angle-out", "eye-push", "head-age")  # unnatural, or moves the lids off the eyes
SPLIT = (0.8, 0.1, 0.1)


def sample_rests(
    source: HeadSource, weights: NDArray[np.floating], marks: Mapping[str, int], count: int, seed: int
) -> NDArray[np.float32]:
    """Rest shapes (count, V, 3), similarity-aligned to the neutral head over `weights` (V,); seeded.

    More are drawn than needed; those whose lips gape or cross at rest and the most unusual ones are dropped.
    """
    generator = np.random.default_rng(seed)
    drawn = int(np.ceil(count * (1 + SPARE)))
    shapes = source.shapes(_phenotypes(generator, drawn), _local_changes(source, generator, drawn))
    aligned = np.stack([align(shape, source.neutral, weights).points(shape) for shape in shapes])
    distance = np.sqrt((((aligned - source.neutral) ** 2).sum(axis=2) * weights).sum(axis=1))
    upper, lower = (marks[name] for name in ("lip_upper_inner", "lip_lower_inner"))
    gap = aligned[:, upper, 2] - aligned[:, lower, 2]
    distance[(gap < LIP_GAP[0]) | (gap > LIP_GAP[1])] += 1.0
    kept = np.sort(np.argsort(distance, kind="stable")[:count])
    return aligned[kept].astype(np.float32)


def split_identities(count: int, seed: int) -> NDArray[np.uint8]:
    """Split of each identity (count,): 0 train, 1 validation, 2 test."""
    order = np.random.default_rng([seed, 1]).permutation(count)
    split = np.zeros(count, np.uint8)
    held = int(round(SPLIT[1] * count))
    split[order[:held]] = 1
    split[order[held : 2 * held]] = 2
    return split


def _phenotypes(generator: np.random.Generator, count: int) -> dict[str, NDArray[np.float64]]:
    names = ("gender", "muscle", "weight", "height", "proportions")
    values = {name: generator.beta(1.6, 1.6, count) for name in names}
    values["age"] = 0.22 + 0.78 * generator.beta(1.5, 1.2, count)  # a third are children and youths
    origin = generator.dirichlet((0.7, 0.7, 0.7), count)
    values.update(zip(("african", "asian", "caucasian"), origin.T, strict=True))
    return values


def _local_changes(
    source: HeadSource, generator: np.random.Generator, count: int
) -> dict[str, NDArray[np.float64]]:
    """Feature sliders; a left and right pair shares its value but for a small asymmetry."""
    shared: dict[str, NDArray[np.float64]] = {}
    values = {}
    for label in source.model.local_change_labels:
        stem = label[2:] if label.startswith(("l-", "r-")) else label
        if not stem.startswith(LOCAL_PREFIXES) or any(shift in stem for shift in SHIFTS):
            continue
        if stem not in shared:
            shared[stem] = generator.normal(0, LOCAL_STRENGTH, count)
        own = generator.normal(0, LOCAL_ASYMMETRY, count) if stem != label else 0.0
        values[label] = np.clip(shared[stem] + own, -0.5, 0.5)
    return values
