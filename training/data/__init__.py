# SPDX-License-Identifier: GPL-3.0-or-later
"""What training reads: one interface for clips, whatever corpus they come from."""
