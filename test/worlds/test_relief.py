"""What the light draws of a wall, and what the weather of a day leaves on it."""

import numpy as np
import pytest

from semloc_ros.worlds.street.conditions import CONDITIONS
from semloc_ros.worlds.textures import facades, relief

SIZE, SCALE = (120, 160), 50.0
EAST, SOUTH = np.array([1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])
STYLES = ("plaster", "stone", "brick", "concrete")


def fresh():
    return np.random.default_rng(7)


def test_the_edge_of_a_joint_that_faces_the_light_is_bright():
    joint = np.zeros(SIZE, dtype=np.float32)
    joint[:, 80] = 1.0  # a groove: its left flank faces right, its right flank left
    from_right, flat = (
        relief.shading("plaster", SIZE, fresh(), SCALE, slant, joint)
        for slant in ((1.0, 0.0), (0.0, 0.0))
    )
    assert np.all(flat == 1.0)
    smooth = relief.shading("plaster", SIZE, fresh(), SCALE, (1.0, 0.0))
    change = (from_right - smooth).mean(axis=0)
    assert change[79] > 0.03 and change[81] < -0.03
    assert abs(change[:70]).max() < 1e-6


def test_opposite_light_draws_the_opposite():
    left, right = (
        relief.shading("stone", SIZE, fresh(), SCALE, (x, 0.0)) - 1 for x in (-0.8, 0.8)
    )
    np.testing.assert_allclose(left, -right, atol=1e-5)
    assert right.std() > 0.02


@pytest.mark.parametrize("style", STYLES)
def test_a_wall_keeps_its_colour_and_mean_in_all_lights(style):
    means = [
        facades.wall(style, SIZE, fresh(), SCALE, (180, 150, 120), slant).mean(axis=(0, 1))
        for slant in (relief.OPEN_SKY, (1.2, 0.6), (-0.4, -0.2))
    ]
    np.testing.assert_allclose(means[1], means[0], rtol=0.03)
    np.testing.assert_allclose(means[2], means[0], rtol=0.03)


def test_sun_and_sky_draw_a_wall_more_differently_than_two_cameras_would():
    sun, sky = (
        facades.wall("plaster", SIZE, fresh(), SCALE, (180, 150, 120), slant)[:, :, 0].ravel()
        for slant in ((1.2, 0.1), relief.OPEN_SKY)
    )
    assert abs(np.corrcoef(sun, sky)[0, 1]) < 0.4


def test_the_light_of_a_wall_follows_the_sun():
    """The summer sun stands in the south, a little to the east."""
    summer, winter = CONDITIONS["summer"], CONDITIONS["winter"]
    sunlit, shaded = summer.slant(EAST, SOUTH), summer.slant(-EAST, -SOUTH)
    assert sunlit[0] > 0 and sunlit[1] > 0  # from the right (east) and above
    assert shaded == winter.slant(EAST, SOUTH) == pytest.approx(relief.OPEN_SKY)
    assert CONDITIONS["night"].slant(EAST, SOUTH)[1] < 0  # lamps shine from below


def test_weather_of_the_day_is_on_the_wall_only_when_it_is():
    dry = np.full((*SIZE, 3), 120, dtype=np.float32)
    for wet, snow in ((False, 0.0), (True, 0.0), (False, 0.5)):
        wall = dry.copy()
        facades.fresh_weather(wall, fresh(), SCALE, wet=wet, snow=snow)
        darker, brighter = (wall < 119).mean(), (wall > 121).mean()
        assert (darker > 0.3) == wet and (brighter > 0.01) == (snow > 0)
