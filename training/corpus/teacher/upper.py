# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sound does not determine, or only in part: blinks, brows, squints, gaze and mood.

Blinks: gaps are log-normal, the lid falls in about a third of the time that it takes to rise (Trutoiu et
al. 2011). Brows rise partly with pitch and loudness (Cave et al. 1996) and partly by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.arrays import smoothstep
from training.corpus.teacher.emotion import feel
from training.corpus.teacher.prosody import Prosody, smooth
from training.corpus.teacher.style import Style

Array = NDArray[np.float64]
Curves = dict[str, Array]

FRAME_RATE = 30.0
BLINK_SPREAD = 0.55
"""Standard deviation of the logarithm of the gaps between blinks."""
CLOSEST_BLINKS = 0.42
"""Seconds between the starts of a double blink."""
FOLLOWS_PAUSE, NEAR_PAUSE = 0.5, 0.6
"""Chance that a blink waits or hurries for a phrase's end at most this many seconds away."""


def move_upper_face(
    prosody: Prosody, pauses: Sequence[float], style: Style, rng: np.random.Generator
) -> Curves:
    """Curves ``(T,)`` of the eyes' and brows' units and of the take's emotion, not yet bounded; ``pauses``
    are seconds at which a phrase ends."""
    frames = len(prosody.pitch)
    curves: Curves = {}
    blink = blinks(frames, style, rng, pauses)
    mood = feel(style.emotion, style.feeling * (0.75 + 0.25 * drift(frames, 2.5, rng)))
    parts = (brows(prosody, style, rng), eyes(frames, blink, style, rng), mood)
    for name, curve in (item for part in parts for item in part.items()):
        curves[name] = curves.get(name, np.zeros(frames)) + curve
    return curves


def blinks(frames: int, style: Style, rng: np.random.Generator, pauses: Sequence[float] = ()) -> Array:
    """Lid closure ``(frames,)`` in 0 … 1; half of the blinks that fall near one of the ``pauses`` (seconds)
    wait for it."""
    curve = np.zeros(frames)
    times = np.arange(frames) / FRAME_RATE
    median = 60.0 / style.blinks / np.exp(BLINK_SPREAD**2 / 2)
    clock, last = median * float(rng.uniform(-0.5, 1.0)), -np.inf
    while clock < frames / FRAME_RATE:
        last = at = max(_at_a_pause(clock, pauses, rng), last + CLOSEST_BLINKS)
        if at > -0.3:
            length = float(np.clip(np.exp(rng.normal(np.log(0.24), 0.25)), 0.15, 0.38))
            depth = 1.0 if rng.random() < 0.94 else float(rng.uniform(0.7, 0.95))
            np.maximum(curve, depth * _lid(times - at, length), out=curve)
        clock += _next_blink(median, rng)
    return curve


def _next_blink(median: float, rng: np.random.Generator) -> float:
    """Seconds to the next blink; one in fifty is the first of a double blink."""
    pause = float(np.exp(rng.normal(np.log(median), BLINK_SPREAD)))
    return max(pause, 0.7) if rng.random() < 0.98 else float(rng.uniform(CLOSEST_BLINKS, 0.55))


def _at_a_pause(clock: float, pauses: Sequence[float], rng: np.random.Generator) -> float:
    """``clock``, or shortly after the start of the nearest pause."""
    follows = rng.random() < FOLLOWS_PAUSE
    late = float(rng.uniform(-0.05, 0.2))
    near = min(pauses, key=lambda pause: abs(pause - clock), default=np.inf)
    return near + late if follows and abs(near - clock) < NEAR_PAUSE else clock


def _lid(since: Array, length: float) -> Array:
    """One blink: down in a quarter of its length, a short hold of at least one frame, up in the rest."""
    down, hold = max(0.25 * length, 0.05), 0.04
    up = max(length - down - hold, 0.06)
    falling = np.clip(since / down, 0.0, 1.0)
    rising = np.clip((since - down - hold) / up, 0.0, 1.0)
    return np.sin(0.5 * np.pi * falling) ** 2 * np.cos(0.5 * np.pi * rising) ** 2


