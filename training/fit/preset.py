# SPDX-License-Identifier: GPL-3.0-or-later
"""Preset files: everything that may differ from one model to the next."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from training.data.augment import Augmentation
from training.data.batches import BatchSettings
from training.data.corpus import Drawing
from training.errors import TrainingError
from training.model.settings import ModelSettings

FOLDER = Path(__file__).resolve().parents[1] / "presets"
Section = TypeVar("Section")


@dataclass(frozen=True)
class StageSettings:
    """How one stage is trained.

    The schedule is sized by ``steps`` where it is positive, else by ``minutes`` of wall time. The learning
    rate rises over the first ``warm_up`` share and then falls to ``final_rate`` of its value along a half
    cosine.
    """

    minutes: float = 25.0
    steps: int = 0
    learning_rate: float = 1e-3
    final_rate: float = 0.02
    warm_up: float = 0.02
    clip_gradient: float = 1.0
    checkpoint_seconds: float = 60.0
    validation_seconds: float = 120.0

    @property
    def scheduled(self) -> bool:
        """Whether there is anything to train at all."""
        return self.steps > 0 or self.minutes > 0


@dataclass(frozen=True)
class LossSettings:
    """Weights of the terms of stage 1 (see ``training.fit.losses``) Gumbel temperature and noise from start
    to end, and the share of random labels that stage 2 sees. ``guide`` falls to nothing at the share
    ``guide_until`` of the schedule. An error of the lips' gap counts ``closed_weight`` times more where they
    are closed; ``telling`` weighs the lips' error at p b m, f v and rounded vowels once more, ``parting`` how
    fast the lips part.
    ``settled_contact``, ``settled_closed_weight``, ``settled_eyelid`` and ``settled_telling`` stand for
    ``contact``, ``closed_weight``, ``eyelid`` and ``telling`` while the decoder settles.

    Without ``cross_modality`` plain reconstruction takes its place.
    """

    cross_modality: bool = True
    cross: float = 1.0
    reconstruction: float = 0.0
    eyelid: float = 1.0
    brows: float = 0.0
    gaze: float = 0.0
    contact: float = 0.5
    settled_contact: float = 0.5
    closed_weight: float = 6.0
    settled_closed_weight: float = 6.0
    settled_eyelid: float = 1.0
    settled_lids: float = 0.0
    telling: float = 0.0
    parting: float = 0.0
    settled_telling: float = 0.0
    velocity: float = 2.0
    phoneme: float = 0.2
    readout: float = 0.0
    guide: float = 0.0
    guide_until: float = 0.5
    temperature: tuple[float, float] = (1.0, 0.5)
    noise: tuple[float, float] = (0.1, 0.5)
    corrupted_labels: float = 0.1


@dataclass(frozen=True)
class Preset:
    """One preset file. ``ear`` trains the audio encoder alone before the first stage, on ``ear_batch``; 0
    minutes and steps leave it out. In stage 1 it then learns at ``ear_rate`` times the rate, so that noisy
    labels don't spoil what it knows. ``settle`` trains the decoder alone after the first stage, on labels
    as they are drawn in use. ``threads`` 0 leaves the number of CPU threads to torch."""

    name: str
    model: ModelSettings = field(default_factory=ModelSettings)
    batch: BatchSettings = field(default_factory=BatchSettings)
    drawing: Drawing = field(default_factory=Drawing)
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: LossSettings = field(default_factory=LossSettings)
    ear: StageSettings = field(default_factory=lambda: StageSettings(minutes=0.0))
    ear_rate: float = 1.0
    ear_batch: BatchSettings = field(default_factory=lambda: BatchSettings(16, 128))
    stage1: StageSettings = field(default_factory=StageSettings)
    settle: StageSettings = field(default_factory=lambda: StageSettings(minutes=0.0))
    stage2: StageSettings = field(default_factory=lambda: StageSettings(minutes=10.0))
    seed: int = 1
    threads: int = 0
    bfloat16: bool = False
    default_temperature: float = 1.0
    enlarge_first_weights: bool = True

    @property
    def reads_out(self) -> bool:
        """Whether training needs motion straight from the audio code."""
        return self.ear.scheduled or self.loss.readout > 0


def preset_names() -> list[str]:
    """Names of the presets that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_preset(name: str) -> Preset:
    """A preset by its name or the path of a ``.toml`` file; raises ``TrainingError`` with what is wrong."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(preset_names())
        raise TrainingError(
            f'There is no preset "{name}"; take one of {known}, or the path of a .toml file.'
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"The preset {path} is no valid TOML ({error}).") from error
    return parse_preset(path.stem, raw)


def parse_preset(name: str, raw: dict[str, Any]) -> Preset:
    """A preset from its tables; unknown tables or settings are errors, so that no typing mistake goes
    unnoticed.
    """
    values: dict[str, Any] = {}
    plain = {entry.name: entry for entry in dataclasses.fields(Preset)}
    base = Preset(name)
    for key, value in raw.items():
        if key not in plain or key == "name":
            raise TrainingError(f'The preset {name} has the unknown setting "{key}".')
        current = getattr(base, key)
        table = dataclasses.is_dataclass(current)
        values[key] = _section(current, value, f"{name}'s [{key}]") if table else _typed(current, value, key)
    return Preset(name, **values)


def preset_table(preset: Preset) -> dict[str, Any]:
    """The inverse of ``parse_preset``, for a run's own record."""
    table = dataclasses.asdict(preset)
    del table["name"]
    return table


def _section(base: Section, raw: Any, place: str) -> Section:
    if not isinstance(raw, dict):
        raise TrainingError(f"The preset {place} must be a table.")
    names = {entry.name for entry in dataclasses.fields(base)}  # type: ignore[arg-type]
    values = {}
    for key, value in raw.items():
        if key not in names:
            raise TrainingError(f'The preset {place} has the unknown setting "{key}".')
        values[key] = _typed(getattr(base, key), value, key)
    return dataclasses.replace(base, **values)  # type: ignore[type-var]


def _typed(current: Any, value: Any, key: str) -> Any:
    """Bring a TOML value to the setting's own type, or say that it doesn't fit."""
    if isinstance(current, tuple) and isinstance(value, list | tuple):
        return tuple(_typed(current[0], item, key) for item in value)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(current):
        raise TrainingError(
            f'The preset\'s setting "{key}" must be a {type(current).__name__}, not {value!r}.'
        )
    return value
