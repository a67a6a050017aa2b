# SPDX-License-Identifier: GPL-3.0-or-later
"""A fitted binding as bytes, to be kept with its mesh, and whether such bytes still belong to a mesh.

The bytes are an npz without pickles: every array and number of the binding by the path of its field, the mesh
and the landmarks it was fitted to, and a fingerprint of all that must be the same exactly. What a carrier is
made of is nobody's business here, so new fields need no line; bytes that lack one are stale.
"""

from __future__ import annotations

import io
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...template import Template, template_arrays
from .binding import FittedBinding

Arrays = dict[str, NDArray[Any]]

FORMAT = 2
"""Raise it when fits come out better than stored ones, so that those are done again."""

GIVEN = ("template", "vertices")
"""Fields of a binding that aren't stored: the caller has them."""

UNSEEN = ("motion_basis", "topology_", "corrective")
"""Arrays of a template that a fit knows nothing of."""

SAME = 1e-5
"""Of the mesh's size: parts that are joined through matrices come out this much different each time."""


def pack_binding(
    binding: FittedBinding, polygons: ArrayLike, landmarks: Mapping[str, ArrayLike] | None = None
) -> bytes:
    """The binding, its units included, as bytes; `polygons` (F', K) and `landmarks` are what it was fitted
    with."""
    arrays: Arrays = {}
    for field in fields(binding):
        if field.name not in GIVEN:
            _flatten(getattr(binding, field.name), f"binding.{field.name}", arrays)
    places = landmarks or {}
    arrays["vertices"] = binding.vertices.astype(np.float32)
    arrays["landmark_names"] = np.array(list(places), np.str_)
    arrays["landmarks"] = np.array(list(places.values()), np.float64).reshape(-1, 3)
    arrays["fingerprint"] = np.array(fingerprint(binding.template, polygons))
    arrays["moving"], arrays["units"] = _sparse(binding.own_units)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **typing.cast(dict[str, Any], arrays))
    return file.getvalue()


def unpack_binding(
    template: Template,
    vertices: ArrayLike,
    polygons: ArrayLike,
    data: bytes,
    landmarks: Mapping[str, ArrayLike] | None = None,
) -> FittedBinding | None:
    """The binding of this mesh, vertices (V', 3) and polygons (F', K) padded with −1, out of bytes.

    It moves bit for bit like the one that was packed. None where the bytes belong to another mesh, to other
    landmarks, template or format, or are damaged.
    """
    points = np.asarray(vertices, np.float64)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            if str(file["fingerprint"]) != fingerprint(template, polygons):
                return None
            if not _is_same(file["vertices"], points) or not _has_landmarks(file, landmarks or {}, points):
                return None
            arrays = {name: file[name] for name in file.files}
        return _binding_of(template, points, arrays)
    except Exception:  # zip, zlib, numpy and missing fields raise a dozen types; all mean: fit again
        return None


def fingerprint(template: Template, polygons: ArrayLike) -> str:
    """What a stored binding and a mesh must share exactly: format, template, polygons (F', K) padded with
    −1."""
    corners = np.asarray(polygons, np.int64)
    digest = blake2b(_of_template(template), digest_size=16)
    digest.update(f"{FORMAT} {corners.shape}".encode())
    digest.update(np.ascontiguousarray(corners).tobytes())
    return digest.hexdigest()


@lru_cache(maxsize=4)
def _of_template(template: Template) -> bytes:
    digest = blake2b(digest_size=16)
    for name, array in sorted(template_arrays(template).items()):
        if not name.startswith(UNSEEN):
            digest.update(f"{name} {array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _is_same(stored: NDArray[np.floating], points: NDArray[np.float64]) -> bool:
    """Whether vertices are where they were, but for what rounding does."""
    if stored.shape != points.shape or not np.isfinite(points).all():
        return False
    return bool(np.abs(stored - points).max() <= _room(points))


def _has_landmarks(
    file: Mapping[str, NDArray[Any]], landmarks: Mapping[str, ArrayLike], points: NDArray[np.float64]
) -> bool:
    before = dict(zip(file["landmark_names"].tolist(), file["landmarks"], strict=True))
    if before.keys() != landmarks.keys():
        return False
    room = _room(points)
    return all(np.abs(np.asarray(landmarks[name]) - before[name]).max() <= room for name in before)


def _room(points: NDArray[np.float64]) -> float:
    """How far apart two places may be that are the same; far from the origin numbers are coarser."""
    return SAME * float(np.ptp(points, axis=0).max()) + 1e-6 * float(np.abs(points).max())


def _binding_of(template: Template, points: NDArray[np.float64], arrays: Arrays) -> FittedBinding:
    kinds, given = _kinds(FittedBinding), {"template": template, "vertices": points}
    values = {
        field.name: given[field.name]
        if field.name in given
        else _rebuilt(kinds[field.name], f"binding.{field.name}", arrays, template)
        for field in fields(FittedBinding)
    }
    binding = FittedBinding(**values)
    shape = (len(template.unit_names), len(points), 3)
    vars(binding)["own_units"] = _dense(arrays["moving"], arrays["units"], shape)  # as if it had made them
    return binding


def _flatten(value: Any, name: str, arrays: Arrays) -> None:
    """Add an array, number, text, dataclass or tuple of these under its name; the template is known."""
    if isinstance(value, Template) or value is None:
        return
    if is_dataclass(value):
        for field in fields(value):
            _flatten(getattr(value, field.name), f"{name}.{field.name}", arrays)
    elif isinstance(value, tuple):
        arrays[name] = np.array(len(value))
        for number, each in enumerate(value):
            _flatten(each, f"{name}.{number}", arrays)
    else:
        arrays[name] = np.asarray(value)
        if arrays[name].dtype.hasobject:
            raise TypeError(f"{name} is a {type(value).__name__}, which can't be stored without pickle")


def _rebuilt(kind: Any, name: str, arrays: Arrays, template: Template) -> Any:
    """The inverse of `_flatten` for a field of the type `kind`; KeyError where something isn't there."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if not any(key == name or key.startswith(f"{name}.") for key in arrays):
            return None
        return _rebuilt(next(each for each in inner if each is not type(None)), name, arrays, template)
    if kind is Template:
        return template
    if is_dataclass(kind):
        kinds = _kinds(typing.cast(type, kind))
        return kind(**{key: _rebuilt(kinds[key], f"{name}.{key}", arrays, template) for key in kinds})  # type: ignore[operator]
    if origin is tuple:
        count = int(arrays[name])
        each = [inner[0]] * count if inner[1:] == (...,) else inner
        return tuple(_rebuilt(each[i], f"{name}.{i}", arrays, template) for i in range(count))
    return arrays[name] if origin is np.ndarray else arrays[name].item()


@lru_cache(maxsize=32)
def _kinds(kind: type) -> dict[str, Any]:
    """The types of a dataclass' fields."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _sparse(units: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Where units (U, V', 3) move anything, a bit each, and the displacements there (N, 3): all lowest bytes
    first, then the next, for like bytes side by side compress better."""
    flat = units.reshape(-1, 3)
    moving = (flat.view(np.uint32) != 0).any(axis=1)
    return np.packbits(moving), np.ascontiguousarray(flat[moving].view(np.uint8).reshape(-1, 4).T)


def _dense(
    moving: NDArray[np.uint8], planes: NDArray[np.uint8], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    units = np.zeros(shape, np.float32)
    rows = np.flatnonzero(np.unpackbits(moving, count=shape[0] * shape[1]))
    units.reshape(-1, 3)[rows] = np.ascontiguousarray(planes.T).view(np.float32).reshape(-1, 3)
    return units
