# SPDX-License-Identifier: GPL-3.0-or-later
"""Sheets of rendered faces, to judge generated takes as an animator would.

``moments`` shows one recording at its telling moments, ``clips`` many recordings on many heads, ``frames``
one sentence frame by frame. A phone is shown at its middle, not where the face suits it best, so that a late
mouth looks late.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.audio.sound import sound_from_samples
from engine.bundle import Bundle
from engine.generate import GenerateOptions, generate
from engine.geometry.bind import bind_head
from engine.template import Template
from training.data.corpus import CorpusClips, read_faces
from training.errors import TrainingError
from training.phonemes import LABIODENTALS, SILENCE, Phone
from training.pictures import View, render_head, strip
from training.report.lids import find_blinks, lids_of
from training.report.life import long_clips
from training.report.mandarin import voiced_frames
from training.report.plots import listing
from training.report.recordings import ENGLISH, Recording, read_english, read_mandarin
from training.report.request import Measurement, Request
from training.report.shapes import long_pauses
from training.report.takes import phones_of, sound_of
from training.report.tracks import FRAME_RATE, Tracks, tracks_of

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]
Moments = dict[str, tuple[int, str]]
"""Kind of moment -> frame and caption."""

TITLE = "Faces"
PHONE_KINDS = {
    "m": ("M", "P", "B"),
    "f": LABIODENTALS,
    "ah": ("AA", "AE", "AY", "AW", "AO", "AH"),
    "oo": ("UW", "W", "OW"),
    "ee": ("IY", "EY"),
    "s": ("S", "Z", "SH"),
}
"""Moments named by a phone, in the order of a strip; earlier phones of a kind are more telling."""
LEAD, ENOUGH = 0.03, 0.2
"""Seconds of length that make up for one place in that order; a longer phone tells no more."""
FACE = View(centre=(0.5, 0.15, 0.41), width=0.62)
MOUTH = View(centre=(0.5, 0.15, 0.29), width=0.32)
MOUTH_TURNED = View(yaw=40.0, centre=(0.5, 0.15, 0.29), width=0.32)
STRIP_SIZE, SHEET_SIZE, FRAME_SIZE = 208, 160, 128
CLIPS, MOMENTS, LONGEST, SHORTEST = 20, 5, 30.0, 3.0
"""Clips of the sheet, moments of each, seconds that are generated at most, and that a clip has at least."""
OF_CHECK = {"ljspeech": 6, "mfa": 1, "facegood": 2}
EVERY, COLUMNS = 2, 10
LARGEST = 400_000
"""Bytes that a sheet takes at most."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A take of a recording on a head: ``motion (T, V, 3)`` in metres from ``rest (V, 3)``; ``closure (T,)``
    of the lids."""

    recording: Recording
    rest: Floats
    motion: Floats
    tracks: Tracks
    closure: NDArray[np.float64]


def draw_faces(request: Request) -> Measurement:
    """Write the three sheets; the measurement lists the files."""
    if request.check is None or request.out is None:
        raise TrainingError("The faces need the folder for checking and one for the files; give both.")
    bundle, out = request.bundle, request.out
    english, mandarin = read_english(request.check), read_mandarin(request.check)
    spoken = [recording for recording in english if recording.collection == ENGLISH[0]] or list(english)
    rest = bundle.template.rest
    sheets = {
        "moments": moments_sheet(bundle.template, shoot(bundle, most_telling(spoken), rest)),
        "clips": clips_sheet(bundle, clips_of(bundle, request.corpus, english, mandarin), request.corpus),
        "frames": frames_sheet(
            bundle.template, shoot(bundle, min(spoken, key=lambda one: one.duration), rest)
        ),
    }
    return listing(TITLE, [save_sheet(sheet, out / f"{name}.jpg") for name, sheet in sheets.items()])


def shoot(bundle: Bundle, recording: Recording, rest: Floats, seed: int = 0) -> Shot:
    """Generate a take of a recording on a head of the template's topology, as users get it."""
    template = bundle.template
    head = bind_head(template, rest, template.faces)
    (take,) = generate(bundle, recording.sound, head, GenerateOptions(seed=seed))
    if take.vertices is None:
        raise TrainingError("The engine gave no vertices.")
    motion = take.vertices - rest
    tracks = tracks_of(dataclasses.replace(template, rest=rest), bundle.card.landmarks, motion)
    return Shot(recording, rest, motion, tracks, lids_of(template).closure(rest, motion))


def most_telling(recordings: Sequence[Recording]) -> Recording:
    """The first recording whose phones hold the most kinds of moments, and of each the most telling phone."""

    def kinds_and_places(recording: Recording) -> tuple[int, int]:
        found = phone_moments(recording)
        places = [
            PHONE_KINDS[kind].index(caption.split()[0])
            for kind, (_, caption) in found.items()
            if kind in PHONE_KINDS
        ]
        return len(found), -sum(places)

    return max(recordings, key=kinds_and_places)


