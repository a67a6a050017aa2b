# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast and how lean MeshTalk is, measured: ``python -m benchmarks``. See docs/speed.md."""
