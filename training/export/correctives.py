# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training.export.correctives BUNDLE …``: give bundles their corrective shapes.

Takes of the repository's sample sentence, of many seeds and on several heads, tell what the units leave of
the decoder's motion; its main components around the lips are the correctives. Nothing else of a bundle
changes: its graphs stay bit for bit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.sound import SAMPLE_RATE, load_sound, sound_from_samples
from engine.bundle import Bundle, load_bundle
from engine.generate import GenerateOptions, Mover, perform
from engine.generate.correctives import LIPS, CorrectiveFit
from engine.geometry.bind import bind_head
from engine.geometry.units import carry_units
from engine.template import CORRECTIVES, SKIN, Template, template_arrays
from training.evaluate.regions import Regions
from training.export.bundle import TEMPLATE, read_card, write_card
from training.export.components import Field, main_components
from training.folders import run_on_folders

Floats = NDArray[np.float32]

SPEECH = Path(__file__).resolve().parents[2] / "samples" / "speech.flac"
COUNT = 32
"""Correctives of a bundle; the engine uses as many of the first as a take needs."""

VOICES = (0.8, 1.0, 1.25)
"""The speech is heard at these speeds too, as if larger and smaller people spoke."""

TAKES, IDENTITIES, SEED = 8, 6, 4
LIKELY = 2.0
"""No made-up identity is further than this from the mean, in standard deviations of any code."""

PIECE = 45
"""Frames of a piece that counts as a take of its own: short takes do without more units, and what those leave
belongs to the correctives."""

EVERY = 4
"""Of so many frames one is kept for the components; a frame resembles its neighbours."""

HEADROOM = 2.0
"""Weights of other takes may be this much larger than any that were seen."""

MIDDLE = {"lip_upper_inner": "upper lip", "lip_lower_inner": "lower lip", "chin": "chin", "nose_tip": "nose"}
SIDES = {"mouth": "mouth corner", "lid_lower": "lower lid", "lid_upper": "upper lid", "brow_inner": "brow"}
"""What a shape is called after the landmark that is nearest, seen from the front, to where it moves most."""

ASIDE = 1.8
"""Cheeks and the jaw's corners lie so many times as far from the middle as the corners of the mouth …"""

CHEEK, JAW = 0.35, 0.3
"""… and so far up from them to the lids, and from the chin to them."""

BOTH = 0.6
"""A shape that moves the other side as much as this, against its own, belongs to both sides."""


@dataclass(frozen=True, eq=False)
class Remainder:
    """What the units leave on one head: its rest shape (V, 3) aligned to the template, and the displacements
    (T, V, 3), metres, of frames that the decoder gave."""

    rest: Floats
    motion: Floats


