# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements on speech that the model never heard and on the corpus, beside what they should be."""
