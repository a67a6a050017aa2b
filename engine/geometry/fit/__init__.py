# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting the template to any head, and carrying its motion there."""
