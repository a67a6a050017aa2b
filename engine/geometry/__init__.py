# SPDX-License-Identifier: GPL-3.0-or-later
"""Alignment of heads, units on other heads, and known topologies."""
