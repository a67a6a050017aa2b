# SPDX-License-Identifier: GPL-3.0-or-later
"""Disentanglement (section 4.2): what moves when the audio code or the expression code is another clip's."""

from __future__ import annotations

import numpy as np

from training.data.clip import Clip
from training.evaluate.networks import Networks
from training.evaluate.regions import Regions, mean_of

REGIONS = ("mouth", "upper")


def measure_swaps(networks: Networks, regions: Regions, clips: list[Clip]) -> dict[str, dict[str, float]]:
    """Mean distance in mm that mouth and upper face move when one code is swapped for the next clip's.

    ``audio`` swaps the audio code, ``expression`` the expression code; both against the clip's own decoding,
    on the clip's own head, over the frames that both clips have.
    """
    codes = [(networks.audio_code(clip), networks.expression_code(clip)) for clip in clips]
    rows: dict[str, list[dict[str, float]]] = {"audio": [], "expression": []}
    frames = []
    for index, clip in enumerate(clips):
        (audio, expression), (other_audio, other_expression) = codes[index], codes[(index + 1) % len(clips)]
        count = min(len(audio), len(other_audio))
        own = networks.decode(clip.rest, networks.labels(audio[:count], expression[:count]))
        swapped = {
            "audio": networks.labels(other_audio[:count], expression[:count]),
            "expression": networks.labels(audio[:count], other_expression[:count]),
        }
        for name, labels in swapped.items():
            moved = regions.distances(networks.decode(clip.rest, np.ascontiguousarray(labels)), own)
            rows[name].append({region: moved[region] for region in REGIONS})
        frames.append(count)
    return {name: mean_of(values, frames) for name, values in rows.items()}
