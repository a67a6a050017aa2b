# SPDX-License-Identifier: GPL-3.0-or-later
"""The teacher: it knows the phones and moves a face's units for them."""
