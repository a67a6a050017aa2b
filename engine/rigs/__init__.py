# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads that have shape keys of their own: which they are, and their values from unit weights.

Names are taken from the modules: Blender's start needs the tables of `mapping`, and not the solvers."""