def brows(prosody: Prosody, style: Style, rng: np.random.Generator) -> Curves:
    """Brows that follow the pitch's and the loudness' peaks, and move by themselves."""
    frames = len(prosody.pitch)
    heard = smooth(np.clip(0.7 * prosody.pitch + 0.3 * np.clip(prosody.loudness, 0, None), 0, 2), 5)
    raise_ = 0.2 * style.brows * heard + 0.05 * style.brows * drift(frames, 2.0, rng)
    raise_ += style.brows * events(frames, 6.0, (0.1, 0.45), (0.5, 1.6), rng)
    lower = style.brows * events(frames, 4.0, (0.08, 0.35), (0.6, 2.0), rng) + max(-style.mood, 0.0) * 0.15
    outer = raise_ * float(rng.uniform(0.3, 0.9))
    left, right = sides(style.uneven_brows, 0.3)
    curves = {"browInnerUp": raise_ * float(rng.uniform(0.6, 1.0))}
    for side, gain in (("Left", left), ("Right", right)):
        curves[f"browOuterUp{side}"] = outer * gain
        curves[f"browDown{side}"] = np.clip(lower - 0.5 * raise_, 0, None) * gain
        curves[f"eyeWide{side}"] = 0.35 * np.clip(raise_ - 0.15, 0, None)
    return curves


def eyes(frames: int, blink: Array, style: Style, rng: np.random.Generator) -> Curves:
    """Lids, squints and gaze."""
    squint = style.squint * 0.4 + style.squint * events(frames, 5.0, (0.1, 0.5), (0.5, 2.0), rng)
    squint = np.clip(
        squint + 0.06 * max(style.mood, 0.0) + 0.04 * drift(frames, 1.5, rng) * style.squint, 0, None
    )
    across, up = gaze(frames, style, rng)
    left, right = sides(style.uneven_brows, 0.1)
    curves: Curves = {}
    for side, gain, sign in (("Left", left, 1.0), ("Right", right, -1.0)):
        curves[f"eyeBlink{side}"] = blink
        curves[f"eyeSquint{side}"] = (squint + 0.12 * blink) * gain
        curves[f"cheekSquint{side}"] = 0.5 * squint * gain
        curves[f"eyeLookOut{side}"] = np.clip(sign * across, 0, None)
        curves[f"eyeLookIn{side}"] = np.clip(-sign * across, 0, None)
        curves[f"eyeLookUp{side}"] = np.clip(up, 0, None)
        curves[f"eyeLookDown{side}"] = np.clip(-up, 0, None)
        curves[f"browDown{side}"] = 0.06 * blink
    return curves


def gaze(frames: int, style: Style, rng: np.random.Generator) -> tuple[Array, Array]:
    """Sideways (to the character's left) and up: fixations of log-normal length, joined by fast smooth
    shifts."""
    across, up = np.zeros(frames), np.zeros(frames)
    frame, at = 0, np.zeros(2)
    while frame < frames:
        across[frame:], up[frame:] = at
        frame += max(int(FRAME_RATE * np.exp(rng.normal(np.log(0.9), 0.6))), 4)
        home = 0.45 if rng.random() < 0.7 else 1.0
        at = np.clip(rng.normal(0.0, (0.13, 0.07)) * style.gaze * home, -0.35, 0.35)
    return smooth(across, 1), smooth(up, 1)


def events(
    frames: int,
    every: float,
    heights: tuple[float, float],
    lengths: tuple[float, float],
    rng: np.random.Generator,
) -> Array:
    """Smooth bumps ``(frames,)`` that begin on average ``every`` seconds, of seeded height and length
    (seconds)."""
    curve = np.zeros(frames)
    times = np.arange(frames) / FRAME_RATE
    clock = -lengths[1]
    while True:
        clock += float(rng.exponential(every))
        if clock >= frames / FRAME_RATE:
            return curve
        height, length = float(rng.uniform(*heights)), float(rng.uniform(*lengths))
        rise = np.clip((times - clock) / (0.3 * length), 0.0, 1.0)
        fall = np.clip((times - clock - 0.6 * length) / (0.4 * length), 0.0, 1.0)
        np.maximum(curve, height * smoothstep(rise) * smoothstep(1 - fall), out=curve)


def drift(frames: int, seconds: float, rng: np.random.Generator) -> Array:
    """Slow smooth noise ``(frames,)``, about −1 … 1, with knots every ``seconds``."""
    knots = np.clip(rng.normal(0.0, 0.6, int(frames / FRAME_RATE / seconds) + 3), -1.2, 1.2)
    at = np.arange(frames) / FRAME_RATE / seconds
    low = at.astype(np.int64)
    part = smoothstep(at - low)
    return knots[low] * (1 - part) + knots[low + 1] * part


def sides(uneven: float, most: float) -> tuple[float, float]:
    """Gains of the left and the right side."""
    return 1.0 + most * uneven, 1.0 - most * uneven
