# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of faces without Blender or a graphics card, in numpy alone."""
