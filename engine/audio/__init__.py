# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading sound and turning it into features."""