def telling_moments(shot: Shot) -> Moments:
    """Everything worth a look: phones by their times, or extremes of the mouth where none are known; the
    deepest blink."""
    found = phone_moments(shot.recording) if shot.recording.phones else extremes(shot)
    found = {kind: (min(frame, len(shot.motion) - 1), caption) for kind, (frame, caption) in found.items()}
    blinks = find_blinks(shot.closure)
    if len(blinks):
        frame = int(blinks.at[np.argmax(blinks.depths)])
        found["blink"] = (frame, f"blink {_seconds(frame)}")
    return found


def phone_moments(recording: Recording) -> Moments:
    """The middles of the most telling phone of every kind and of the longest pause."""
    found: Moments = {}
    for kind, labels in PHONE_KINDS.items():
        phones = [phone for phone in recording.phones if phone.label in labels]
        if phones:
            best = max(phones, key=lambda p: min(p.duration, ENOUGH) - LEAD * labels.index(p.label))
            frame = _middle((best.start, best.end))
            found[kind] = (frame, f"{best.label} {_seconds(frame)}")
    pauses = [span for span, _ in long_pauses(recording.phones)]
    if pauses:
        frame = _middle(max(pauses, key=lambda span: span[1] - span[0]))
        found["pause"] = (frame, f"pause {_seconds(frame)}")
    return found


