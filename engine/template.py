# SPDX-License-Identifier: GPL-3.0-or-later
"""The template head: mean shape, polygons, units, masks and bases, and its file `template.npz`.

Normalised template space: metres, Z up, facing −Y, the character's left at +X. The file keeps the large
arrays as 16-bit integers with one float32 scale a row (the largest error is half a step: 0.0006 mm for a unit
of 38 mm), which makes it a third of the size; `load_template` gives float32 back. No pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import MeshTalkError

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]

PARTS = ("skin", "eye", "teeth", "tongue", "other", "iris", "pupil", "gums", "mouth")
SKIN, EYE, TEETH, TONGUE, _OTHER, IRIS, PUPIL, GUMS, MOUTH = range(len(PARTS))
BONES = ("skull", "jaw", "eye_left", "eye_right")
SKULL, JAW, EYE_LEFT, EYE_RIGHT = range(len(BONES))
LANDMARKS = (
    "lip_upper_inner",
    "lip_lower_inner",
    "mouth_left",
    "mouth_right",
    "lid_upper_left",
    "lid_lower_left",
    "lid_upper_right",
    "lid_lower_right",
    "brow_inner_left",
    "brow_inner_right",
    "nose_tip",
    "chin",
    "upper_teeth",
)
QUANTISED = ("unit_deltas", "identity_basis", "motion_basis")
PLAIN = ("rest", "faces", "mask_mouth", "mask_upper", "mask_eyelids", "part", "identity_std", "align")
ATTACHED = ("attached_rest", "attached_faces", "attached_part", "attached_bone", "bone_motion", "inside")
CORRECTIVES = ("corrective_names", "corrective_deltas", "corrective_lips")
CLOSURE = ("closure_unit", "closure_with", "closure_moving", "closure_fixed", "closure_mix", "closure_keep")


@dataclass(frozen=True)
class Topology:
    """A mesh whose vertices are known: `index` (V,) gives its vertex for each template vertex, −1 where it
    has none.
    """

    name: str
    vertices: int
    index: Integers


@dataclass(frozen=True, eq=False)
class Template:
    """Arrays of the template head; V vertices, F polygons, U units, Ki and Km basis vectors, P closure pairs.

    Every array is in normalised template space (metres). A closure pair says which vertex of a margin (lid,
    lip) meets which point of the opposite margin at weight 1 of unit `closure_unit` (together with unit
    `closure_with`, if ≥ 0): the vertex `closure_moving` meets the blend `closure_mix` of the two vertices
    `closure_fixed`, where `closure_keep` is the part of the rest pose's offset between them that stays (axis
    by axis: lips keep their overbite).

    Attached are N vertices and M polygons that no model knows of, such as teeth: each vertex follows one of
    BONES. A unit u at weight 1 moves the point x of bone b by M x + m, where [M m] is bone_motion[b, u].
    Older bundles have none (N = 0).

    Correctives are K shapes for what the units can't express, in the order in which they matter; nothing else
    moves at weights of −1…1. The lips are the vertices at which their tolerance counts. Bundles without them
    have K = 0.
    """

    rest: Floats  # (V, 3)
    faces: Integers  # (F, 4), −1 pads a triangle
    unit_names: tuple[str, ...]
    unit_deltas: Floats  # (U, V, 3) at weight 1
    mask_mouth: Floats  # (V,) 0…1
    mask_upper: Floats  # (V,)
    mask_eyelids: Floats  # (V,)
    part: NDArray[np.uint8]  # (V,) index into PARTS
    align: Floats  # (V,) Procrustes weights, sum 1
    identity_basis: Floats  # (Ki, V, 3), orthonormal rows
    identity_std: Floats  # (Ki,)
    motion_basis: Floats  # (Km, V, 3), orthonormal rows
    landmarks: Mapping[str, int]
    closure_unit: Integers = field(default_factory=lambda: np.zeros(0, np.int32))  # (P,)
    closure_with: Integers = field(default_factory=lambda: np.zeros(0, np.int32))  # (P,)
    closure_moving: Integers = field(default_factory=lambda: np.zeros(0, np.int32))  # (P,)
    closure_fixed: Integers = field(default_factory=lambda: np.zeros((0, 2), np.int32))  # (P, 2)
    closure_mix: Floats = field(
        default_factory=lambda: np.zeros(0, np.float32)
    )  # (P,) weight of the second vertex
    closure_keep: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))  # (P, 3)
    topologies: tuple[Topology, ...] = ()
    attached_rest: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))  # (N, 3)
    attached_faces: Integers = field(default_factory=lambda: np.zeros((0, 4), np.int32))  # (M, 4), of 0…N−1
    attached_part: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))  # (N,) of PARTS
    attached_bone: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))  # (N,) of BONES
    bone_motion: Floats = field(default_factory=lambda: np.zeros((0, 0, 3, 4), np.float32))  # (B, U, 3, 4)
    inside: NDArray[np.bool_] = field(
        default_factory=lambda: np.zeros(0, bool)
    )  # (V,) the mouth's walls, or (0,)
    corrective_names: tuple[str, ...] = ()  # (K,)
    corrective_deltas: Floats = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))  # (K, V, 3)
    corrective_lips: Integers = field(default_factory=lambda: np.zeros(0, np.int32))  # (L,) vertices

    def __len__(self) -> int:
        """Vertex count."""
        return len(self.rest)

    def unit(self, name: str) -> int:
        """Row of a unit by its name."""
        return self.unit_names.index(name)


def template_arrays(template: Template) -> dict[str, Any]:
    """Every array of a template by its name in the files, unquantised (faces.npz uses these)."""
    arrays: dict[str, Any] = {name: getattr(template, name) for name in (*PLAIN, *QUANTISED, *CLOSURE)}
    if len(template.attached_rest):
        arrays.update({name: getattr(template, name) for name in ATTACHED})
    if template.corrective_names:
        arrays["corrective_names"] = np.array(template.corrective_names)
        arrays["corrective_deltas"] = template.corrective_deltas.astype(np.float16)
        arrays["corrective_lips"] = template.corrective_lips
    arrays["unit_names"] = np.array(template.unit_names)
    arrays["landmark_names"] = np.array(list(template.landmarks))
    arrays["landmark_vertices"] = np.array(list(template.landmarks.values()), np.int32)
    arrays["topology_names"] = np.array([topology.name for topology in template.topologies], dtype=np.str_)
    for topology in template.topologies:
        arrays[f"topology_{topology.name}_index"] = topology.index
        arrays[f"topology_{topology.name}_vertices"] = np.array(topology.vertices, np.int32)
    return arrays


def template_from_arrays(arrays: Mapping[str, NDArray]) -> Template:
    """The inverse of `template_arrays`; also accepts the quantised arrays of `template.npz`."""
    values: dict[str, Any] = {name: np.asarray(arrays[name]) for name in (*PLAIN, *CLOSURE)}
    if "attached_rest" in arrays:
        values.update({name: np.asarray(arrays[name]) for name in ATTACHED})
    values.update({name: _read_quantised(arrays, name) for name in QUANTISED})
    if "corrective_names" in arrays:
        values.update(_read_correctives(arrays))
    topologies = tuple(
        Topology(
            name,
            int(arrays[f"topology_{name}_vertices"]),
            np.asarray(arrays[f"topology_{name}_index"], np.int32),
        )
        for name in arrays["topology_names"].tolist()
    )
    landmarks = dict(
        zip(arrays["landmark_names"].tolist(), arrays["landmark_vertices"].tolist(), strict=True)
    )
    return Template(
        **values, unit_names=tuple(arrays["unit_names"].tolist()), landmarks=landmarks, topologies=topologies
    )


def save_template(path: str | Path, template: Template) -> None:
    """Write `template.npz` (compressed, large arrays quantised)."""
    arrays = template_arrays(template)
    for name in QUANTISED:
        rows = arrays.pop(name)
        scale = np.maximum(np.abs(rows).max(axis=(1, 2), keepdims=True), 1e-12) / 32767
        arrays[f"{name}_q"] = np.round(rows / scale).astype(np.int16)
        arrays[f"{name}_scale"] = scale.astype(np.float32)
    np.savez_compressed(path, **arrays)


def load_template(path: str | Path) -> Template:
    """Read `template.npz`; raises MeshTalkError when it is missing, damaged or lacks an array."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return template_from_arrays({name: file[name] for name in file.files})
    except FileNotFoundError as error:
        raise MeshTalkError(f"The template {path} doesn't exist; install the model again.") from error
    except Exception as error:  # zip, zlib and numpy raise a dozen types for damaged files
        raise MeshTalkError(f"The template {path} is damaged ({error}); install the model again.") from error


def _read_correctives(arrays: Mapping[str, NDArray]) -> dict[str, Any]:
    """Names, shapes and lips of the correctives; ValueError where they don't belong to this template."""
    names, vertices = tuple(arrays["corrective_names"].tolist()), len(arrays["rest"])
    deltas = np.asarray(arrays["corrective_deltas"], np.float32)
    lips = np.asarray(arrays["corrective_lips"], np.int32)
    if deltas.shape != (len(names), vertices, 3) or not np.isfinite(deltas).all():
        raise ValueError(f"{len(names)} correctives of shape {deltas.shape}")
    if not (lips.size and 0 <= lips.min() and lips.max() < vertices):
        raise ValueError("no lips of its own for the correctives")
    return {"corrective_names": names, "corrective_deltas": deltas, "corrective_lips": lips}


def _read_quantised(arrays: Mapping[str, NDArray], name: str) -> Floats:
    if name in arrays:
        return np.asarray(arrays[name], np.float32)
    return arrays[f"{name}_q"].astype(np.float32) * arrays[f"{name}_scale"]
