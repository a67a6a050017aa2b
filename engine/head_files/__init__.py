# SPDX-License-Identifier: GPL-3.0-or-later
"""Head files of other programs: PLY and glTF."""
