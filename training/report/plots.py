# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots of what is measured, as small PNGs: one colour a method, units on every axis.

Each ``*_plot`` turns figures that are there already into a matplotlib ``Figure``; ``draw_plots`` makes them
of a request's bundle and the methods that it is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from engine.bundle import Bundle
from engine.geometry.bind import bind_head
from engine.template import Template, template_arrays
from training.corpus.teacher.lips import lip_gaps
from training.corpus.teacher.style import NEUTRAL
from training.corpus.teacher.teach import teach
from training.data.corpus import CorpusClips
from training.errors import TrainingError
from training.evaluate.speech import seeded_vertices
from training.phonemes import BILABIALS, SILENCE, VOWELS, Phone
from training.report.intensity import measure_intensity, vowel_levels
from training.report.intervals import Span, area_below, reduce_spans, spans_apart, spans_of
from training.report.lids import find_blinks, lids_of
from training.report.life import Watched, long_clips, watch
from training.report.lips import TOUCHING, Spoken, smallest_in
from training.report.loudness import decibels, level
from training.report.mandarin import measure_take, voiced_frames
from training.report.methods import Method, Ours, all_methods
from training.report.recordings import ENGLISH, Recording, read_english, read_mandarin
from training.report.request import Measurement, Request
from training.report.tracks import FRAME_RATE, Tracks, tracks_of

Array = NDArray[np.float64]

TITLE = "Plots"
COLOURS = {
    "ours": "#d1491b",
    "teacher": "#222222",
    "regression": "#7b3fb5",
    "visemes": "#2463c9",
    "visemes-words": "#1a9aa8",
    "loudness": "#8d949c",
}
OTHER = "#6a7d2f"
LABELS = {"visemes": "phones and visemes", "visemes-words": "words and visemes"}
DPI, PALETTE, LARGEST = 110, 160, 150_000
"""Pixels an inch; colours of a PNG, and bytes that it takes at most."""
SENTENCE = (3.0, 6.0)
"""Seconds that the drawn sentence lasts, where there is one."""
SEEDS, WINDOW = 8, 14.0
LIVELY_CLIPS, LIVELY_SEEDS = 10, 3
WIDE_OPEN = 14.0
"""Millimetres at which the histogram of apertures ends."""


def draw_plots(request: Request) -> Measurement:
    """Write every plot that the request has the folders for; the measurement lists the files."""
    if request.check is None or request.out is None:
        raise TrainingError("The plots need the folder for checking and one for the files; give both.")
    bundle, out, ours = request.bundle, request.out, Ours(request.bundle)
    english, mandarin = read_english(request.check), read_mandarin(request.check)
    tracks = all_tracks(request, english)
    spoken = {
        name: list(zip(rows, (r.phones for r in english), strict=True)) for name, rows in tracks.items()
    }
    takes = list(zip(tracks[Ours.name], english, strict=True))
    place = a_sentence(english)
    sentence = {name: rows[place].aperture for name, rows in tracks.items()}
    sentence["teacher"] = taught_aperture(bundle.template, bundle.card.landmarks, english[place])
    longest = max(english, key=lambda r: (r.collection == ENGLISH[0], r.duration))
    told = mandarin[-1]
    figures = {
        "closures": closures_plot(spoken),
        "apertures": apertures_plot(spoken[Ours.name]),
        "sentence": sentence_plot(english[place], sentence),
        "loudness": loudness_plot(takes),
        "mandarin": mandarin_plot(tracks_of(bundle.template, bundle.card.landmarks, ours.motion(told)), told),
        "blinks": blinks_plot(closures_of_seeds(bundle, longest, SEEDS), longest),
    }
    if request.corpus is not None:
        source = CorpusClips(request.corpus, "test", bundle.card.audio_context)
        clips = long_clips(source, LIVELY_CLIPS, 4.0)
        figures["dynamics"] = dynamics_plot(watch(bundle, request.corpus, source, clips, LIVELY_SEEDS))
    return listing(TITLE, [save_figure(figure, out / f"{name}.png") for name, figure in figures.items()])


def all_tracks(request: Request, recordings: Sequence[Recording]) -> dict[str, list[Tracks]]:
    """Tracks of all recordings by every method of the request, ours among them in any case."""
    names = tuple(dict.fromkeys((*request.methods, Ours.name))) if request.methods else ()
    methods: Sequence[Method] = all_methods(request.bundle, request.regression, names)
    template, marks = request.bundle.template, request.bundle.card.landmarks
    return {
        method.name: [tracks_of(template, marks, method.motion(recording)) for recording in recordings]
        for method in methods
    }


