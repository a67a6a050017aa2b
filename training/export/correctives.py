# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training.export.correctives BUNDLE … [--speech SOUND …]``: give bundles corrective shapes.

Takes of speech, of many seeds and on several heads, tell what the units leave of the decoder's motion; its
main components around the lips are the correctives. Nothing else of a bundle changes: its graphs stay bit for
bit. SOUND is a recording, or a folder of them; without, it is the repository's sample sentence. *Measured*:
made with 48 recordings of other people, a frame needs 7.9 of them (six voices), with the sample 9.3.
"""

from __future__ import annotations

import argparse
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
from training.errors import TrainingError
from training.evaluate.regions import Regions
from training.export.bundle import TEMPLATE, read_card, write_card
from training.export.components import Field, main_components
from training.folders import run_on_folders

Floats = NDArray[np.float32]

SPEECH = Path(__file__).resolve().parents[2] / "samples" / "speech.flac"
COUNT = 32
"""Correctives of a bundle; the engine uses as many of the first as a take needs."""

VOICES = (0.8, 1.0, 1.25)
"""The speech is heard at these speeds, as if larger and smaller people spoke; where there is little of it
backwards too: other sounds follow each other."""

HEARD, TAKES, IDENTITIES, SEED = 48, 8, 6, 4
"""Voices that are heard at most, and takes of each at most; heads; and the first seed."""

SECONDS = 8
"""Of a recording; what follows isn't heard."""

SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3")
LIKELY = 2.0
"""No made-up identity is further than this from the mean, in standard deviations of any code."""

PIECE = 45
"""Frames of a piece that counts as a take of its own: short takes do without more units, and what those leave
belongs to the correctives."""

KEPT = 1800
"""Frames that are kept for the components, of all takes alike; a frame resembles its neighbours."""

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


def add_correctives(folder: Path, speech: Sequence[Path] = (SPEECH,)) -> int:
    """Rewrite the bundle's template with correctives of its own, all else bit for bit, and the checksums;
    gives their number. Raises MeshTalkError for what is no bundle and for speech that can't be read."""
    template = with_correctives(load_bundle(folder, threads=1), speech)
    with np.load(folder / TEMPLATE, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    made = template_arrays(template)
    fresh = folder / f".{TEMPLATE}.npz"  # a reader sees the old template or the new one
    np.savez_compressed(fresh, **arrays | {name: made[name] for name in CORRECTIVES})
    fresh.replace(folder / TEMPLATE)
    write_card(folder, read_card(folder))
    return len(template.corrective_names)


def with_correctives(bundle: Bundle, speech: Sequence[Path] = (SPEECH,)) -> Template:
    """The bundle's template with COUNT correctives made from its motion. Raises MeshTalkError when the speech
    can't be read and TrainingError when the template has no lips."""
    template = bundle.template
    lips = Regions(template).lips.astype(np.int32)
    emphasis = np.where(template.part == SKIN, 1.0, 0.0)
    emphasis[lips] *= LIPS
    seen = list(remainders(bundle, speech))
    every = -(-sum(len(each.motion) for each in seen) // KEPT)
    motion = np.concatenate([each.motion[::every] for each in seen])
    field = Field(template.rest.astype(np.float64), emphasis, lips)
    shapes = main_components(motion, field, COUNT).astype(np.float32)
    names = tuple(f"{row + 1} {place}" for row, place in enumerate(places_of(template, shapes)))
    made = replace(template, corrective_names=names, corrective_deltas=shapes, corrective_lips=lips)
    return replace(made, corrective_deltas=_sized(made, seen).astype(np.float16).astype(np.float32))


def remainders(bundle: Bundle, speech: Sequence[Path]) -> Iterator[Remainder]:
    """What units leave of takes of speech, on the template and on people that its identities make."""
    template, rng = bundle.template, np.random.default_rng(SEED)
    performed = list(_performed(bundle, speech))
    for row in range(IDENTITIES):
        codes = np.clip(rng.standard_normal(len(template.identity_std)), -LIKELY, LIKELY)
        person = np.tensordot((row > 0) * codes * template.identity_std, template.identity_basis, 1)
        binding = bind_head(template, template.rest + person, template.faces)
        mover, units = Mover(bundle, binding), carry_units(template, binding.rest)
        takes = [_left(mover, units, labels) for labels in performed[row::IDENTITIES]]
        yield Remainder(binding.rest, np.concatenate(takes))


def _performed(bundle: Bundle, speech: Sequence[Path]) -> Iterator[NDArray[np.int16]]:
    """Labels (T, H) of the takes."""
    recordings = [path for each in speech for path in _recordings(each)]
    steps = (1, -1) if len(recordings) * len(VOICES) < HEARD else (1,)
    ways = [(step, speed) for step in steps for speed in VOICES]
    heard = min(HEARD, len(recordings) * len(ways))
    for index in range(heard):
        path, (step, speed) = recordings[index * len(recordings) // heard], ways[index % len(ways)]
        samples = load_sound(path).samples[: SECONDS * SAMPLE_RATE][::step]
        sound = sound_from_samples(np.ascontiguousarray(samples), round(SAMPLE_RATE * speed))
        takes = min(TAKES, -(-HEARD // heard))
        yield from perform(bundle, sound, GenerateOptions(SEED, takes)).labels


def _recordings(path: Path) -> list[Path]:
    """The recordings in a folder, HEARD at most; or the one that it is."""
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.rglob("*") if each.suffix.lower() in SOUNDS)
    if not found:
        raise TrainingError(f"There are no recordings in {path}.")
    return found[:: -(-len(found) // HEARD)]


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

    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--speech", nargs="+", type=Path, default=[SPEECH])
    options, folders = parser.parse_known_args(arguments)

    def add(folder: Path) -> str:
        return f"{folder}: {add_correctives(folder, options.speech)} correctives"

    return run_on_folders("training.export.correctives", __doc__, "bundle folders", add, folders)


if __name__ == "__main__":
    sys.exit(main())
