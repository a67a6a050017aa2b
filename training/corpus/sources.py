# SPDX-License-Identifier: GPL-3.0-or-later
"""Licences and credits of the collections of voices that we know, for the model card."""

from __future__ import annotations

from collections.abc import Iterable

_KNOWN = {
    "librispeech": (
        "LibriSpeech train-clean-5",
        "CC BY 4.0",
        "V. Panayotov, G. Chen, D. Povey, S. Khudanpur; LibriVox",
    ),
    "common_voice": ("Common Voice", "CC0-1.0", "Mozilla"),
    "an4": ("AN4", "free for use for any purpose", "Carnegie Mellon University"),
    "vctk": ("VCTK 0.80, speaker p239", "ODC-By 1.0", "University of Edinburgh"),
    "speech_commands": ("Speech Commands", "CC BY 4.0", "P. Warden, Google"),
    "speechocean": (
        "speechocean762",
        "free for commercial and non-commercial purposes",
        "SpeechOcean, Xiaomi",
    ),
    "flite": ("flite voices awb, rms, slt, kal16", "MIT-style (CMU)", "Carnegie Mellon University"),
    "festival": (
        "festival voices us_slt_arctic_hts, kal_diphone",
        "MIT-style (CMU)",
        "University of Edinburgh, CMU, HTS",
    ),
    "espeak-ng": ("espeak-ng voices", "GPL-3.0-or-later", "J. Duddington, R. H. Dunn and others"),
}


def licences_of(collections: Iterable[str]) -> list[dict[str, str]]:
    """``{name, licence, credit}`` of each collection; one that we don't know is the user's to name."""
    out = []
    for collection in collections:
        name, licence, credit = _KNOWN.get(collection, (collection, "unknown: the user's own recordings", ""))
        out.append({"name": name, "licence": licence, "credit": credit})
    return out
