# SPDX-License-Identifier: GPL-3.0-or-later
"""The only readers and writers of bpy.data: meshes, sounds, shape keys and Actions."""
