# SPDX-License-Identifier: GPL-3.0-or-later
"""Where speech with phone times comes from: recordings and three speech synthesisers."""
