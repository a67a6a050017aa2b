# SPDX-License-Identifier: GPL-3.0-or-later
"""The losses of the first stage (section 3.2).

Every vertex error is the mean squared distance in a region, in mm², divided by how much that region moves in
the corpus. So the terms are shares of motion left unexplained, blinks count as much as jaws, and equal
weights, as in the paper, mean the same on every corpus.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.batches import IGNORED, Batch
from training.fit.guide import Guide
from training.fit.preset import LossSettings
from training.model.autoregressive import HEARD_SHARPNESS
from training.model.latent import gumbel_like, one_hot, straight_through
from training.model.meshtalk import MeshTalk
from training.phonemes import BILABIALS, LABIODENTALS, ROUND_LIPS, phoneme_id

CLOSED_MM = 2.0
"""Lips closer than about this count as near to touching."""

CONTACT_SCALE = 4.0
"""Squared gap error in mm² of lips or lids that weighs as much as a wholly unexplained region."""

SHUT_MM, SHUT_WEIGHT = 1.0, 20.0
"""Lids nearer than about this count as shut, and their error then counts so many times more."""


TELLING = tuple(phoneme_id(label) for label in (*BILABIALS, *LABIODENTALS, *ROUND_LIPS))
"""Phonemes that lips alone tell: between others they are short, and a mean mouth misses them."""


@dataclass(frozen=True)
class Codes:
    """What the audio encoder makes of a batch, and what it ought to show: ``audio (B, T, code)``, ``target
    (B, T, motion_size)`` metres, ``rest_gap (B, 1, P)`` mm and ``telling (B, T)``, whether lips alone tell
    the phoneme."""

    audio: Tensor
    target: Tensor
    rest_gap: Tensor
    telling: Tensor


@dataclass(frozen=True)
class BothCodes(Codes):
    """The same with ``expression (B, T, code)`` and ``rest (B, rest_size)``."""

    expression: Tensor
    rest: Tensor


@dataclass(frozen=True)
class Gumbel:
    """Temperature of the softmax and scale of the noise at one moment of the schedule."""

    temperature: float = 1.0
    noise: float = 1.0


def hear(model: MeshTalk, batch: Batch, bfloat16: bool = False) -> Codes:
    """Run the audio encoder on a batch; ``bfloat16`` computes it in half precision."""
    with torch.autocast(batch.mel.device.type, torch.bfloat16, enabled=bfloat16):
        audio = model.audio_encoder(batch.mel)
    target = model.space.motion_vector(batch.motion)
    telling = torch.isin(batch.phonemes, torch.tensor(TELLING, device=batch.phonemes.device))
    return Codes(audio.float(), target, model.space.rest_gap(batch.rest)[:, None], telling)


def encode(model: MeshTalk, batch: Batch, bfloat16: bool = False) -> BothCodes:
    """Run both encoders on a batch; ``bfloat16`` computes the audio encoder in half precision."""
    heard = hear(model, batch, bfloat16)
    return BothCodes(
        heard.audio,
        heard.target,
        heard.rest_gap,
        heard.telling,
        expression=model.encode_motion(heard.target),
        rest=model.space.rest_vector(batch.rest),
    )


def stage_one_loss(
    model: MeshTalk,
    batch: Batch,
    settings: LossSettings,
    gumbel: Gumbel,
    bfloat16: bool = False,
    guide: Guide | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The whole loss and its parts by name. "Other" clips ã, x̃ are the batch's neighbours.

    With ``guide`` the labels of the clips' own codes are guided, at the weight that ``settings`` has.
    """
    codes = encode(model, batch, bfloat16)
    pairs = pairs_of(codes, settings)
    audio, expression = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    sample = straight_through(model.fusion(audio, expression), gumbel.temperature, gumbel.noise)
    decoded = model.decode(codes.rest.repeat(len(pairs), 1), sample).chunk(len(pairs))
    terms = _terms(model, codes, decoded[0], decoded[min(1, len(pairs) - 1)], settings.closed_weight)
    weights = {name: getattr(settings, name) for name in terms}
    if len(pairs) == 3:
        terms["reconstruction"] = sum_of_regions(model, decoded[2] - codes.target, decoded[2] - codes.target)
        weights["reconstruction"] = settings.reconstruction
    if guide is not None:
        terms["guide"] = guide.loss(model.fusion(codes.audio, codes.expression), codes.target)
        weights["guide"] = settings.guide
    if settings.readout > 0:
        terms["readout"] = readout_loss(model, codes, settings)
        weights["readout"] = settings.readout
    if model.phoneme_head is not None and settings.phoneme > 0:
        terms["phoneme"] = phoneme_loss(model, codes.audio, batch.phonemes)
        weights["phoneme"] = settings.phoneme
    return _weighed(weights, terms)


