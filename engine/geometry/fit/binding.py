# SPDX-License-Identifier: GPL-3.0-or-later
"""The binding of a mesh whose vertex order is unknown: the template was fitted to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...progress import QUIET, Stage
from ...template import SKIN, Template
from ..topology import Binding, CarriedBasis
from .ajar import lips_together, parted_mm
from .carry import Carrier, carrier
from .frames import Frames
from .head import fit_head
from .marks import landmark_vertices
from .nearest import search_of

Floats = NDArray[np.float32]

FITTED = "fitted"
SAME_PLACE = 0.004  # metres; a mesh vertex further away doesn't stand for a template vertex
OF_FACE = 0.3  # of the masks' 0…1: where the face ends
NEAR_MM = 4.0  # what lies no further from the mesh than this counts as covered
ALIKE = 0.75  # of a good fit's resemblance; people's is 0.9 and more, stylised heads' 0.4 to 0.6
GOOD, FAIR = (0.6, 0.95), (1.2, 0.85)  # at most this median in mm, at least this share that is covered


@dataclass(frozen=True)
class FitFigures:
    """How well the template lies on a head, over the skin of the face, in millimetres of a head of human
    size."""

    median_mm: float
    percentile_95_mm: float
    share_within_4mm: float
    resemblance: float = 1.0
    """−1…1: how far eyes, nose and mouth agree; a template may lie close and yet beside them."""
    parted_mm: float = 0.0
    """How far the lips stand apart at rest beyond the template's; 0 where they don't."""
    eyes_shut: bool = False

    @property
    def verdict(self) -> str:
        """In one word: good, fair or poor."""
        for word, (median, share) in (("good", GOOD), ("fair", FAIR)):
            alike = word != "good" or self.resemblance >= ALIKE
            if self.median_mm <= median and self.share_within_4mm >= share and alike:
                return word
        return "poor"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the head's rest pose means for its motion, a sentence each."""
        said = []
        if self.eyes_shut:
            said.append(
                "The eyes of this head are shut at rest, so blinks can't be seen: open them in the rest pose."
            )
        if self.parted_mm > 0:
            said.append(
                f"The lips stand open by {self.parted_mm:.0f} mm at rest; speech closes them, by mouthClose."
            )
        return tuple(said)


@dataclass(frozen=True, eq=False)
class FittedBinding(Binding):
    """A mesh that the template was fitted to.

    `rest` (V, 3) is the template shaped like this head; `index` (V,) gives only the nearest mesh vertex.
    `fit_mm` (V,) tells how far each vertex of the template is from the mesh, in millimetres of a head of
    human size.
    """

    carrier: Carrier
    fit_mm: NDArray[np.float64]
    resemblance: float
    eyes_shut: bool = False

    def carry(self, displacement: ArrayLike) -> Floats:
        """Displacements (T, V, 3) of the template as displacements (T, V', 3) of the mesh, in its units
        and axes."""
        return self._frames.carry(np.asarray(displacement, np.float32))

    def carried(self, basis: Floats) -> CarriedBasis:
        """See `Binding.carried`."""
        return self._frames.carried(basis)

    @cached_property
    def neutral(self) -> Floats:
        """See `Binding.neutral`."""
        return lips_together(self.template, self.rest)

    def unit_deltas(self) -> Floats:
        """The units (U, V', 3) of this head at weight 1, in its own units, axes and vertex order."""
        return self.own_units @ self._turn.astype(np.float32)

    @cached_property
    def own_units(self) -> Floats:
        """The units (U, V', 3) of this head at weight 1, in normalised template space."""
        return self.carrier.unit_deltas

    @property
    def figures(self) -> FitFigures:
        """How well the template fits."""
        face = self.fit_mm[face_skin(self.template)]
        return FitFigures(
            float(np.median(face)),
            float(np.percentile(face, 95)),
            float((face <= NEAR_MM).mean()),
            self.resemblance,
            parted_mm(self.template, self.rest),
            self.eyes_shut,
        )

    def landmarks(self) -> dict[str, tuple[float, float, float]]:
        """Where the landmarks came out, in the head's own units and axes."""
        placed = self.template_on_head()
        return {
            name: tuple(placed[vertex].tolist()) for name, vertex in landmark_vertices(self.template).items()
        }

    def template_on_head(self) -> NDArray[np.float64]:
        """The template shaped like this head (V, 3), where the head is, in the head's own units and axes."""
        return self.to_head.points(self.rest)

    @cached_property
    def _frames(self) -> Frames:
        return Frames(self.carrier, self._turn)

    @property
    def _turn(self) -> NDArray[np.float64]:
        """What takes displacements (…, 3) from template space to the head's own units and axes."""
        return self.to_head.scale * self.to_head.rotation.T


def face_skin(template: Template) -> NDArray[np.bool_]:
    """Which vertices (V,) are the face's outer skin, lips and lids included: what a fit is judged by."""
    skin = template.part == SKIN
    if len(template.inside):
        skin &= ~template.inside
    moving = np.max([template.mask_mouth, template.mask_upper, template.mask_eyelids], axis=0) > OF_FACE
    return skin & moving if (skin & moving).any() else skin


def bind_fitted(
    template: Template,
    vertices: NDArray[np.float64],
    polygons: NDArray[np.integer],
    landmarks: Mapping[str, ArrayLike] | None = None,
    stage: Stage = QUIET,
) -> FittedBinding:
    """Fit the template to any head and make its units; see `fit_head` for the landmarks and errors."""
    fit = fit_head(template, vertices, polygons, landmarks, stage.span("Finding the face", 0.0, 0.6))
    carrying = stage.span("Carrying the shapes over", 0.6, 1.0)
    carrying.at(0, 4)
    tied = carrier(template, fit.rest, fit.surface, fit.roles)
    carrying.at(1, 4)
    grid = search_of(fit.surface.vertices, np.zeros_like(fit.surface.vertices), SAME_PLACE)
    nearest = grid.nearest(fit.rest.astype(np.float64), np.zeros((len(fit.rest), 3)), 0.0)[0]
    binding = FittedBinding(
        template,
        FITTED,
        vertices,
        fit.rest,
        nearest.astype(np.int32),
        fit.to_head,
        tied,
        fit.fit_mm,
        fit.resemblance,
        fit.eyes_shut,
    )
    _ = (
        binding.own_units
    )  # takes about as long as the fit, so it belongs to what can be watched and cancelled
    carrying.at(4, 4)
    return binding
