# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to move a mouth by speech that are compared: from a recording to motion of the template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.audio.features import MelSettings, clip_gain, log_mel
from engine.bundle import Bundle
from engine.geometry.bind import bind_head
from engine.template import Template
from training.errors import TrainingError
from training.evaluate.speech import seeded_vertices
from training.model.settings import MEL_PER_FRAME
from training.report.loudness import jaw_opening
from training.report.recordings import MANDARIN, Recording
from training.report.visemes import recognise, recognise_words, shape_weights

Floats = NDArray[np.float32]


class Method(Protocol):
    """One way from a recording to motion."""

    @property
    def name(self) -> str:
        """How tables call it."""
        ...

    def motion(self, recording: Recording) -> Floats:
        """Displacements ``(T, V, 3)`` in metres on the mean template at 30 fps, or weights ``(T, U)`` of its
        units where the method moves nothing else."""
        ...


class Ours:
    """A bundle through the engine, as users get it."""

    name = "ours"

    def __init__(self, bundle: Bundle, seed: int = 0) -> None:
        self._bundle, self._seed = bundle, seed
        self._head = bind_head(bundle.template, bundle.template.rest, bundle.template.faces)

    def motion(self, recording: Recording) -> Floats:
        """As ``Method`` says."""
        (vertices,) = seeded_vertices(self._bundle, self._head, recording.sound, (self._seed,))
        return vertices - self._bundle.template.rest


class Loudness:
    """The jaw opens as far as the sound is loud; nothing else moves."""

    name = "loudness"

    def __init__(self, template: Template) -> None:
        self._template = template

    def motion(self, recording: Recording) -> Floats:
        """As ``Method`` says: weights."""
        weights = np.zeros((recording.frames, len(self._template.unit_names)), np.float32)
        weights[:, self._template.unit("jawOpen")] = jaw_opening(recording.samples, recording.frames)
        return weights


class Visemes:
    """Rhubarb's way: recognise phones, hold one of nine mouth shapes for each, blend between them.

    ``words`` takes its recogniser for English, for English alone.
    """

    def __init__(self, template: Template, words: bool = False) -> None:
        self.name = "visemes-words" if words else "visemes"
        self._template, self._words = template, words

    def motion(self, recording: Recording) -> Floats:
        """As ``Method`` says: weights."""
        words = self._words and recording.collection != MANDARIN
        phones = recognise_words(recording.samples) if words else recognise(recording.samples)
        return shape_weights(self._template, phones, recording.frames)


class VocaStyle:
    """The regression that was trained on the same corpus; see ``training/report/regression.py``."""

    name = "regression"

    def __init__(self, file: Path, mel: MelSettings) -> None:
        from training.report.regression import Regression

        self._regression, self._mel = Regression.load(file), mel

    def motion(self, recording: Recording) -> Floats:
        """As ``Method`` says."""
        before, after = self._regression.context
        count = before + MEL_PER_FRAME * recording.frames + after
        gain = clip_gain(recording.samples, self._mel)
        return self._regression.motion(log_mel(recording.samples, -before, count, self._mel, gain))


def make_method(name: str, bundle: Bundle, regression: Path | None = None) -> Method:
    """A method by its name; raises TrainingError for an unknown one or a regression without its file."""
    if name not in _METHODS:
        raise TrainingError(f"There is no method {name!r}; the methods are {', '.join(_METHODS)}.")
    return _METHODS[name](bundle, regression)


def all_methods(
    bundle: Bundle, regression: Path | None = None, names: Sequence[str] = ()
) -> tuple[Method, ...]:
    """The named methods, or every one where no names are given: ours last, the regression only where its file
    is."""
    every = [name for name in _METHODS if regression is not None or name != VocaStyle.name]
    return tuple(make_method(name, bundle, regression) for name in names or every)


def _voca_style(bundle: Bundle, regression: Path | None) -> Method:
    if regression is None:
        raise TrainingError("The method regression needs its file; give --regression.")
    return VocaStyle(regression, bundle.card.mel)


_METHODS: dict[str, Callable[[Bundle, Path | None], Method]] = {
    Loudness.name: lambda bundle, _: Loudness(bundle.template),
    "visemes": lambda bundle, _: Visemes(bundle.template),
    "visemes-words": lambda bundle, _: Visemes(bundle.template, words=True),
    VocaStyle.name: _voca_style,
    Ours.name: lambda bundle, _: Ours(bundle),
}
