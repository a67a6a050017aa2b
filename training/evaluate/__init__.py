# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures a model: errors, use of the latent, disentanglement, and lips on real speech."""
