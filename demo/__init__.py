# SPDX-License-Identifier: GPL-3.0-or-later
"""README's main job: a talking head from the bundled sample, made through the add-on's own operators."""
