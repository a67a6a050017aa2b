# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones and sound to the unit weights of a whole face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.corpus.teacher import upper
from training.corpus.teacher.lips import LipGaps
from training.corpus.teacher.mouth import PARTED_JAW, Mouth, move_mouth
from training.corpus.teacher.prosody import frame_count, measure_prosody
from training.corpus.teacher.style import Style, draw_style
from training.corpus.teacher.visemes import TRACKS
from training.phonemes import SILENCE, Phone

Array = NDArray[np.float64]

PRESSED = 0.0002
"""Metres by which closed lips press into each other: more would be read as a distance again."""
CROSSED = 0.0008
"""Metres by which lips may overlap where nothing presses them, before the jaw makes room."""
SIDE_GAIN = 0.12
LONG_PAUSE = 0.2
"""Seconds; blinks like to come at such a phrase's end."""
SMALLEST_ROLL, MOST_ROLL = 0.001, 0.35
"""Metres that a lip must travel when rolled fully to be of use; weight that a closure may ask of it."""
MOST_TUCKING_JAW = 0.16


def teach(
    phones: Sequence[Phone],
    samples: NDArray[np.float32],
    gaps: LipGaps,
    identity: int,
    rng: np.random.Generator,
    style: Style | None = None,
) -> NDArray[np.float32]:
    """Unit weights ``(T, U)`` in 0 … 1 at 30 fps for 16 kHz ``samples (N,)``, T = round(30 × duration).

    The lips of ``identity`` meet geometrically wherever p, b or m want them to; all else that is random
    comes from ``rng``.
    """
    frames = frame_count(len(samples))
    style = draw_style(rng) if style is None else style
    prosody = measure_prosody(samples, frames)
    mouth = move_mouth(phones, prosody.loudness, style)
    curves = unit_curves(mouth, style, rng)
    pauses = [phone.start for phone in phones if phone.label == SILENCE and phone.duration > LONG_PAUSE]
    for name, curve in upper.move_upper_face(prosody, pauses, style, rng).items():
        curves[name] = curves.get(name, np.zeros(frames)) + curve
    weights = np.zeros((frames, len(gaps.unit_names)))
    for index, name in enumerate(gaps.unit_names):
        if name in curves:
            weights[:, index] = np.clip(curves[name], 0.0, 1.0)
    tuck_lip(weights, mouth, gaps, identity)
    close_lips(weights, mouth, gaps, identity)
    align_lips(weights, mouth, gaps, identity)
    return weights.astype(np.float32)


def unit_curves(mouth: Mouth, style: Style, rng: np.random.Generator) -> dict[str, Array]:
    """Each track on its unit or pair, a little uneven; the mood's slow smile or frown on top."""
    frames = len(mouth.closure)
    left, right = upper.sides(style.uneven, SIDE_GAIN)
    curves: dict[str, Array] = {}
    for track, units in TRACKS.items():
        for unit in units:
            gain = left if unit.endswith("Left") else right if unit.endswith("Right") else 1.0
            curves[unit] = mouth.tracks[track] * gain
    mood = style.mood + 0.25 * upper.drift(frames, 2.5, rng)
    for side, gain in (("Left", left), ("Right", right)):
        curves[f"mouthSmile{side}"] += 0.22 * np.clip(mood, 0, None) * gain
        curves[f"mouthFrown{side}"] = 0.2 * np.clip(-mood, 0, None) * gain
        curves[f"mouthDimple{side}"] = 0.1 * np.clip(mood, 0, None) * gain
        curves[f"mouthPress{side}"] = 0.15 * mouth.closure * gain
        curves[f"noseSneer{side}"] = 0.1 * mouth.tracks["upper"] + 0.05 * np.clip(-mood, 0, None)
    curves["mouthShrugLower"] = 0.05 * mouth.closure
    curves["jawForward"] = (0.04 + 0.04 * upper.drift(frames, 2.0, rng)) * (1 - mouth.bite)
    curves["mouthShrugUpper"] = 0.06 * mouth.tracks["funnel"]
    curves["cheekPuff"] = 0.1 * mouth.burst
    sideways = upper.drift(frames, 2.0, rng)
    for part, most in (("jaw", 0.03), ("mouth", 0.025)):
        curves[f"{part}Left"] = most * np.clip(sideways, 0, None)
        curves[f"{part}Right"] = most * np.clip(-sideways, 0, None)
    return curves


