# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus that the default model learns from: voices with phone times, and faces moved by a teacher."""
