# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over the 3D views: labels that don't cover each other, the fit in its colours."""

from __future__ import annotations

import bpy
import numpy as np


class TestLabels:
    def test_labels_do_not_cover_each_other(self, part, scene):
        heights = part("scene.labels").apart([10, 11, 12, 50, 51], 20)
        assert all(b - a >= 20 - 1e-9 for a, b in zip(heights, heights[1:], strict=False))
        assert abs(np.mean(heights[:3]) - 11) < 20

    def test_labels_that_are_apart_stay(self, part, scene):
        assert part("scene.labels").apart([0, 30, 90], 20) == [0, 30, 90]

    def test_labels_stay_in_the_region(self, part, scene):
        places = part("scene.labels").arranged(
            {"a": (5, 10), "b": (395, 12)}, {"a": 100, "b": 100}, 20, 30, 400
        )
        assert 0 <= places["a"][0] and places["b"][0] + 100 <= 400


class TestFitOverlay:
    def test_colours_go_from_green_to_red(self, part, scene):
        colours = part("fit_drawing").fit_colours([0.0, 2.0, 4.0, 60.0, np.nan])
        assert colours[0][1] > colours[0][0] and colours[2][0] > colours[2][1]
        np.testing.assert_allclose(colours[3:], [colours[2], colours[2]], atol=1e-6)

    def test_padded_polygons_become_triangles_and_edges(self, part, scene):
        picture = part("fit_drawing").fit_picture(
            1, np.zeros((5, 3)), [[0, 1, 2, 3], [2, 3, 4, -1]], np.zeros(5)
        )
        assert len(picture.triangles) == 3
        assert {tuple(edge) for edge in picture.edges.tolist()} == {
            (0, 1),
            (1, 2),
            (2, 3),
            (0, 3),
            (3, 4),
            (2, 4),
        }

    def test_it_is_gone_in_another_file(self, part, scene):
        bpy.ops.mesh.primitive_cube_add()
        cube = bpy.context.active_object
        overlay, fit = part("overlay"), part("fit_overlay")
        overlay.show_fit(cube, np.zeros((4, 3)), [[0, 1, 2, 3]], np.zeros(4))
        assert fit.shown_fit().head_uid == cube.session_uid
        bpy.ops.wm.read_homefile(use_empty=True)
        assert fit.shown_fit() is None
        overlay.hide_fit()

    def test_registering_again_leaves_nothing_behind(self, part, scene):
        overlay, handlers = part("overlay"), bpy.app.handlers.load_pre
        count = len(handlers)
        overlay.unregister()
        assert len(handlers) == count - 1
        overlay.register()
        assert len(handlers) == count
