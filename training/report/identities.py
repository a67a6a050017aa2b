# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement 8: generated takes on heads that training never saw, from child to old: do the lips stay out of
each other, do the lids close, do the teeth stay behind the lips?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle import Bundle
from engine.generate import Mover
from engine.generate.sample import sample_labels
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding
from engine.geometry.units import carry_units
from engine.template import TEETH, Template
from training.corpus.teacher.lips import facing_pairs
from training.data.corpus import CorpusClips
from training.errors import TrainingError
from training.evaluate.networks import BundleNetworks, Labels, true_displacement
from training.faces.identities import sample_rests
from training.faces.source import load_head
from training.report.lids import Lids, find_blinks, lids_of
from training.report.life import long_clips
from training.report.request import Measurement, Request
from training.report.table import Target, number
from training.report.teeth import Cover

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

TITLE = "Identities (8)"
HEADS, SEED = 100, 2026
"""Heads, and a seed that no corpus has."""
CLIPS, TAKES, SHORTEST, MOST_FRAMES = 3, 8, 4.0, 180
CORPUS_CLIPS = 24
CROSSED = 0.8
"""mm by which the upper lip may lie below the lower: what the teacher itself lets them overlap (its closures
press by 0.1 mm), about as much as soft lips give way."""
LIDS = 0.1
"""Share of the lids' opening at rest that may be left at an identity's deepest blink."""
FULL = 0.97
"""Closure of a blink that is meant to be full; the teacher makes one in seventeen shallower."""


@dataclass(frozen=True)
class Head:
    """One head under one take: ``crossed`` mm by which lips overlap at most, and the share of frames in which
    they overlap by more than CROSSED; ``lids`` share of the opening left at the deepest blink, ``blinks`` so
    many; ``teeth`` mm by which the upper front teeth come through a lip at most (0: never). ``played`` is
    ``lids`` of the cleaned curves, which are what Blender plays; that of the motion itself where there are
    none."""

    crossed: float
    crossed_share: float
    lids: float
    blinks: int
    teeth: float
    played: float


class Checker:
    """Checks motions of heads with a template's topology."""

    def __init__(self, template: Template) -> None:
        marks = template.landmarks
        upper, lower = marks["lip_upper_inner"], marks["lip_lower_inner"]
        jaw = template.unit_deltas[template.unit("jawOpen")]
        self.pairs = facing_pairs(template.rest, jaw, upper, lower)
        self.lids: Lids = lids_of(template)
        self.cover = Cover(template)

    def check(self, rest: Floats, motion: Floats, curves: Floats | None = None) -> Head:
        """``motion (T, V, 3)`` in metres from ``rest (V, 3)``, and that of its ``curves``."""
        overlap = self.overlap(rest, motion)
        closure = self.lids.closure(rest, motion)
        played = motion if curves is None else curves
        return Head(
            float(overlap.max()),
            float((overlap > CROSSED).mean()),
            self.lids_left(rest, motion, int(closure.argmax())),
            len(find_blinks(closure)),
            self.cover.stands_out(rest, motion),
            self.lids_left(rest, played, int(self.lids.closure(rest, played).argmax())),
        )

    def lids_left(self, rest: Floats, motion: Floats, frame: int) -> float:
        """Share of the lids' opening at rest that is left at a frame; where margins cross, nothing is."""
        open_ = self.lids.gaps(rest[None].astype(np.float64))[0].sum()
        return float(np.clip(self.lids.gaps((rest + motion[frame])[None]), 0.0, None).sum() / open_)

    def overlap(self, rest: Floats, motion: Floats) -> Array:
        """By how many mm lips overlap ``(T,)``, the worst of the facing pairs; what overlaps at rest is the
        head's own."""
        height = [
            rest[self.pairs[:, side], 2] + motion[:, self.pairs[:, side], 2].astype(np.float64)
            for side in (0, 1)
        ]
        own = np.minimum(rest[self.pairs[:, 0], 2] - rest[self.pairs[:, 1], 2], 0.0)
        return 1000 * np.clip(own - (height[0] - height[1]), 0.0, None).max(1)


def measure_identities(request: Request) -> Measurement:
    """Generated takes on unseen heads, beside the corpus' own motion."""
    if request.corpus is None:
        return Measurement(TITLE, {}, [], "skipped, because it needs --corpus for the sound.")
    source = CorpusClips(request.corpus, "test", request.bundle.card.audio_context)
    template = with_teeth(request.bundle.template, source.faces.template)
    rests = unseen_heads(template, HEADS, SEED)
    heads = check_heads(request.bundle, template, rests, draw_takes(request.bundle, source))
    figures = identity_figures(heads) | {"corpus": identity_figures(check_corpus(template, source))}
    figures["teeth"] = int((template.attached_part == TEETH).sum())
    return Measurement(TITLE, figures, identity_targets(figures), identity_text(figures))


def with_teeth(template: Template, other: Template) -> Template:
    """Whichever of two templates of the same head has teeth; the first where both or none have."""
    if len(template.attached_rest) or not len(other.attached_rest):
        return template
    return other if np.allclose(template.rest, other.rest, atol=1e-5) else template


