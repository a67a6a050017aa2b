# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators with a job do turn by turn of the window."""

from __future__ import annotations

from types import SimpleNamespace


def test_a_window_that_is_slow_to_draw_still_lets_the_scene_be_read(part, scene, monkeypatch):
    """Each turn takes longer than the panels may wait to be drawn, as in a heavy scene."""
    background = part("ops.background")
    clock, drawn, read = iter(range(1, 1000)), [], []
    monkeypatch.setattr(background, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    monkeypatch.setattr(background, "redraw_panels", lambda: drawn.append(1))
    job = SimpleNamespace(is_gathering=True, gather=lambda: read.append(1))
    user = SimpleNamespace(_job=job, _drawn=0.0, _has_read=False)
    for _ in range(10):
        background.InBackground._gather_or_draw(user, None)
    assert len(read) == 5 and len(drawn) == 5
