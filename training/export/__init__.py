# SPDX-License-Identifier: GPL-3.0-or-later
"""From trained weights to a bundle: ONNX graphs, card, template, and the proof that they agree with torch."""