def add_correctives(folder: Path) -> int:
    """Rewrite the bundle's template with correctives of its own, all else bit for bit, and the checksums;
    gives their number. Raises MeshTalkError for what is no bundle."""
    template = with_correctives(load_bundle(folder, threads=1))
    with np.load(folder / TEMPLATE, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    made = template_arrays(template)
    fresh = folder / f".{TEMPLATE}.npz"  # a reader sees the old template or the new one
    np.savez_compressed(fresh, **arrays | {name: made[name] for name in CORRECTIVES})
    fresh.replace(folder / TEMPLATE)
    write_card(folder, read_card(folder))
    return len(template.corrective_names)


def with_correctives(bundle: Bundle, speech: Path = SPEECH) -> Template:
    """The bundle's template with COUNT correctives made from its motion. Raises MeshTalkError when the speech
    can't be read and TrainingError when the template has no lips."""
    template = bundle.template
    lips = Regions(template).lips.astype(np.int32)
    emphasis = np.where(template.part == SKIN, 1.0, 0.0)
    emphasis[lips] *= LIPS
    seen = list(remainders(bundle, speech))
    motion = np.concatenate([each.motion[::EVERY] for each in seen])
    field = Field(template.rest.astype(np.float64), emphasis, lips)
    shapes = main_components(motion, field, COUNT).astype(np.float32)
    names = tuple(f"{row + 1} {place}" for row, place in enumerate(places_of(template, shapes)))
    made = replace(template, corrective_names=names, corrective_deltas=shapes, corrective_lips=lips)
    return replace(made, corrective_deltas=_sized(made, seen).astype(np.float16).astype(np.float32))


def remainders(bundle: Bundle, speech: Path) -> Iterator[Remainder]:
    """What units leave of the takes of all VOICES, on the template and on people that its identities make."""
    template, rng = bundle.template, np.random.default_rng(SEED)
    performed = list(_performed(bundle, speech))
    for row in range(IDENTITIES):
        codes = np.clip(rng.standard_normal(len(template.identity_std)), -LIKELY, LIKELY)
        person = np.tensordot((row > 0) * codes * template.identity_std, template.identity_basis, 1)
        binding = bind_head(template, template.rest + person, template.faces)
        mover, units = Mover(bundle, binding), carry_units(template, binding.rest)
        takes = [_left(mover, units, labels) for labels in performed[row::IDENTITIES]]
        yield Remainder(binding.rest, np.concatenate(takes))


def _performed(bundle: Bundle, speech: Path) -> Iterator[NDArray[np.int16]]:
    """Labels (T, H) of TAKES takes in each of the VOICES."""
    samples = load_sound(speech).samples
    for speed in VOICES:
        sound = sound_from_samples(samples, round(SAMPLE_RATE * speed))
        yield from perform(bundle, sound, GenerateOptions(SEED, TAKES)).labels


def _left(mover: Mover, units: Floats, labels: NDArray[np.int16]) -> Floats:
    """What cleaned units (U, V, 3) leave of a take (T, V, 3); every other piece has units of its own."""
    motion = np.concatenate(list(mover.displacements(labels)))
    dense = mover.weights(motion)
    weights = mover.clean(dense)
    for first in range(0, len(dense), 2 * PIECE):
        part = slice(first, first + PIECE)
        weights[part] = mover.clean(dense[part])
    return motion - np.tensordot(weights, units, 1)


def _sized(template: Template, seen: Sequence[Remainder]) -> Floats:
    """The shapes (K, V, 3), scaled so that weights stay in −1…1, and 1 is where they went furthest."""
    ends = np.zeros((2, len(template.corrective_names)))
    for each in seen:
        low, high = CorrectiveFit(template, each.rest).reach(each.motion)
        ends = np.stack([np.minimum(ends[0], low), np.maximum(ends[1], high)])
    side = np.where(ends[1] >= -ends[0], 1.0, -1.0)
    return template.corrective_deltas * (side * HEADROOM * np.abs(ends).max(axis=0))[:, None, None]


def places_of(template: Template, shapes: Floats) -> list[str]:
    """The place (K,), in words, at which each shape (K, V, 3) moves the face most."""
    places = _places(template)
    travel = np.linalg.norm(shapes, axis=2)
    left = template.rest[:, 0] > 0
    found = []
    for shape in travel:
        most = int(shape.argmax())
        name = min(places, key=lambda name: float(((places[name] - template.rest[most, ::2]) ** 2).sum()))
        sides = sorted((float(shape[left].max()), float(shape[~left].max())))
        found.append(_of_both(name) if sides[0] > BOTH * sides[1] else name)
    return found


def _of_both(place: str) -> str:
    """The cheeks for the left cheek; what has no side as it is."""
    side, _, name = place.partition(" ")
    return f"{name}s" if side in ("left", "right") else place


def _places(template: Template) -> dict[str, NDArray[np.float64]]:
    """Places of the face, seen from the front: across and up (2,), metres."""
    marks = {name: template.rest[row, ::2].astype(np.float64) for name, row in template.landmarks.items()}
    places = {word: marks[name] for name, word in MIDDLE.items()}
    for side in ("left", "right"):
        corner, lid = marks[f"mouth_{side}"], marks[f"lid_lower_{side}"]
        places |= {f"{side} {word}": marks[f"{name}_{side}"] for name, word in SIDES.items()}
        across = ASIDE * corner[0]
        places[f"{side} cheek"] = np.array([across, corner[1] + CHEEK * (lid[1] - corner[1])])
        places[f"{side} jaw"] = np.array([across, marks["chin"][1] + JAW * (corner[1] - marks["chin"][1])])
    return places


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""

    def add(folder: Path) -> str:
        return f"{folder}: {add_correctives(folder)} correctives"

    return run_on_folders("training.export.correctives", __doc__, "bundle folders", add, arguments)


if __name__ == "__main__":
    sys.exit(main())
