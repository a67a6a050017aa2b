# SPDX-License-Identifier: GPL-3.0-or-later
"""The space in which motion is predicted and errors are measured.

The vertices of all heads lie in small linear spaces: rest = mean + identity basis, displacement = motion
basis. A linear layer on vertices is then a linear layer on coefficients, and a masked squared vertex error is
a quadratic form of the coefficients' error, exactly (DESIGN.md, "Low-rank vertex layers"). ``rank = "full"``
works on the V·3 values themselves, as the paper does; both have the same methods, so nothing else knows which
one it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

REGIONS = ("all", "mouth", "upper", "eyelids", "lips", "brows", "gaze")
METRES_TO_MM = 1000.0


@dataclass(frozen=True)
class FaceArrays:
    """What the model has to know of the faces; arrays as in ``template.npz``.

    ``mean (V, 3)`` metres, ``identity_basis (Ki, V, 3)`` and ``motion_basis (Km, V, 3)`` with orthonormal
    rows, ``identity_std (Ki,)``, ``motion_std (Km,)``, ``regions`` name -> weight of each vertex (V,) and
    ``contacts (P, 2)`` pairs of upper and lower inner-lip vertices. ``lids (L, 3)`` are vertices of the upper
    lids' margins and the two of the lower lids' that each meets, in shares of 1 − mix and mix, ``lid_mix
    (L,)``.
    """

    mean: NDArray[np.float32]
    identity_basis: NDArray[np.float32]
    identity_std: NDArray[np.float32]
    motion_basis: NDArray[np.float32]
    motion_std: NDArray[np.float32]
    regions: dict[str, NDArray[np.float32]]
    contacts: NDArray[np.int64]
    lids: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    lid_mix: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    @property
    def vertices(self) -> int:
        return int(self.mean.shape[0])


class VertexSpace(nn.Module):
    """Fixed linear maps between vertices, the model's own motion vectors and errors in mm.

    The bases are rounded to float16 once, here: the graphs can then store them in half the space and still
    compute exactly what was trained. All vectors of motion are in metres; ``motion_scale`` brings them to
    about unit size.
    """

    mean: Tensor
    motion_basis: Tensor
    identity_basis: Tensor
    contacts: Tensor
    lids: Tensor
    lid_shares: Tensor
    rest_scale: Tensor
    motion_scale: Tensor
    region_variance: Tensor
    gap_rows: Tensor

    def __init__(self, faces: FaceArrays, rank: str) -> None:
        super().__init__()
        self.rank = rank
        self.vertices = faces.vertices
        count = self.vertices * 3
        self._fixed("mean", torch.from_numpy(faces.mean.reshape(count).astype(np.float32)))
        self._fixed("motion_basis", _half(faces.motion_basis.reshape(len(faces.motion_basis), count)))
        self._fixed("identity_basis", _half(faces.identity_basis.reshape(len(faces.identity_basis), count)))
        self._fixed("contacts", torch.from_numpy(faces.contacts.astype(np.int64)))
        self._fixed("lids", torch.from_numpy(faces.lids.astype(np.int64)))
        mix = torch.from_numpy(faces.lid_mix.astype(np.float32))
        self._fixed("lid_shares", torch.stack([torch.ones_like(mix), mix - 1, -mix], -1))
        std = np.maximum(faces.motion_std, 0.05 * max(float(faces.motion_std.max()), 1e-6))
        low = rank == "low"
        rest_scale = (
            np.maximum(faces.identity_std, 0.02 * float(faces.identity_std.max()))
            if low
            else np.float32(0.01)
        )
        motion_scale = std if low else np.sqrt(np.sum(std**2) / count)
        self._fixed("rest_scale", torch.as_tensor(rest_scale, dtype=torch.float32))
        self.register_buffer("motion_scale", torch.as_tensor(motion_scale, dtype=torch.float32))
        self.register_buffer("region_variance", torch.ones(len(REGIONS)))
        self._forms(faces)

    def _fixed(self, name: str, value: Tensor) -> None:
        """A buffer that comes from the template, so no checkpoint repeats it."""
        self.register_buffer(name, value, persistent=False)

    def _forms(self, faces: FaceArrays) -> None:
        """Quadratic forms ``G = B M Bᵀ`` (mm² a vertex) of every region, or the masks themselves at full
        rank.
        """
        basis = self.motion_basis.double()
        for region in REGIONS:
            weight = torch.from_numpy(np.repeat(faces.regions[region].astype(np.float64), 3))
            weight = weight * (METRES_TO_MM**2 / max(float(weight.sum()) / 3.0, 1e-12))
            form = (basis * weight) @ basis.T if self.rank == "low" else weight
            self._fixed(f"form_{region}", form.float())
        upper, lower = (self.contacts[:, side] * 3 + 2 for side in (0, 1))
        self._fixed("gap_rows", (self.motion_basis[:, upper] - self.motion_basis[:, lower]).T.contiguous())

    @property
    def rest_size(self) -> int:
        return len(self.identity_basis) if self.rank == "low" else self.vertices * 3

    @property
    def motion_size(self) -> int:
        return len(self.motion_basis) if self.rank == "low" else self.vertices * 3

    def rest_vector(self, rest: Tensor) -> Tensor:
        """Rest vertices ``(..., V, 3)`` -> ``(..., rest_size)`` of about unit size."""
        offset = rest.flatten(-2) - self.mean
        return (offset @ self.identity_basis.T if self.rank == "low" else offset) / self.rest_scale

    def motion_vector(self, motion: Tensor) -> Tensor:
        """Coefficients ``(B, T, Km)`` or displacements ``(B, T, V, 3)`` in metres -> ``(B, T, motion_size)``
        metres.
        """
        coefficients = motion.dim() == 3
        if self.rank == "low":
            return motion if coefficients else motion.flatten(-2) @ self.motion_basis.T
        return motion @ self.motion_basis if coefficients else motion.flatten(-2)

    def displacement(self, vector: Tensor) -> Tensor:
        """Motion vectors ``(..., motion_size)`` -> displacements ``(..., V, 3)`` in metres."""
        flat = vector @ self.motion_basis if self.rank == "low" else vector
        return flat.unflatten(-1, (self.vertices, 3))

    def squared_error(self, difference: Tensor, region: str) -> Tensor:
        """Mean squared vertex distance in mm² of motion differences ``(..., motion_size)``, weighted by the
        region.
        """
        form = getattr(self, f"form_{region}")
        if self.rank == "low":
            return ((difference @ form) * difference).sum(-1)
        return (difference.square() * form).sum(-1)

    def variance(self, region: str) -> Tensor:
        """How much the region moves in the corpus, in mm² a vertex; 1 before ``set_statistics``."""
        return self.region_variance[REGIONS.index(region)]

    @torch.no_grad()
    def set_statistics(self, vectors: Tensor) -> None:
        """Learn from motion vectors ``(N, motion_size)`` of the corpus how large motion is."""
        centred = vectors - vectors.mean(0)
        if self.rank == "low":
            size = vectors.square().mean(0).sqrt()
            self.motion_scale.copy_(size.clamp_min(0.05 * float(size.max())))
        else:
            self.motion_scale.copy_(vectors.square().mean().sqrt())
        spread = [self.squared_error(centred, region).mean() for region in REGIONS]
        self.region_variance.copy_(torch.stack(spread).clamp_min(1e-3))

    def gap(self, vector: Tensor) -> Tensor:
        """How far motion parts the inner lips, in mm upwards, for every contact pair: ``(..., P)``."""
        if self.rank == "low":
            return vector @ self.gap_rows.T * METRES_TO_MM
        upper, lower = self.contacts[:, 0] * 3 + 2, self.contacts[:, 1] * 3 + 2
        return (vector[..., upper] - vector[..., lower]) * METRES_TO_MM

    def rest_gap(self, rest: Tensor) -> Tensor:
        """The same at rest: ``(..., V, 3)`` -> ``(..., P)`` mm."""
        height = rest[..., 2]
        return (height[..., self.contacts[:, 0]] - height[..., self.contacts[:, 1]]) * METRES_TO_MM

    def lid_gap(self, vector: Tensor) -> Tensor:
        """How far motion parts the lids' margins, in mm upwards, for every pair of them: ``(..., L)``."""
        rows = self.lids * 3 + 2
        if self.rank == "full":
            return (vector[..., rows] * self.lid_shares).sum(-1) * METRES_TO_MM
        parting = (self.motion_basis[:, rows] * self.lid_shares).sum(-1)
        return vector @ parting * METRES_TO_MM

    def rest_lid_gap(self, rest: Tensor) -> Tensor:
        """The same at rest: ``(..., V, 3)`` -> ``(..., L)`` mm."""
        return (rest[..., 2][..., self.lids] * self.lid_shares).sum(-1) * METRES_TO_MM


def _half(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32)).half().float()