def a_sentence(recordings: Sequence[Recording]) -> int:
    """Place of the first recording of the length of SENTENCE, or of the shortest."""
    fits = [place for place, r in enumerate(recordings) if SENTENCE[0] <= r.duration <= SENTENCE[1]]
    return fits[0] if fits else int(np.argmin([r.duration for r in recordings]))


def taught_aperture(template: Template, landmarks: Mapping[str, int], recording: Recording) -> Array:
    """The aperture ``(T,)`` in mm that the corpus' teacher gives the template for a recording's phones."""
    basis = template.motion_basis.reshape(len(template.motion_basis), -1)
    codes = template.unit_deltas.reshape(len(template.unit_names), -1) @ basis.T
    faces = template_arrays(template) | {"rests": template.rest[None], "unit_codes": codes[None]}
    rng = np.random.default_rng(0)
    weights = teach(recording.phones, recording.samples, lip_gaps(faces), 0, rng, NEUTRAL)
    return tracks_of(template, landmarks, weights).aperture


def closures_of_seeds(bundle: Bundle, recording: Recording, seeds: int) -> Array:
    """Closure of the lids ``(seeds, T)`` of the template in takes of several seeds."""
    template = bundle.template
    head, lids = bind_head(template, template.rest, template.faces), lids_of(template)
    takes = seeded_vertices(bundle, head, recording.sound, tuple(range(seeds)))
    return np.array([lids.closure(template.rest, vertices - template.rest) for vertices in takes])


def closures_plot(spoken: Mapping[str, Spoken]) -> Figure:
    """ROC curves: how many p b m against how many vowels come below an aperture, for every aperture."""
    figure, axes = _figure(5.6, 4.6)
    for name, rows in spoken.items():
        shut, open_ = smallest_in(rows, "aperture", BILABIALS, spans_of), _vowels(rows, "aperture")
        limits = np.sort(np.concatenate([[-np.inf], shut, open_]))
        found = [np.searchsorted(np.sort(values), limits, side="right") for values in (open_, shut)]
        axes.plot(
            100 * found[0] / max(len(open_), 1),
            100 * found[1] / max(len(shut), 1),
            color=_colour(name),
            lw=2.4 if name == Ours.name else 1.5,
            label=f"{_label(name)}: area {area_below(shut, open_):.3f}",
        )
    axes.plot([0, 100], [0, 100], color="#cccccc", lw=1, zorder=0)
    axes.set(xlim=(0, 100), ylim=(0, 101), title="Do the lips close on p b m, and only there?")
    axes.set_xlabel("vowels with a smallest aperture below the limit (%)")
    axes.set_ylabel("p b m below the limit (%)")
    axes.legend(loc="lower right", frameon=False)
    return figure


def apertures_plot(spoken: Spoken) -> Figure:
    """Histogram of the smallest vertical gaps in p b m and in vowels."""
    figure, axes = _figure(7.0, 3.4)
    shut, open_ = smallest_in(spoken, "gap", BILABIALS, spans_of), _vowels(spoken, "gap")
    bins = np.arange(-1.0, WIDE_OPEN + 0.5, 0.5)
    for values, name, colour in ((open_, "vowels", COLOURS["visemes"]), (shut, "p b m", COLOURS["ours"])):
        share = np.full(len(values), 100 / max(len(values), 1))
        kept = np.clip(values, bins[0], bins[-1] - 1e-6)
        axes.hist(
            kept, bins.tolist(), weights=share, color=colour, alpha=0.65, label=f"{name} ({len(values)})"
        )
    axes.axvline(TOUCHING, color="#222222", lw=1, ls="--", label=f"touching: {TOUCHING:g} mm")
    axes.set(title="Smallest gap of the lips in every phone, ours", ylabel="phones (%)")
    axes.set_xlabel(f"smallest gap of the inner lips (mm; {WIDE_OPEN:g} and more in the last bar)")
    axes.legend(frameon=False)
    return figure