def tuck_lip(weights: Array, mouth: Mouth, gaps: LipGaps, identity: int) -> None:
    """Solve jawOpen and mouthRollLower in ``weights (T, U)`` so that f and v bring the lower lip to the
    incisors' edge: two unknowns, two coordinates; where the roll would leave 0 … 1 the jaw does what it
    can."""
    names, frames = gaps.unit_names, np.flatnonzero(mouth.bite > 0)
    if not len(frames) or not {"jawOpen", "mouthRollLower"} <= set(names):
        return
    jaw, roll = names.index("jawOpen"), names.index("mouthRollLower")
    both = gaps.tuck_units[identity][[jaw, roll]].T
    if abs(np.linalg.det(both)) < 1e-9:
        return
    free = weights[frames].copy()
    free[:, [jaw, roll]] = 0.0
    away = gaps.tuck(identity, free)
    rolled = np.clip(np.linalg.solve(both, -away.T)[1], 0.0, 1.0)
    away = away + rolled[:, None] * both[:, 1]
    dropped = np.clip(-(away @ both[:, 0]) / (both[:, 0] @ both[:, 0]), 0.0, MOST_TUCKING_JAW)
    for unit, solved in ((jaw, dropped), (roll, rolled)):
        weights[frames, unit] += mouth.bite[frames] * (solved - weights[frames, unit])


def close_lips(weights: Array, mouth: Mouth, gaps: LipGaps, identity: int) -> None:
    """Set mouthClose in ``weights (T, U)`` so that the middle of the lips meets where it should.

    At a closure the gap becomes −PRESSED; at rest in a pause it becomes the rest shape's own gap, a little
    more when an open word is about to begin. Lips that other units would cross are kept apart by the jaw.
    """
    close, jaw = (gaps.unit_names.index(name) for name in ("mouthClose", "jawOpen"))
    pull, drop = -gaps.units[identity, close, 0], gaps.units[identity, jaw, 0]
    if pull <= 0 or drop <= 0:
        return
    weights[:, close] = 0.0
    gap = gaps.gaps(identity, weights)[:, 0]
    deepest = CROSSED + (PRESSED - CROSSED) * mouth.closure
    room = np.clip(-deepest - gap, 0.0, None) / drop
    weights[:, jaw] = np.minimum(weights[:, jaw] + room, 1.0)
    gap = gap + room * drop
    rest = max(float(gaps.rest[identity, 0]), 0.0) + PARTED_JAW * drop * mouth.parting
    shut = mouth.closure * np.clip((gap + PRESSED) / pull, 0.0, 1.0)
    calm = mouth.rest * np.clip((gap - rest) / pull, 0.0, 1.0)
    weights[:, close] = np.maximum(shut, calm)


def align_lips(weights: Array, mouth: Mouth, gaps: LipGaps, identity: int) -> None:
    """Roll in ``weights (T, U)`` whichever lip stands before the other in a closure, that they meet face to
    face; then close them again."""
    names, frames = gaps.unit_names, np.flatnonzero(mouth.closure > 0)
    if not len(frames) or not {"mouthRollLower", "mouthRollUpper"} <= set(names):
        return
    over = gaps.over(identity, weights[frames])
    for name in ("mouthRollLower", "mouthRollUpper"):
        unit = names.index(name)
        step = gaps.over_units[identity, unit]
        if abs(step) > SMALLEST_ROLL:
            rolled = mouth.closure[frames] * np.clip(-over / step, 0.0, MOST_ROLL)
            weights[frames, unit] = np.clip(weights[frames, unit] + rolled, 0.0, 1.0)
    close_lips(weights, mouth, gaps, identity)
