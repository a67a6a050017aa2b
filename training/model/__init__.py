# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of MeshTalk: encoders, fusion, categorical latent, decoder and autoregressive model."""