def unseen_heads(template: Template, count: int, seed: int) -> Floats:
    """New rests ``(count, V, 3)``, as the corpus' were drawn: a third are children and youths, the others up
    to old age."""
    source = load_head()
    if source.neutral.shape != template.rest.shape:
        raise TrainingError("The bundle's template is another head than the faces' package gives.")
    return sample_rests(source, template.align, template.landmarks, count, seed)


def draw_takes(bundle: Bundle, source: CorpusClips) -> list[Labels]:
    """Labels ``(T, H)`` of takes with a full blink on the template's own head, so that lids which stay open
    on another head are that head's fault; all takes where none has one."""
    networks, lids = BundleNetworks(bundle), lids_of(bundle.template)
    rest, blinking, others = bundle.template.rest, [], []
    for index in long_clips(source, CLIPS, SHORTEST):
        clip = source.clip(index, 0, min(source.frames(index), MOST_FRAMES))
        audio = networks.audio_code(clip)
        for row in sample_labels(bundle, audio, range(TAKES), bundle.card.default_temperature):
            labels = row.astype(np.int64)
            blinks = find_blinks(lids.closure(rest, networks.decode(rest, labels)))
            (blinking if blinks.depths.max(initial=0.0) >= FULL else others).append(labels)
    return blinking or others


def check_heads(bundle: Bundle, template: Template, rests: Floats, takes: Sequence[Labels]) -> list[Head]:
    """Each head under one of the takes in turn, moved as the engine moves it."""
    checker, heads = Checker(template), []
    for index, rest in enumerate(rests):
        binding = bind_head(bundle.template, rest, bundle.template.faces)
        motion, curves = engine_motion(Mover(bundle, binding), binding, takes[index % len(takes)])
        heads.append(checker.check(binding.rest, motion, curves))
    return heads


def engine_motion(mover: Mover, binding: Binding, labels: Labels) -> tuple[Floats, Floats]:
    """Displacements ``(T, V, 3)`` in template space of labels ``(T, H)`` as the engine makes them, and those
    of its cleaned curves."""
    blocks = list(mover.decoder.coefficients(labels.astype(np.int16)))
    weights = mover.clean(np.concatenate([mover.weights_of(codes) for codes in blocks]))
    units = carry_units(binding.template, binding.rest)
    return (
        np.concatenate([mover.decoder.displacement(codes) for codes in blocks]),
        np.tensordot(weights, units, 1),
    )


def check_corpus(template: Template, source: CorpusClips) -> list[Head]:
    """The same checks on the corpus' own motion."""
    checker, basis = Checker(template), source.faces.template.motion_basis
    basis, heads = basis.reshape(len(basis), -1), []
    for index in long_clips(source, CORPUS_CLIPS, SHORTEST):
        clip = source.clip(index, 0, source.frames(index))
        heads.append(checker.check(clip.rest, true_displacement(clip, basis)))
    return heads


def identity_figures(heads: Sequence[Head]) -> dict[str, Any]:
    """Shares of heads that pass, and the worst."""
    crossed, teeth = (np.array([getattr(head, name) for head in heads]) for name in ("crossed", "teeth"))
    lids, played = (
        np.array([getattr(head, name) for head in heads if head.blinks]) for name in ("lids", "played")
    )
    return {
        "heads": len(heads),
        "lips_apart": float((crossed <= CROSSED).mean()),
        "overlap_mm_median": float(np.median(crossed)),
        "overlap_mm_most": float(crossed.max()),
        "overlap_frames": float(np.mean([head.crossed_share for head in heads])),
        "blinking": len(lids),
        "lids_close": float((lids <= LIDS).mean()) if len(lids) else float("nan"),
        "lids_left_median": float(np.median(lids)) if len(lids) else float("nan"),
        "lids_left_most": float(lids.max()) if len(lids) else float("nan"),
        "curves_close": float((played <= LIDS).mean()) if len(lids) else float("nan"),
        "curves_left_most": float(played.max()) if len(lids) else float("nan"),
        "teeth_behind": float((teeth <= 0).mean()),
        "teeth_mm_most": float(teeth.max()),
    }


def identity_targets(figures: dict[str, Any]) -> list[Target]:
    """All heads must pass."""
    return [
        Target(f"heads whose lips overlap by {CROSSED} mm at most", figures["lips_apart"], 1.0, "at least"),
        Target("blinking heads whose lids close fully", figures["lids_close"], 1.0, "at least"),
        Target("the same of their curves, as Blender plays them", figures["curves_close"], 1.0, "at least"),
        Target("heads with their upper teeth behind the lips", figures["teeth_behind"], 1.0, "at least"),
    ]


def identity_text(figures: dict[str, Any]) -> str:
    """Generated takes and the corpus' own, line by line."""
    lines = []
    for name, row in (("generated", figures), ("corpus", figures["corpus"])):
        values = (
            f"{what.replace('_', ' ')} {number(float(value))}"
            for what, value in row.items()
            if what not in ("corpus", "teeth")
        )
        lines.append(f"  {name}: {', '.join(values)}")
    return "\n".join(lines)
