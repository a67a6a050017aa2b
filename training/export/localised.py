# SPDX-License-Identifier: GPL-3.0-or-later
"""Local components of motion: few shapes, each of one place of the face, whose sums come near to it.

In the manner of sparse localised deformation components (Neumann et al. 2013): one after the other a place is
chosen where most is left, and the main component of the motion in a window around it is taken away. Then
weights and shapes are fitted in turn, each shape held to its window, and put into the order in which they
serve the lips. Nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.arrays import smoothstep

Doubles = NDArray[np.float64]

INNER, OUTER = 0.02, 0.06
"""Metres; a window is 1 up to here from its middle, and 0 from there on. *Measured* on 42 takes of
sounds that were not used here: with 32 shapes all came within 0.2 mm; with windows of 15 to 40 mm, which move
half as many vertices, two kept 0.45 mm."""

RANK = 96
"""Main components of the motion that are kept; the rest is too small to see."""

ROUNDS = 20
FADE = 0.02
"""Pull of a shape towards 0 where its window fades, as a part of its weights' size."""

RIDGE = 1e-3
ELSEWHERE = 0.05
"""How much a vertex elsewhere counts against a lip's when shapes are put into order."""

ENOUGH = 1e-6
"""No more shapes are made where so small a part of the motion, in squared distances, is left."""

SMALL = 1e-3
"""Windows are cut off here."""


@dataclass(frozen=True, eq=False)
class Field:
    """Where and how much: places (V, 3), metres; `emphasis` (V,) of a vertex in squared distances, 0 for
    those that no shape may move; `lips` (L,)."""

    places: Doubles
    emphasis: Doubles
    lips: NDArray[np.integer]


def local_components(motion: NDArray[np.floating], field: Field, count: int) -> Doubles:
    """At most ``count`` shapes (K, V, 3) for a motion (T, V, 3), metres, the most useful first."""
    frames = condensed(motion, field.emphasis)
    windows = _chosen_windows(frames, field, count)
    shapes = _settled(frames, windows, field.emphasis)
    return shapes[_useful_order(frames, shapes, field)]


def condensed(motion: NDArray[np.floating], emphasis: Doubles) -> Doubles:
    """As few frames (R, V, 3) as hold the same main components as a motion (T, V, 3)."""
    seen = _flat(motion, emphasis)
    values, vectors = np.linalg.eigh(seen @ seen.T)
    main = np.argsort(-values, kind="stable")[: min(RANK, len(values))]
    return np.einsum("tr,tvc->rvc", vectors[:, main], motion, optimize=True)


def _chosen_windows(frames: Doubles, field: Field, count: int) -> Doubles:
    """Windows (K, V) around the places where most motion is left, one after the other, while any is."""
    left, windows = frames.copy(), []
    enough = ENOUGH * _energy(frames, field).sum()
    while len(windows) < count and (energy := _energy(left, field)).sum() > enough:
        most = int(energy.argmax())
        window = _window(field, most)
        weights = _main_weights(_flat(left, field.emphasis * window**2))
        shape = np.einsum("r,rvc->vc", weights, left) * window[:, None]
        left -= weights[:, None, None] * shape
        windows.append(window)
    return np.stack(windows)


def _energy(frames: Doubles, field: Field) -> Doubles:
    """How much motion (V,) frames (R, V, 3) hold at each vertex."""
    return (frames**2).sum(axis=(0, 2)) * field.emphasis


def _window(field: Field, middle: int) -> Doubles:
    away = np.linalg.norm(field.places - field.places[middle], axis=1)
    return smoothstep(np.clip((OUTER - away) / (OUTER - INNER), 0.0, 1.0)) * (field.emphasis > 0)


def _main_weights(frames: Doubles) -> Doubles:
    """Weights (R,), of length 1, of the main component of frames (R, N)."""
    return np.linalg.eigh(frames @ frames.T)[1][:, -1]


def _settled(frames: Doubles, windows: Doubles, emphasis: Doubles) -> Doubles:
    """Shapes (K, V, 3) inside their windows that together come nearest to the frames (R, V, 3)."""
    rows, moved = np.eye(len(windows)), np.flatnonzero((windows > SMALL).any(axis=0))
    near, inside = frames[:, moved], windows[:, moved]
    shapes = _started(near, inside)
    fading = FADE * (1.0 / np.maximum(inside, SMALL) ** 2 - 1.0) + RIDGE
    for _ in range(ROUNDS):
        flat = _flat(shapes, emphasis[moved])
        gram = flat @ flat.T
        pull = RIDGE * max(float(np.trace(gram)), 1e-12) / len(gram)
        weights = np.linalg.solve(gram + pull * rows, flat @ _flat(near, emphasis[moved]).T)
        weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
        normal = (weights @ weights.T)[None] + fading.T[:, :, None] * rows
        wanted = np.einsum("kr,rvc->vkc", weights, near, optimize=True)
        shapes = np.linalg.solve(normal, wanted).swapaxes(0, 1) * (inside > SMALL)[:, :, None]
    whole = np.zeros((len(windows), *frames.shape[1:]))
    whole[:, moved] = shapes
    return whole


def _started(frames: Doubles, windows: Doubles) -> Doubles:
    """First shapes (K, V, 3): the main component in each window of what the ones before it leave."""
    left, shapes = frames.copy(), []
    for window in windows:
        weights = _main_weights(_flat(left, window**2))
        shapes.append(np.einsum("r,rvc->vc", weights, left) * window[:, None])
        left -= weights[:, None, None] * shapes[-1]
    return np.stack(shapes)


def _useful_order(frames: Doubles, shapes: Doubles, field: Field) -> list[int]:
    """Shapes in the order in which each leaves the least at the lips, together with those before it."""
    emphasis = np.where(field.emphasis > 0, ELSEWHERE, 0.0)
    emphasis[field.lips] = 1.0
    flat = _flat(shapes, emphasis)
    gram, products = flat @ flat.T, flat @ _flat(frames, emphasis).T
    gram += 1e-9 * max(float(np.trace(gram)), 1e-12) * np.eye(len(gram))
    order: list[int] = []
    while len(order) < len(shapes):
        tried = [order + [row] for row in range(len(shapes)) if row not in order]
        order = max(tried, key=lambda rows: _explained(gram[np.ix_(rows, rows)], products[rows]))
    return order


def _explained(gram: Doubles, products: Doubles) -> float:
    return float((products * np.linalg.solve(gram, products)).sum())


def _flat(motion: NDArray[np.floating], emphasis: Doubles) -> Doubles:
    """Frames (R, 3 V) whose squared lengths count each vertex by its emphasis (V,)."""
    return np.asarray(motion * np.sqrt(emphasis)[:, None], np.float64).reshape(len(motion), -1)
