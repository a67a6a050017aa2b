# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of both stages: presets, schedules, losses, checkpoints and the run folder."""
