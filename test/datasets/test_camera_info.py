"""CameraInfo as `Camera`, and what is wrong with some of them."""

import pytest

from semloc_ros.datasets import bags
from semloc_ros.errors import DatasetError

EIGHT = (1, 2, 0, 0, 3, 4, 5, 6)


def camera(tiny_bag, tmp_path, **change):
    with tiny_bag() as bag:
        bag.camera_info("/info", 1, **change)
    return bags.camera(tmp_path / "bag", "/info")


@pytest.mark.parametrize(
    ("model", "d", "wanted", "distortion"),
    [
        ("plumb_bob", (0, 0, 0, 0, 0), "pinhole", ()),
        ("", (), "pinhole", ()),
        ("plumb_bob", (-0.1, 0.1, 0, 0.01, 0.02), "radtan", (-0.1, 0.1, 0, 0.01, 0.02)),
        ("rational_polynomial", EIGHT, "radtan", EIGHT),
        ("rational_polynomial", (*EIGHT, 0, 0, 0, 0), "radtan", EIGHT),
        ("equidistant", (0.1, 0, 0, 0), "fisheye", (0.1, 0, 0, 0)),
        ("equidistant", (0, 0, 0, 0), "fisheye", (0, 0, 0, 0)),
    ],
)
def test_lens_models(tiny_bag, tmp_path, model, d, wanted, distortion):
    found = camera(tiny_bag, tmp_path, model=model, d=d)
    assert (found.model, found.distortion) == (wanted, distortion)
    assert (found.width, found.height, found.fx, found.cx, found.cy) == (8, 6, 10.0, 3.5, 2.5)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"focal": 0.0}, "focal lengths > 0, got 0.0, 0.0"),
        ({"width": 0}, "a positive size, got 0x6"),
        ({"model": "mei", "d": (1.0,)}, "expected plumb_bob or .*, got 'mei'"),
        ({"model": "plumb_bob", "d": (0.1,)}, "4 or 5 or 8 coefficients"),
        ({"model": "rational_polynomial", "d": (0.1,) * 14}, "at most 8 coefficients, got 14"),
    ],
)
def test_faulty_calibrations_are_one_clear_line(tiny_bag, tmp_path, change, complaint):
    with pytest.raises(DatasetError, match=f"/info: .*{complaint}"):
        camera(tiny_bag, tmp_path, **change)
