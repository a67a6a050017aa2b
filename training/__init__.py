# SPDX-License-Identifier: GPL-3.0-or-later
"""Corpus, training and export of MeshTalk models: torch lives here and nowhere else."""
