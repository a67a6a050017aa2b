# SPDX-License-Identifier: GPL-3.0-or-later
"""How one clip is performed: what differs between speakers and takes, drawn once a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.corpus.teacher.emotion import EMOTIONS, NEUTRAL_FACE


@dataclass(frozen=True)
class Style:
    """Gains and habits. ``jaw`` and ``lips`` scale the speech (JALI's two axes), the rest what speech
    leaves open.

    The voice tells the loudness, so its coupling to the jaw varies freely; ``jaw`` and ``lips`` can't be
    heard and vary little. ``emotion`` of strength ``feeling`` 0 … 1 colours the whole take (emotion.py).
    ``blinks`` a minute; ``mood`` −1 (frown) to 1 (smile); ``uneven`` −1 (right side stronger) to 1 (left).
    """

    jaw: float = 1.0
    lips: float = 1.0
    loudness: float = 0.8
    blinks: float = 16.0
    brows: float = 1.0
    squint: float = 0.15
    mood: float = 0.0
    emotion: str = NEUTRAL_FACE
    feeling: float = 0.0
    gaze: float = 1.0
    uneven: float = 0.0
    uneven_brows: float = 0.0


NEUTRAL = Style()


def draw_style(rng: np.random.Generator) -> Style:
    """A random performance: half of the takes are neutral, the rest feel something."""
    emotion = NEUTRAL_FACE if rng.random() < 0.5 else str(rng.choice(tuple(EMOTIONS)))
    return Style(
        jaw=float(np.clip(np.exp(rng.normal(0.0, 0.09)), 0.75, 1.3)),
        lips=float(np.clip(np.exp(rng.normal(0.0, 0.08)), 0.8, 1.25)),
        loudness=float(rng.uniform(0.5, 1.1)),
        blinks=float(np.clip(np.exp(rng.normal(np.log(16.0), 0.35)), 8.0, 30.0)),
        brows=float(np.clip(np.exp(rng.normal(0.0, 0.45)), 0.3, 2.2)),
        squint=float(rng.beta(1.5, 5.0)),
        mood=float(np.clip(rng.normal(0.1, 0.3), -1.0, 1.0)),
        emotion=emotion,
        feeling=float(rng.beta(2.0, 2.0)) if emotion != NEUTRAL_FACE else 0.0,
        gaze=float(np.clip(np.exp(rng.normal(0.0, 0.4)), 0.3, 2.0)),
        uneven=float(np.clip(rng.normal(0.0, 0.35), -1.0, 1.0)),
        uneven_brows=float(np.clip(rng.normal(0.0, 0.5), -1.0, 1.0)),
    )
