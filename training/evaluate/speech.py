# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips and lids on real speech that the model never heard, through the engine as users run it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.sound import Sound, load_sound
from engine.bundle import Bundle
from engine.generate import GenerateOptions, generate
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding
from training.errors import TrainingError
from training.phonemes import BILABIALS, VOWELS
from training.ranking import area_under_curve

Floats = NDArray[np.float32]
SILENCE_SECONDS = 5
SHUT = 0.5
"""An eye is shut where its lids are closer than this share of their distance at rest."""

SAME_BLINK = 3
"""Blinks of two takes at most so many frames apart count as the same."""


def measure_speech(bundle: Bundle, folder: Path, seeds: tuple[int, int] = (0, 1)) -> dict[str, Any]:
    """All figures of real speech: recordings ``*.wav`` with phones in ``*.json`` beside them."""
    recordings = sorted(folder.glob("*.wav"))
    if not recordings:
        raise TrainingError(f"{folder} holds no recordings (*.wav with *.json beside them).")
    template = bundle.template
    head = bind_head(template, template.rest, template.faces)
    shut, open_, correlations, blinks = [], [], [], [[], []]
    for recording in recordings:
        takes = seeded_vertices(bundle, head, load_sound(recording), seeds)
        apertures = [aperture(motion, bundle.card.landmarks) for motion in takes]
        phones = json.loads(recording.with_suffix(".json").read_text(encoding="utf-8"))["phones"]
        for found, names in ((shut, BILABIALS), (open_, VOWELS)):
            found += smallest(apertures[0], phones, names)
        correlations.append(float(np.corrcoef(apertures[0], apertures[1])[0, 1]))
        for list_, motion in zip(blinks, takes, strict=True):
            list_.append(blink_frames(motion, bundle.card.landmarks))
    return {
        "closure_auc": area_under_curve(-np.array(shut), -np.array(open_)),
        "closures": len(shut),
        "vowels": len(open_),
        "median_aperture_mm": {"closures": float(np.median(shut)), "vowels": float(np.median(open_))},
        "aperture_correlation_of_seeds": {"mean": float(np.mean(correlations)), "least": min(correlations)},
        "blinks": _compare_blinks(blinks[0], blinks[1]),
        "silence_opens_mm": silence_opening(bundle, head),
    }


def aperture(vertices: Floats, landmarks: Any) -> NDArray[np.float64]:
    """Distance of the inner lips' middles ``(T,)`` in mm."""
    upper, lower = vertices[:, landmarks["lip_upper_inner"]], vertices[:, landmarks["lip_lower_inner"]]
    return np.linalg.norm(upper - lower, axis=-1) * 1000.0


def smallest(
    values: NDArray[np.float64], phones: list[Any], names: tuple[str, ...], rate: int = 30
) -> list[float]:
    """The smallest value within each interval whose label (stress left out) is one of ``names``."""
    found = []
    for start, end, label in phones:
        if label.rstrip("012") in names:
            first = min(int(np.ceil(start * rate - 1e-6)), len(values) - 1)
            last = max(first, min(int(np.floor(end * rate + 1e-6)), len(values) - 1))
            found.append(float(values[first : last + 1].min()))
    return found


def blink_frames(vertices: Floats, landmarks: Any) -> list[int]:
    """Frames at which the left eye begins to be shut."""
    away = np.linalg.norm(
        vertices[:, landmarks["lid_upper_left"]] - vertices[:, landmarks["lid_lower_left"]], axis=-1
    )
    shut = away < SHUT * np.quantile(away, 0.9)
    return np.flatnonzero(shut & ~np.concatenate([[False], shut[:-1]])).tolist()


def silence_opening(bundle: Bundle, head: Binding) -> float:
    """How far the lips open beyond rest, at most, in 5 s of digital silence, in mm."""
    sound = Sound(np.zeros(16_000 * SILENCE_SECONDS, np.float32), Fraction(SILENCE_SECONDS))
    vertices = seeded_vertices(bundle, head, sound, (0,))[0]
    still = aperture(bundle.template.rest[None], bundle.card.landmarks)[0]
    return float(aperture(vertices, bundle.card.landmarks).max() - still)


def seeded_vertices(bundle: Bundle, head: Binding, sound: Sound, seeds: tuple[int, ...]) -> list[Floats]:
    """A head's vertices ``(T, V, 3)`` for each seed; seeds follow one another."""
    takes = generate(bundle, sound, head, GenerateOptions(seed=seeds[0], takes=len(seeds)))
    found = []
    for take in takes:
        if take.vertices is None:
            raise TrainingError("The engine gave no vertices.")
        found.append(take.vertices)
    return found


def _compare_blinks(first: list[list[int]], second: list[list[int]]) -> dict[str, Any]:
    """Blinks of two seeds in all recordings, and the share of the first's that the second has too."""
    count = sum(len(frames) for frames in first)
    same = sum(
        any(abs(frame - other) <= SAME_BLINK for other in others)
        for frames, others in zip(first, second, strict=True)
        for frame in frames
    )
    return {"seed_0": count, "seed_1": sum(len(frames) for frames in second), "same": same / max(count, 1)}
