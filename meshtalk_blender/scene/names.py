# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a mesh's shape keys is which unit: the engine's rules, under the name that scene code knows."""

from __future__ import annotations

from ...engine.rigs.names import canonical_name, match_units

__all__ = ["canonical_name", "match_units"]
