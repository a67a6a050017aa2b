# SPDX-License-Identifier: GPL-3.0-or-later
"""The published algorithm, written down plainly: what the engine is compared with."""

from .published import Reference, reference_vertices

__all__ = ["Reference", "reference_vertices"]
