# SPDX-License-Identifier: GPL-3.0-or-later
"""The card of a model bundle (``model.json``), read strictly."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..audio.features import MelSettings
from ..errors import BundleError

CARD_NAME = "model.json"
FORMAT = 1
"""The newest bundle format that this engine reads."""

OLDEST_OPSET, NEWEST_OPSET = 13, 23
"""ONNX operator sets that the shipped onnxruntime runs."""

GRAPHS = ("audio_encoder", "expression_encoder", "fusion", "autoregressive", "decoder")

TEXTS = ("name", "licence", "created", "preset", "template")

SIZES = (
    "frame_rate",
    "audio_code",
    "expression_code",
    "heads",
    "categories",
    "block_frames",
    "lanes",
    "autoregressive_state",
    "decoder_state",
    "expression_state",
    "opset",
    "vertices",
)


@dataclass(frozen=True)
class Card:
    """What a model says of itself, as `model.json` holds it. Sizes are counts, rates are per
    second."""

    format: int
    name: str
    licence: str
    created: str
    preset: str
    training_data: tuple[Mapping[str, Any], ...]
    frame_rate: int
    mel: MelSettings
    audio_context: tuple[int, int]
    audio_code: int
    expression_code: int
    heads: int
    categories: int
    block_frames: int
    lanes: int
    autoregressive_state: int
    decoder_state: int
    expression_state: int
    opset: int
    vertices: int
    units: tuple[str, ...]
    landmarks: Mapping[str, int]
    default_temperature: float
    metrics: Mapping[str, Any]
    graphs: Mapping[str, str]
    template: str
    checksums: Mapping[str, str]

    @property
    def mel_frames(self) -> int:
        """Mel frames that the audio encoder sees at once: a block and its context."""
        return self.audio_context[0] + self.mel.per_frame * self.block_frames + self.audio_context[1]


def read_card(path: Path) -> Card:
    """Read ``model.json``; raises BundleError with one sentence for whatever is wrong in it."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"The folder {path.parent} is no MeshTalk model: it has no {CARD_NAME}.") from None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BundleError(f"The model's card {path} is damaged ({error}); install the model again.") from None
    if not isinstance(raw, dict):
        raise BundleError(f"The model's card {path} holds no JSON object; install the model again.")
    return parse_card(raw)


def parse_card(raw: Mapping[str, Any]) -> Card:
    """Check every field of a card that was read from JSON. Unknown fields are ignored, so that old engines
    can read cards that say more; a change of meaning raises the format number instead."""
    _check_format(raw)
    values: dict[str, Any] = {name: _text(raw, name) for name in TEXTS}
    values |= {name: _whole(_field(raw, name), name, 1) for name in SIZES}
    values["format"] = raw["format"]
    values["mel"] = _mel(_mapping(raw, "mel"))
    values["audio_context"] = _context(_field(raw, "audio_context"))
    values["units"] = _units(_field(raw, "units"))
    values["landmarks"] = _landmarks(_mapping(raw, "landmarks"), values["vertices"])
    values["default_temperature"] = _number(_field(raw, "default_temperature"), "default_temperature")
    values["training_data"] = _sources(_field(raw, "training_data"))
    values["metrics"] = dict(_mapping(raw, "metrics"))
    values["graphs"] = _graphs(_mapping(raw, "graphs"))
    values["checksums"] = _checksums(_mapping(raw, "checksums"))
    card = Card(**values)
    _check_whole_card(card)
    return card


def _wrong(name: str, problem: str) -> BundleError:
    return BundleError(f"The model's card is wrong: {name} {problem}; install the model again.")


def _check_format(raw: Mapping[str, Any]) -> None:
    number = _whole(_field(raw, "format"), "format", 1)
    if number > FORMAT:
        raise BundleError(
            f"This model needs a newer MeshTalk: its format is {number}, this MeshTalk reads up to {FORMAT}."
        )


def _field(raw: Mapping[str, Any], name: str) -> Any:
    if name not in raw:
        raise _wrong(name, "is missing")
    return raw[name]


def _mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = _field(raw, name)
    if not isinstance(value, dict):
        raise _wrong(name, "is not an object")
    return value


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = _field(raw, name)
    if not isinstance(value, str):
        raise _wrong(name, "is not text")
    return value


def _whole(value: Any, name: str, low: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= 10**8:
        raise _wrong(name, f"is not a whole number from {low} up")
    return value


def _number(value: Any, name: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) < 1e12:
        raise _wrong(name, "is not a finite number")
    return float(value)


def _mel(raw: Mapping[str, Any]) -> MelSettings:
    fields = {field.name: field for field in dataclasses.fields(MelSettings)}
    if set(raw) != set(fields):
        raise _wrong("mel", f"does not hold exactly the fields {', '.join(fields)}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        default = field.default
        values[name] = (
            _whole(raw[name], f"mel.{name}", 1) if type(default) is int else _number(raw[name], name)
        )
    return MelSettings(**values)


def _context(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise _wrong("audio_context", "is not a pair of numbers of mel frames")
    return _whole(value[0], "audio_context", 0), _whole(value[1], "audio_context", 0)


def _units(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
        raise _wrong("units", "is not a list of names")
    if len(set(value)) != len(value):
        raise _wrong("units", "names a unit twice")
    return tuple(value)


def _landmarks(raw: Mapping[str, Any], vertices: int) -> Mapping[str, int]:
    landmarks = {name: _whole(value, f"landmarks.{name}", 0) for name, value in raw.items()}
    outside = [name for name, vertex in landmarks.items() if vertex >= vertices]
    if outside:
        raise _wrong(f"landmarks.{outside[0]}", "is no vertex of the template")
    return landmarks


def _sources(value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(source, dict) for source in value):
        raise _wrong("training_data", "is not a list of sources")
    return tuple(value)


def _graphs(raw: Mapping[str, Any]) -> Mapping[str, str]:
    missing = [name for name in GRAPHS if name not in raw]
    if missing:
        raise _wrong("graphs", f"does not name the graph {missing[0]}")
    return {name: _file_name(raw[name], f"graphs.{name}") for name in GRAPHS}


def _checksums(raw: Mapping[str, Any]) -> Mapping[str, str]:
    for name, value in raw.items():
        _file_name(name, "checksums")
        if not isinstance(value, str) or len(value) != 64:
            raise _wrong(f"checksums.{name}", "is not a SHA-256 in hexadecimal")
    return dict(raw)


def _file_name(value: Any, name: str) -> str:
    """Only plain names: a card must not reach out of its folder."""
    if not isinstance(value, str) or not value or value != Path(value).name or "\\" in value or ":" in value:
        raise _wrong(name, "is not a plain file name")
    return value


def _check_whole_card(card: Card) -> None:
    _file_name(card.template, "template")
    if not OLDEST_OPSET <= card.opset <= NEWEST_OPSET:
        raise BundleError(
            f"This model needs ONNX operator set {card.opset}, and this MeshTalk runs {OLDEST_OPSET} to "
            f"{NEWEST_OPSET}; get a newer MeshTalk or another model."
        )
    if card.mel.frame_rate != card.frame_rate:
        raise _wrong("mel.frame_rate", "differs from frame_rate")
    if card.mel.sample_rate != 16_000:
        raise _wrong("mel.sample_rate", "is not 16000")
    unchecked = [name for name in (*card.graphs.values(), card.template) if name not in card.checksums]
    if unchecked:
        raise _wrong("checksums", f"lacks {unchecked[0]}")