def extremes(shot: Shot) -> Moments:
    """The least and widest opening and the narrowest and broadest mouth while there is a voice, and a silent
    moment."""
    voiced = np.flatnonzero(voiced_frames(shot.recording.samples, len(shot.motion)))
    silent = np.setdiff1d(np.arange(len(shot.motion)), voiced)
    found: Moments = {}
    if len(voiced):
        aperture, width = shot.tracks.aperture[voiced], shot.tracks.width[voiced]
        frames = {
            "shut": aperture.argmin(),
            "open": aperture.argmax(),
            "narrow": width.argmin(),
            "broad": width.argmax(),
        }
        for kind, place in frames.items():
            frame = int(voiced[place])
            found[kind] = (frame, f"{kind} {_seconds(frame)}")
    if len(silent):
        frame = int(silent[len(silent) // 2])
        found["pause"] = (frame, f"silent {_seconds(frame)}")
    return found


def clips_of(
    bundle: Bundle, corpus: Path | None, english: Sequence[Recording], mandarin: Sequence[Recording]
) -> list[Recording]:
    """At most CLIPS recordings: some of each collection for checking, voices of the corpus' test split
    besides, or more of the first ones where there is no corpus."""
    found, spare = [], []
    for name in (*ENGLISH, "facegood"):
        rows = [recording for recording in (*english, *mandarin) if recording.collection == name]
        found += rows[: OF_CHECK[name]]
        spare += rows[OF_CHECK[name] :]
    if corpus is not None:
        found += test_voices(corpus, bundle, CLIPS - len(found))
    return [trimmed(recording, LONGEST) for recording in (found + spare)[:CLIPS]]


def test_voices(corpus: Path, bundle: Bundle, count: int) -> list[Recording]:
    """Recordings of a corpus' test split with their phones: a voice of each of its sources (the part of its
    name before the slash), another of each, and so on."""
    source = CorpusClips(corpus, "test", bundle.card.audio_context)
    names, kinds = source.info["speaker_names"], source.info["sources"]
    groups: dict[str, dict[int, int]] = {}
    for index in long_clips(source, len(source), SHORTEST):
        speaker = int(source.clips["speaker"][index])
        groups.setdefault(str(names[speaker]).partition("/")[0], {}).setdefault(speaker, index)
    turns = zip_longest(*(list(voices.values()) for voices in groups.values()))
    voices = [index for turn in turns for index in turn if index is not None]
    found = []
    for index in voices[:count]:
        speaker, kind = (int(source.clips[name][index]) for name in ("speaker", "source"))
        sound = sound_from_samples(sound_of(corpus, source, index), source.mel_settings.sample_rate)
        phones = tuple(phones_of(corpus, source, index))
        found.append(Recording(str(names[speaker]), str(kinds[kind]), sound, phones))
    return found


def trimmed(recording: Recording, seconds: float) -> Recording:
    """The beginning of a recording: the phones that end within it, the jaw left out."""
    if recording.duration <= seconds:
        return recording
    rate = round(len(recording.samples) / recording.duration)
    sound = sound_from_samples(recording.samples[: round(seconds * rate)], rate)
    phones = [phone for phone in recording.phones if phone.end <= seconds]
    if phones:
        phones.append(Phone(phones[-1].end, seconds, "?"))
    return Recording(recording.name, recording.collection, sound, tuple(phones))


def heads_of(bundle: Bundle, corpus: Path | None, count: int) -> Floats:
    """Rest shapes ``(count, V, 3)``, as different as can be: of a corpus' test split where there is one that
    fits, of the identity basis otherwise; the first is the most unusual."""
    template = bundle.template
    if corpus is not None:
        faces = read_faces(corpus)
        rests = faces.rests[faces.splits == 2]
        if rests.shape[1:] != template.rest.shape:
            raise TrainingError(f"The heads of {corpus} aren't those of the bundle; give its own corpus.")
    else:
        codes = np.random.default_rng(0).standard_normal((4 * count, len(template.identity_std)))
        rests = template.rest + np.tensordot(codes * template.identity_std, template.identity_basis, 1)
    return np.asarray(rests, np.float32)[farthest(rests - template.rest, count)]


def farthest(shapes: NDArray[np.floating], count: int) -> list[int]:
    """Rows of ``shapes (N, V, 3)``, each the farthest from those before it; from the beginning again when
    they run out."""
    flat = shapes.reshape(len(shapes), -1)
    chosen = [int(np.linalg.norm(flat, axis=1).argmax())]
    distance = np.linalg.norm(flat - flat[chosen[0]], axis=1)
    while len(chosen) < min(count, len(flat)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(flat - flat[chosen[-1]], axis=1))
    return [chosen[place % len(chosen)] for place in range(count)]


def moments_sheet(template: Template, shot: Shot) -> Picture:
    """The face, the mouth and the mouth from the side at every telling moment of one take."""
    moments = telling_moments(shot)
    rows = []
    for view, size in ((FACE, STRIP_SIZE), (MOUTH, STRIP_SIZE), (MOUTH_TURNED, STRIP_SIZE)):
        captions = [caption for _, caption in moments.values()]
        rows.append(strip(_renders(template, shot, moments, view, size), captions))
    return _titled(np.concatenate(rows), f"{shot.recording.name}: a phone is shown at its middle")


def clips_sheet(bundle: Bundle, recordings: Sequence[Recording], corpus: Path | None) -> Picture:
    """Two columns of strips: each recording on a head of its own at MOMENTS telling moments."""
    heads = heads_of(bundle, corpus, len(recordings))
    strips = [
        clip_strip(bundle, recording, rest, number)
        for number, (recording, rest) in enumerate(zip(recordings, heads, strict=True))
    ]
    if len(strips) % 2:
        strips.append(np.zeros_like(strips[0]))
    pairs = zip(strips[::2], strips[1::2], strict=True)
    return np.concatenate([np.concatenate(pair, axis=1) for pair in pairs])


def clip_strip(bundle: Bundle, recording: Recording, rest: Floats, number: int) -> Picture:
    """One recording on one head: the lips' moments first, then what eyes and pauses offer, by turns."""
    shot = shoot(bundle, recording, rest)
    found = telling_moments(shot)
    moments = {kind: found[kind] for kind in a_few(list(found), MOMENTS, number)}
    pictures = _renders(bundle.template, shot, moments, FACE, SHEET_SIZE)
    pictures += [np.zeros_like(pictures[0])] * (MOMENTS - len(pictures))
    captions = [caption for _, caption in moments.values()]
    captions += [""] * (MOMENTS - len(captions))
    return _titled(strip(pictures, captions), f"{number + 1}. {recording.collection} {recording.name}")


def a_few(kinds: Sequence[str], count: int, turn: int) -> list[str]:
    """``count`` of the kinds of moments, in order: all but the last place go to the first ones, the last to
    each of the others by turns."""
    if len(kinds) <= count:
        return list(kinds)
    first, others = kinds[: count - 1], kinds[count - 1 :]
    return [*first, others[turn % len(others)]]


def frames_sheet(template: Template, shot: Shot) -> Picture:
    """The mouth at every EVERY-th frame of a take, with the phone that is spoken."""
    frames = range(0, len(shot.motion), EVERY)
    moments = {str(frame): (frame, _caption(shot.recording.phones, frame)) for frame in frames}
    pictures = _renders(template, shot, moments, MOUTH, FRAME_SIZE)
    sheet = strip(pictures, [caption for _, caption in moments.values()], COLUMNS)
    rate = FRAME_RATE // EVERY
    return _titled(sheet, f"{shot.recording.name}: every {EVERY}nd frame ({rate} pictures a second)")


def save_sheet(sheet: Picture, path: Path) -> Path:
    """Write a sheet as JPEG of at most LARGEST bytes: coarser where it needs more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in (90, 85, 80, 72, 64, 55, 45, 35):
        Image.fromarray(sheet).save(path, quality=quality, optimize=True)
        if path.stat().st_size <= LARGEST:
            break
    return path


def _renders(template: Template, shot: Shot, moments: Moments, view: View, size: int) -> list[Picture]:
    return [render_head(template, shot.rest, shot.motion[frame], size, view) for frame, _ in moments.values()]


def _titled(picture: Picture, title: str) -> Picture:
    """A picture with a line of text above it."""
    line = Image.new("RGB", (picture.shape[1], 18), (16, 16, 18))
    ImageDraw.Draw(line).text((4, 3), title, fill=(255, 214, 140))
    return np.concatenate([np.asarray(line), picture])


def _caption(phones: Iterable[Phone], frame: int) -> str:
    at = frame / FRAME_RATE
    label = next((phone.label for phone in phones if phone.start <= at < phone.end), "")
    return f"{at:.2f} {'' if label == SILENCE else label}"


def _middle(span: tuple[float, float]) -> int:
    return max(round((span[0] + span[1]) / 2 * FRAME_RATE), 0)


def _seconds(frame: int) -> str:
    return f"{frame / FRAME_RATE:.2f} s"