def pairs_of(codes: BothCodes, settings: LossSettings) -> list[tuple[Tensor, Tensor]]:
    """Audio and expression codes to decode together: (a, x̃) and (ã, x), and (a, x) where it is asked for."""
    own = (codes.audio, codes.expression)
    if not settings.cross_modality:
        return [own]
    pairs = [(codes.audio, codes.expression.roll(1, 0)), (codes.audio.roll(1, 0), codes.expression)]
    return [*pairs, own] if settings.reconstruction > 0 else pairs


def settle_loss(
    model: MeshTalk, batch: Batch, settings: LossSettings, bfloat16: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """The decoder's loss on labels as they are drawn in use: heads that only hear are sampled as sharply as
    the autoregressive model does, the others are the likeliest."""
    with torch.no_grad():
        codes = encode(model, batch, bfloat16)
        pairs = pairs_of(codes, settings)[:2]  # never (a, x) beside the crossed ones
        audio, expression = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        logits = model.fusion(audio, expression)
        heard = logits[..., : model.settings.audio_heads, :]
        drawn = (HEARD_SHARPNESS * heard + gumbel_like(heard)).argmax(-1)
        labels = torch.cat([drawn, logits[..., model.settings.audio_heads :, :].argmax(-1)], -1)
    decoded = model.decode(codes.rest.repeat(len(pairs), 1), one_hot(labels, model.settings.categories))
    parts = decoded.chunk(len(pairs))
    terms = _terms(model, codes, parts[0], parts[-1], settings.settled_closed_weight)
    weights = {name: getattr(settings, name) for name in terms}
    settled = {"contact": settings.settled_contact, "eyelid": settings.settled_eyelid}
    settled["telling"] = settings.settled_telling
    if settings.settled_lids > 0:
        open_lids = model.space.rest_lid_gap(batch.rest)[:, None]
        terms["lids"] = lid_loss(model, parts[-1], codes.target, open_lids)
        settled["lids"] = settings.settled_lids
    return _weighed(weights | settled, terms)


def ear_loss(
    model: MeshTalk, batch: Batch, settings: LossSettings, bfloat16: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of the audio encoder on its own, before the first stage: mouth and phonemes straight from its
    code.
    """
    codes = hear(model, batch, bfloat16)
    terms = {"readout": readout_loss(model, codes, settings)}
    if model.phoneme_head is not None:
        terms["phoneme"] = phoneme_loss(model, codes.audio, batch.phonemes)
    return _weighed({"readout": 1.0, "phoneme": settings.phoneme}, terms)


def readout_loss(model: MeshTalk, codes: Codes, settings: LossSettings) -> Tensor:
    """Unexplained share of the mouth's motion, its velocity and the lips' contact, drawn straight from the
    audio code.

    Its gradient reaches the audio encoder without passing the categorical latent.
    """
    drawn = model.read_out(codes.audio)
    mouth = drawn - codes.target
    velocity = _share(model, mouth.diff(dim=1), "mouth")
    contact = contact_loss(model, drawn, codes, settings.closed_weight)
    total = _share(model, mouth, "mouth") + settings.velocity * velocity + settings.contact * contact
    lips = settings.telling * telling_loss(model, mouth, codes)
    return total + lips + settings.parting * parting_loss(model, mouth)


def _weighed(weights: dict[str, float], terms: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    return total, {name: term.detach() for name, term in terms.items()}


def _terms(
    model: MeshTalk, codes: BothCodes, heard: Tensor, seen: Tensor, closed_weight: float
) -> dict[str, Tensor]:
    """The vertex terms: the mouth of what was decoded with the clip's sound, the upper face of what was
    decoded with its expression (both the same without cross-modality).
    """
    mouth, upper = heard - codes.target, seen - codes.target
    return {
        "cross": sum_of_regions(model, mouth, upper),
        "eyelid": _share(model, upper, "eyelids"),
        "brows": _share(model, upper, "brows"),
        "gaze": _share(model, upper, "gaze"),
        "contact": contact_loss(model, heard, codes, closed_weight),
        "velocity": _share(model, mouth.diff(dim=1), "mouth"),
        "telling": telling_loss(model, mouth, codes),
        "parting": parting_loss(model, mouth),
    }


def parting_loss(model: MeshTalk, mouth: Tensor) -> Tensor:
    """Squared error of how fast the lips part, mm² a frame², at several vertex pairs: a mean mouth has the
    right regions and openings that come too early or too late."""
    return model.space.gap(mouth.diff(dim=1)).square().mean() / CONTACT_SCALE


def telling_loss(model: MeshTalk, mouth: Tensor, codes: Codes) -> Tensor:
    """Unexplained share of the lips' motion at phonemes that lips alone tell, spread over all frames."""
    errors = model.space.squared_error(mouth, "lips") * codes.telling
    return errors.mean() / model.space.variance("lips")


def sum_of_regions(model: MeshTalk, mouth: Tensor, upper: Tensor) -> Tensor:
    """Unexplained share of the mouth's motion by one difference plus that of the upper face by another."""
    return _share(model, mouth, "mouth") + _share(model, upper, "upper")


def contact_loss(model: MeshTalk, decoded: Tensor, codes: Codes, closed_weight: float) -> Tensor:
    """Squared error of the lips' gap at several vertex pairs; where the lips are closed it counts
    ``closed_weight`` times more. The more, the rather lips close where the sound leaves it open."""
    space = model.space
    true_gap = space.gap(codes.target)
    closeness = torch.exp(-((codes.rest_gap + true_gap).clamp_min(0) / CLOSED_MM).square())
    error = (space.gap(decoded) - true_gap).square()
    return ((1 + closed_weight * closeness) * error).mean() / CONTACT_SCALE


def lid_loss(model: MeshTalk, decoded: Tensor, target: Tensor, rest_gap: Tensor) -> Tensor:
    """Squared error of the gap between the lids of motion vectors ``(B, T, motion_size)``, mostly of shut
    ones: regions hardly feel a slit that everybody sees. ``rest_gap (B, 1, L)`` mm; 0 for faces without lids.
    """
    true_gap = model.space.lid_gap(target)
    if not true_gap.shape[-1]:
        return decoded.new_zeros(())
    shut = torch.exp(-((rest_gap + true_gap).clamp_min(0) / SHUT_MM).square())
    error = (model.space.lid_gap(decoded) - true_gap).square()
    return ((1 + SHUT_WEIGHT * shut) * error).mean() / CONTACT_SCALE


def phoneme_loss(model: MeshTalk, audio_code: Tensor, phonemes: Tensor) -> Tensor:
    """Cross entropy of the phonemes from the audio code alone; zero where none is known."""
    assert model.phoneme_head is not None
    logits = model.phoneme_head(audio_code).flatten(0, 1)
    count = (phonemes != IGNORED).sum().clamp_min(1)
    return F.cross_entropy(logits, phonemes.flatten(), ignore_index=IGNORED, reduction="sum") / count


def _share(model: MeshTalk, difference: Tensor, region: str) -> Tensor:
    """Mean squared error of a region as a share of its variance in the corpus."""
    return model.space.squared_error(difference, region).mean() / model.space.variance(region)
