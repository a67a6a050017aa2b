# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings in which a trained run hears something else are left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.audio.features import MelSettings, clip_gain, log_mel
from training.corpus.ears import Ears, fit_of, open_ears, shares_of_time
from training.corpus.errors import CorpusError
from training.phonemes import PHONEMES, Phone, phoneme_id

SAID = (Phone(0.0, 0.5, "SIL"), Phone(0.5, 1.0, "AA"), Phone(1.0, 1.5, "M"), Phone(1.5, 2.0, "SIL"))
RATE = 90


def heard(phones: tuple[Phone, ...]) -> np.ndarray:
    """Likelihoods of someone who hears exactly these phones."""
    likely = np.full((2 * RATE, len(PHONEMES)), -3.0, np.float32)
    for phone in phones:
        likely[round(phone.start * RATE) : round(phone.end * RATE), phoneme_id(phone.label)] = 2.0
    return likely


def test_what_was_said_fits_and_what_was_not_does_not() -> None:
    other = tuple(phone._replace(label="S" if phone.label != "SIL" else "SIL") for phone in SAID)
    assert fit_of(heard(SAID), SAID, RATE) == pytest.approx(2.0, abs=0.1)
    assert fit_of(heard(SAID), other, RATE) < 0


def test_silence_alone_neither_fits_nor_not() -> None:
    assert fit_of(heard(SAID), (Phone(0.0, 2.0, "SIL"),), RATE) == 0.0


def test_shares_of_time_are_chances() -> None:
    shares = shares_of_time([SAID] * 100)
    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) > 0
    assert shares[phoneme_id("SIL")] > shares[phoneme_id("M")] > shares[phoneme_id("P")]


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="--ears needs a trained run"):
        open_ears(tmp_path, shares_of_time([SAID]))


def test_a_run_listens_at_the_mel_rate_whatever_its_layers() -> None:
    torch = pytest.importorskip("torch")
    from training.export.toy import TINY, toy_faces, toy_template
    from training.model.meshtalk import MeshTalk
    from training.model.space import VertexSpace

    torch.manual_seed(4)
    sizes = replace(TINY, audio_late=1, mel_before=TINY.mel_before + 3, mel_after=TINY.mel_after + 3)
    model = MeshTalk(sizes, VertexSpace(toy_faces(toy_template()), "low"), len(PHONEMES)).eval()
    features, samples = MelSettings(), np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    priors = np.full(len(PHONEMES), 1 / len(PHONEMES), np.float32)
    heard = Ears(model, features, priors).listen(samples)
    assert len(heard) >= RATE + 1
    count = sizes.mel_before + 3 * 30 + sizes.mel_after
    mel = log_mel(samples, -sizes.mel_before, count, features, clip_gain(samples, features))
    with torch.inference_mode():
        told = torch.log_softmax(model.phoneme_head(model.audio_encoder(torch.from_numpy(mel)[None])[0]), -1)
    np.testing.assert_allclose(heard[:90:3], told.numpy() - np.log(priors), atol=1e-4)
