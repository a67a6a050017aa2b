# SPDX-License-Identifier: GPL-3.0-or-later
"""What training raises when the user can mend it."""


class TrainingError(Exception):
    """A preset, corpus, run or bundle that doesn't fit, told in one sentence that says what to do."""
