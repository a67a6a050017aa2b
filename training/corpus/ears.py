# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a trained run hear in a recording what its transcript claims? Recordings in which it hears something
else are left out: cut-off commands, wrong words, noise.

The run's audio encoder and phoneme head are read at the mel rate (90 Hz): three times at the video's rate,
each time one mel frame later. Moving the phones' boundaries to where this run hears them was tried and is no
better than pocketsphinx.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.audio.features import MelSettings, clip_gain, log_mel
from training.corpus.errors import CorpusError
from training.errors import TrainingError
from training.phonemes import PHONEMES, SILENCE, UNKNOWN, Phone, label_frames, phoneme_id

if TYPE_CHECKING:
    from training.model.meshtalk import MeshTalk

Floats = NDArray[np.float32]
Sound = NDArray[np.float32]


class Ears:
    """What a trained run hears: how much likelier each phoneme is at each 1/90 s than by chance.

    ``priors (phonemes,)`` are the shares of time that the phonemes have in the speech that the run learnt
    from.
    """

    def __init__(self, model: MeshTalk, features: MelSettings, priors: Floats) -> None:
        if model.phoneme_head is None:
            raise CorpusError("The run after --ears knows no phonemes; give one trained on a corpus.")
        self._model, self._head, self._features = model, model.phoneme_head, features
        self._chance = np.log(priors)
        self.rate = features.frame_rate * features.per_frame

    def listen(self, samples: Sound) -> Floats:
        """Log-likelihood ratios ``(M, phonemes)``; row m belongs to m / 90 s of 16 kHz ``samples (N,)``."""
        import torch

        settings, turns = self._model.settings, self._features.per_frame
        seconds = len(samples) / self._features.sample_rate
        frames = int(np.ceil((seconds * self.rate + 1) / turns))
        wanted = settings.mel_before + turns * frames + settings.mel_after
        gain = clip_gain(samples, self._features)
        mel = torch.from_numpy(
            log_mel(samples, -settings.mel_before, wanted + turns - 1, self._features, gain)
        )
        with torch.inference_mode():
            heard = [self._model.audio_encoder(mel[None, turn : turn + wanted])[0] for turn in range(turns)]
            code = torch.stack(heard, 1).flatten(0, 1)
            return torch.log_softmax(self._head(code), -1).numpy() - self._chance


@lru_cache(maxsize=1)
def open_ears(folder: Path, priors: tuple[float, ...]) -> Ears:
    """The ears of the run in ``folder``; raises CorpusError when there is no usable one."""
    import torch

    from training.fit.run import open_run

    # Several workers with several threads each would fight over the cores.
    torch.set_num_threads(1)
    try:
        run = open_run(folder)
        model = run.load_stage_one()
    except TrainingError as error:
        raise CorpusError(f"--ears needs a trained run: {error}") from error
    if tuple(run.corpus.get("phonemes", ())) != PHONEMES:
        raise CorpusError(f"The run {folder} names other phonemes; train it again before --ears.")
    return Ears(model, run.features, np.array(priors, np.float32))


def shares_of_time(utterances: Iterable[Sequence[Phone]]) -> tuple[float, ...]:
    """How much of the time each phoneme takes, in the order of ``PHONEMES``; none is zero."""
    seconds: dict[int, float] = defaultdict(float)
    for phones in utterances:
        for phone in phones:
            seconds[phoneme_id(phone.label)] += phone.duration
    counted = np.array([seconds[i] for i in range(len(PHONEMES))]) + 1.0
    return tuple((counted / counted.sum()).tolist())


def fit_of(likely: Floats, phones: Sequence[Phone], rate: float) -> float:
    """How well ``likely (M, phonemes)`` at ``rate`` frames a second bears the phones out: the mean over the
    spoken frames of log P(phone | sound) / P(phone), 0 where the sound says nothing about the phones.
    """
    labels = label_frames(phones, np.arange(len(likely)) / rate)
    spoken = np.flatnonzero((labels != phoneme_id(SILENCE)) & (labels != UNKNOWN))
    return float(likely[spoken, labels[spoken]].mean()) if len(spoken) else 0.0
