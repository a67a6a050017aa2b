# SPDX-License-Identifier: GPL-3.0-or-later
"""The inference engine: speech in, motion out; numpy and onnxruntime, no Blender and no torch."""
