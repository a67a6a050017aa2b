# SPDX-License-Identifier: GPL-3.0-or-later
"""Which speech synthesisers and which aligner are on this machine: marks for the tests that need them."""

from __future__ import annotations

import importlib.util

import pytest

from training.corpus.errors import VoiceError
from training.corpus.voices import espeak, festival, flite


def installed(engine: object) -> bool:
    """Whether a synthesiser of `training.corpus.voices` is here with its voices."""
    try:
        engine.check()  # type: ignore[attr-defined]
    except VoiceError:
        return False
    return True


needs_flite = pytest.mark.skipif(not installed(flite), reason="flite is not installed")
needs_festival = pytest.mark.skipif(
    not installed(festival), reason="festival or one of its voices is not installed"
)
needs_espeak = pytest.mark.skipif(not installed(espeak), reason="espeak-ng is not installed")
needs_voices = pytest.mark.skipif(
    not all(map(installed, (flite, festival, espeak))), reason="flite, festival or espeak-ng is not installed"
)
needs_pocketsphinx = pytest.mark.skipif(
    importlib.util.find_spec("pocketsphinx") is None, reason="pocketsphinx is not installed"
)
