"""What a point's observations tell, where they tell too little."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.maps.points import point_sigmas
from semloc_ros.maps.tracks import Tracks


@pytest.mark.parametrize("view", range(12))
def test_points_of_one_view_are_infinitely_uncertain(view, session):
    points = session.points
    offsets = np.arange(len(points) + 1)
    views = np.full(len(points), view, np.int32)
    tracks = Tracks(points, offsets, views, np.zeros(len(points), np.int32))
    assert np.isinf(point_sigmas(tracks, session.images, 0.5)).all()


def test_points_of_two_views_are_known(session):
    """Depth z from a baseline b: sigma is about sqrt(2) z^2 / (f b), here 4 to 7 m from 2.4 m."""
    points = session.points
    views = np.tile(np.array([0, 11], np.int32), len(points))
    offsets = 2 * np.arange(len(points) + 1)
    tracks = Tracks(points, offsets, views, np.zeros(len(views), np.int32))
    sigmas = point_sigmas(tracks, session.images, 0.5)
    rough = 0.5 * np.sqrt(2) * points[:, 2] ** 2 / (500 * 2.4)
    assert np.isfinite(sigmas).all()
    assert np.median(sigmas / rough) == pytest.approx(1.0, abs=0.25)