def sentence_plot(recording: Recording, apertures: Mapping[str, Array]) -> Figure:
    """Apertures over a recording with its phones above; p b m are shaded."""
    figure, axes = _figure(10.0, 4.4)
    top = max(float(np.max(values)) for values in apertures.values()) * 1.16
    for name in sorted(apertures, key=lambda name: name == Ours.name):
        values = apertures[name]
        strong = name in (Ours.name, "teacher")
        axes.plot(
            np.arange(len(values)) / FRAME_RATE,
            values,
            color=_colour(name),
            lw=2.2 if name == Ours.name else 1.6 if strong else 1.0,
            ls="--" if name == "teacher" else "-",
            alpha=1.0 if strong else 0.8,
            label=_label(name),
        )
    _mark_phones(axes, recording.phones, top)
    axes.set(xlim=(0, recording.duration), ylim=(0, top), xlabel="time (s)", ylabel="aperture (mm)")
    axes.set_title(f"{recording.name}: opening of the lips (p b m shaded)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncol=len(apertures), frameon=False)
    return figure


def mandarin_plot(tracks: Tracks, recording: Recording) -> Figure:
    """Our jaw and the animators' over the stretch of WINDOW seconds with most voice; r is of the whole
    take."""
    if recording.jaw is None:
        raise TrainingError(f"{recording.name} has no jaw of animators.")
    figure, axes = _figure(10.0, 3.6)
    voiced = voiced_frames(recording.samples, len(tracks))
    count = min(len(tracks), len(recording.jaw))
    span = min(count, round(WINDOW * FRAME_RATE))
    first = int(np.argmax(np.convolve(voiced[:count], np.ones(span), mode="valid")))
    part, times = slice(first, first + span), np.arange(first, first + span) / FRAME_RATE
    theirs = axes.twinx()
    axes.plot(times, tracks.jaw[part], color=COLOURS["ours"], lw=2, label="ours: descent of the chin (mm)")
    theirs.plot(times, recording.jaw[part], color="#222222", lw=1.4, ls="--", label="animators' jaw")
    shaded, below = voiced[part].tolist(), theirs.get_xaxis_transform()
    theirs.fill_between(times, 0, 1, where=shaded, transform=below, color="#f0ece2", lw=0, zorder=0)
    axes.set_zorder(1)
    axes.patch.set_visible(False)
    theirs.spines[["top"]].set_visible(False)
    theirs.set(ylim=(0, None), ylabel="animators' jaw (weight, 0 to 1)")
    found = measure_take(tracks, recording.jaw, voiced).jaw
    axes.set(xlabel="time (s)", ylabel="chin below rest (mm)", xlim=(times[0], times[-1]))
    axes.set_title(f"Mandarin take {recording.name}, r = {found:.2f} over voiced frames (shaded)")
    lines = [*axes.get_lines(), *theirs.get_lines()]
    names = [str(line.get_label()) for line in lines]
    axes.legend(lines, names, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncol=2, frameon=False)
    return figure


def loudness_plot(takes: Sequence[tuple[Tracks, Recording]]) -> Figure:
    """Largest aperture against intensity, a dot a vowel."""
    figure, axes = _figure(5.6, 4.2)
    openings = [
        value
        for tracks, r in takes
        for value in reduce_spans(tracks.aperture, spans_of(r.phones, VOWELS, 0.0), np.max)
    ]
    levels = np.concatenate([vowel_levels(r) for _, r in takes])
    axes.scatter(levels, openings, s=9, color=COLOURS["ours"], alpha=0.45, lw=0)
    found = measure_intensity(takes).syllables_correlation
    axes.set(title=f"Opening and loudness of vowels, ours (rank correlation {found:.2f})", ylim=(0, None))
    axes.set_xlabel("intensity of the vowel against the recording's median (dB)")
    axes.set_ylabel("largest aperture in the vowel (mm)")
    low, high = np.percentile(levels, (0.5, 99.5)) if len(levels) else (-1.0, 1.0)
    axes.set_xlim(low - 1, high + 1)
    return figure


def blinks_plot(closures: Array, recording: Recording) -> Figure:
    """Blinks of several seeds ``(S, T)`` over one recording: bars as long as the blink; its loudness
    below."""
    figure, axes = _figure(10.0, 3.4)
    seconds = closures.shape[1] / FRAME_RATE
    count = 0
    for seed, closure in enumerate(closures):
        axes.fill_between(
            np.arange(len(closure)) / FRAME_RATE,
            seed - 0.4 * np.clip(closure, 0, 1),
            seed + 0.4 * np.clip(closure, 0, 1),
            color="#9bb0c9",
            lw=0,
        )
        blinks = find_blinks(closure)
        count += len(blinks)
        axes.scatter(
            blinks.at / FRAME_RATE, np.full(len(blinks), seed), s=16, color=COLOURS["ours"], zorder=3
        )
    heard = decibels(level(recording.samples, np.arange(closures.shape[1]) / FRAME_RATE))
    loud = np.clip((heard - heard.max() + 50) / 50, 0, 1)
    times = np.arange(len(loud)) / FRAME_RATE
    axes.fill_between(times, len(closures) + 0.5, len(closures) + 0.5 - loud, color="#c9c2b2", lw=0)
    axes.set_yticks([*range(len(closures)), len(closures)], [*map(str, range(len(closures))), "voice"])
    axes.set(xlim=(0, seconds), ylim=(len(closures) + 0.6, -0.7), xlabel="time (s)", ylabel="seed")
    rate = count / max(len(closures) * seconds / 60, 1e-9)
    axes.set_title(f"{recording.name}: blinks (dots) and closed lids (width), {rate:.0f} blinks a minute")
    return figure


def dynamics_plot(watched: Sequence[Watched]) -> Figure:
    """Upper-face dynamics of takes and reconstructions against the corpus' own, a column of dots a clip."""
    figure, axes = _figure(5.6, 4.4)
    own = 1000 * np.array([clip.own.dynamics for clip in watched])
    rebuilt = 1000 * np.array([clip.rebuilt.dynamics for clip in watched])
    takes = 1000 * np.array([[take.dynamics for take in clip.takes] for clip in watched])
    spread = np.repeat(own[:, None], takes.shape[1], 1)
    axes.scatter(spread, takes, s=14, color=COLOURS["ours"], alpha=0.6, lw=0, label="takes of several seeds")
    axes.scatter(own, rebuilt, s=22, color=COLOURS["teacher"], marker="_", label="reconstruction")
    most = 1.08 * max(own.max(), takes.max(), rebuilt.max())
    axes.plot([0, most], [0, most], color="#bbbbbb", lw=1, zorder=0)
    axes.fill_between([0, most], [0, 0.85 * most], [0, 1.15 * most], color="#eef2e6", lw=0, zorder=-1)
    ratio = takes.mean() / max(float(own.mean()), 1e-9)
    axes.set(xlim=(0, most), ylim=(0, most), title=f"Upper face: generated to corpus {ratio:.2f}")
    axes.set_xlabel("dynamics of the corpus clip (mm)")
    axes.set_ylabel("dynamics of its takes (mm)")
    axes.legend(frameon=False, loc="upper left")
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG with a palette, of at most LARGEST bytes: fewer pixels where it needs more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for dpi in (DPI, 90, 75, 60):
        drawn = BytesIO()
        figure.savefig(drawn, format="png", dpi=dpi)
        Image.open(drawn).convert("RGB").quantize(PALETTE).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            break
    return path


def listing(title: str, files: Sequence[Path]) -> Measurement:
    """What was written, with sizes."""
    sizes = {path.name: round(path.stat().st_size / 1000, 1) for path in files}
    text = "\n".join(f"  {path} ({sizes[path.name]:.0f} kB)" for path in files)
    return Measurement(title, {"files_kB": sizes}, text=text)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return figure, axes


def _vowels(spoken: Spoken, track: str) -> Array:
    """As the report measures them: less what a closure or silence beside them was given."""

    def spans(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
        return spans_apart(phones, labels, (*BILABIALS, SILENCE))

    return smallest_in(spoken, track, VOWELS, spans)


def _mark_phones(axes: Axes, phones: Sequence[Phone], top: float) -> None:
    """Labels above the curves, on two lines by turns; bilabials shaded."""
    shown = [phone for phone in phones if phone.label != SILENCE]
    for place, phone in enumerate(shown):
        at = top * (0.985 if place % 2 else 0.935)
        middle = (phone.start + phone.end) / 2
        axes.text(middle, at, phone.label, ha="center", va="top", fontsize=7.5, color="#444444")
        if phone.label in BILABIALS:
            axes.axvspan(phone.start, phone.end, color="#f6d9c9", lw=0, zorder=0)
    for phone in phones:
        if phone.label == SILENCE:
            axes.axvspan(phone.start, phone.end, color="#eeeeee", lw=0, zorder=0)


def _colour(name: str) -> str:
    return COLOURS.get(name, OTHER)


def _label(name: str) -> str:
    return LABELS.get(name, name)
