# SPDX-License-Identifier: GPL-3.0-or-later
"""A fitted binding as bytes: it moves as before, and is refused for any other mesh."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.geometry.bind import bind_head
from engine.geometry.fit import store
from engine.geometry.fit.binding import FitFigures, FittedBinding
from engine.geometry.fit.kept import kept_binding
from engine.geometry.fit.store import fingerprint, pack_binding, unpack_binding
from engine.template import Template
from tests.engine.heads import decimated, own_mesh, person


@pytest.fixture(scope="module")
def bound(template: Template) -> FittedBinding:
    head = decimated(own_mesh(template, person(template, 5)), 1500)
    binding = bind_head(template, head.vertices.astype(np.float32), head.polygons)
    assert isinstance(binding, FittedBinding)
    return binding


@pytest.fixture(scope="module")
def polygons(template: Template) -> NDArray[np.int64]:
    return decimated(own_mesh(template, person(template, 5)), 1500).polygons


@pytest.fixture(scope="module")
def data(bound: FittedBinding, polygons: NDArray[np.int64]) -> bytes:
    return pack_binding(bound, polygons)


def test_what_comes_back_moves_bit_for_bit_alike(
    template: Template, bound: FittedBinding, polygons: NDArray[np.int64], data: bytes
) -> None:
    back = unpack_binding(template, bound.vertices, polygons, data)
    assert back is not None
    assert back.unit_deltas().tobytes() == bound.unit_deltas().tobytes()
    motion = np.random.default_rng(1).normal(0, 0.002, (3, len(template), 3)).astype(np.float32)
    assert back.carry(motion).tobytes() == bound.carry(motion).tobytes()
    assert back.figures == bound.figures
    assert back.landmarks() == bound.landmarks()


def test_nothing_is_pickled_and_it_is_small(bound: FittedBinding, data: bytes) -> None:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        assert all(not file[name].dtype.hasobject for name in file.files)
    assert len(data) < bound.unit_deltas().nbytes  # less than the shape keys that come of it


def test_rounding_is_no_edit(
    template: Template, bound: FittedBinding, polygons: NDArray[np.int64], data: bytes
) -> None:
    """Parts of a head go through matrices, which come out a little different each time."""
    size = np.ptp(bound.vertices, axis=0).max()
    noise = np.random.default_rng(2).uniform(-1e-6, 1e-6, bound.vertices.shape) * size
    assert unpack_binding(template, bound.vertices + noise, polygons, data) is not None


def test_an_edited_mesh_is_noticed(
    template: Template, bound: FittedBinding, polygons: NDArray[np.int64], data: bytes
) -> None:
    size = np.ptp(bound.vertices, axis=0).max()
    moved = bound.vertices.copy()
    moved[77, 1] += 1e-3 * size
    assert unpack_binding(template, moved, polygons, data) is None
    assert unpack_binding(template, bound.vertices[:-1], polygons, data) is None
    assert unpack_binding(template, bound.vertices, polygons[:-1], data) is None
    assert unpack_binding(template, bound.vertices, polygons[:, [1, 2, 0]], data) is None
    broken = bound.vertices.copy()
    broken[0] = np.nan
    assert unpack_binding(template, broken, polygons, data) is None


def test_other_landmarks_are_noticed(
    template: Template, bound: FittedBinding, polygons: NDArray[np.int64]
) -> None:
    chin = bound.vertices[np.argmin(bound.vertices[:, 1])]
    data = pack_binding(bound, polygons, {"chin": chin})
    mesh = (template, bound.vertices, polygons, data)
    assert unpack_binding(*mesh, {"chin": chin}) is not None
    assert unpack_binding(*mesh) is None
    assert unpack_binding(*mesh, {"nose_tip": chin}) is None
    assert unpack_binding(*mesh, {"chin": chin + 0.001}) is None


def test_another_template_or_format_is_noticed(
    template: Template,
    bound: FittedBinding,
    polygons: NDArray[np.int64],
    data: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shifted = replace(template, rest=template.rest + np.float32(1e-4))
    assert unpack_binding(shifted, bound.vertices, polygons, data) is None
    assert fingerprint(shifted, polygons) != fingerprint(template, polygons)
    monkeypatch.setattr(store, "FORMAT", store.FORMAT + 1)
    assert unpack_binding(template, bound.vertices, polygons, data) is None


@pytest.mark.parametrize("damaged", [b"", b"PK\x03\x04 nonsense", b"\x00" * 1000])
def test_damaged_bytes_mean_a_new_fit(
    template: Template, bound: FittedBinding, polygons: NDArray[np.int64], damaged: bytes
) -> None:
    assert unpack_binding(template, bound.vertices, polygons, damaged) is None


def test_cut_bytes_mean_a_new_fit(
    template: Template, bound: FittedBinding, polygons: NDArray[np.int64], data: bytes
) -> None:
    assert unpack_binding(template, bound.vertices, polygons, data[: len(data) // 2]) is None
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    assert unpack_binding(template, bound.vertices, polygons, flipped) is None


@pytest.mark.parametrize(
    ("figures", "word"),
    [
        (FitFigures(0.2, 0.5, 1.0), "good"),
        (FitFigures(0.9, 2.5, 0.93), "fair"),
        (FitFigures(0.2, 0.5, 1.0, 0.5), "fair"),
        (FitFigures(0.3, 9.0, 0.7), "poor"),
        (FitFigures(1.9, 4.0, 0.95), "poor"),
    ],
)
def test_a_word_for_people(figures: FitFigures, word: str) -> None:
    assert figures.verdict == word


def test_the_next_job_on_a_head_gets_the_fit_that_the_last_one_read(
    template: Template, bound: FittedBinding, polygons: NDArray[np.int64], data: bytes
) -> None:
    first = kept_binding(template, bound.vertices, polygons, data)
    assert first is not None
    assert kept_binding(template, bound.vertices.copy(), polygons, bytes(data)) is first
    moved = bound.vertices.copy()
    moved[0] += np.ptp(moved) * 1e-6  # rounding: the same fit, read again for where the vertices are now
    again = kept_binding(template, moved, polygons, data)
    assert again is not None
    assert again is not first
    assert np.array_equal(again.vertices, moved)
    moved[0] += 0.01
    assert kept_binding(template, moved, polygons, data) is None
    assert kept_binding(replace(template), bound.vertices, polygons, data) is not first, "another model's"
