"""A tiny park: pictures whose columns tell where they are, and the real one."""

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.catalog import format_of, load
from semloc_ros.datasets.stromovka import read_route, read_stromovka, read_visits, recognize
from semloc_ros.errors import DatasetError, SemlocError

WIDTH, HEIGHT = 64, 24
OFFSETS = np.array([0, 5, -7, 3, 2, 1, 0, -1, 20, 4, 6, 60])  # columns by which a visit is shifted


def picture(path, shift):
    """Grey 100 + c is in column c + shift."""
    values = 100.0 + np.arange(WIDTH) - shift
    image = np.broadcast_to(values, (HEIGHT, WIDTH)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 100])


@pytest.fixture
def park(tmp_path):
    truth = tmp_path / "12x5" / "ground_truth"
    truth.mkdir(parents=True)
    for place in (1, 2, 3, 4, 5):
        shifts = (OFFSETS[None, :] - OFFSETS[:, None]) * (1 if place != 2 else 0)
        text = "\n".join("\t".join(map(str, row)) + "\t" for row in shifts)
        (truth / f"location_{place}.txt").write_text(text)
        for visit in range(12):
            picture(tmp_path / f"12x5/images/{visit + 1:02d}{place:02d}.jpg", OFFSETS[visit])
    for number in range(3):
        picture(tmp_path / f"route/summer/{number:03d}.jpg", 0)
        picture(tmp_path / f"route/winter/{number:03d}.jpg", 9 * number)
    lines = "0 0\n9 -4\n18 4\n"
    (tmp_path / "route" / "displacements_winter_minus_summer.txt").write_text(lines)
    return tmp_path


def grey(image, points):
    x, y = points.astype(int).T
    return image[y, x, 0].astype(int)


def test_points_show_the_same_in_both_visits(park):
    pairs = read_visits(park, places=(4,), step=8)
    assert len(pairs) == 66
    assert (pairs[0].name_a, pairs[0].name_b) == ("visit01/place4", "visit02/place4")
    assert (pairs[-1].name_a, pairs[-1].name_b) == ("visit11/place4", "visit12/place4")
    for pair in (pairs[0], pairs[1], pairs[20]):
        seen_a, seen_b = grey(pair.read_a(), pair.points_a), grey(pair.read_b(), pair.points_b)
        assert np.abs(seen_a - seen_b).max() <= 2  # JPEG


def test_points_outside_of_the_second_are_left_out(park):
    pairs = {(one.name_a, one.name_b): one for one in read_visits(park, places=(1,), step=8)}
    far = pairs["visit01/place1", "visit12/place1"]  # 60 columns of 64
    assert len(far.points_a) == 0
    near = pairs["visit01/place1", "visit02/place1"]  # 5 columns: 4 12 … 52, not 60
    assert sorted(set(near.points_a[:, 0])) == [4, 12, 20, 28, 36, 44, 52]
    assert np.array_equal(near.points_b, near.points_a + (5, 0))


def test_the_route_has_rows_too(park):
    pairs = read_route(park, step=4)
    assert [one.name_b for one in pairs] == ["winter/000", "winter/001", "winter/002"]
    assert np.array_equal(pairs[1].points_b, pairs[1].points_a + (9, -4))
    assert pairs[1].points_a[:, 1].min() == 6
    assert pairs[2].points_a[:, 1].max() == HEIGHT - 6


def test_both_parts_or_one(park, tmp_path):
    assert recognize(park)
    assert format_of(park).name == "stromovka"
    assert len(read_stromovka(park)) == 5 * 66 + 3
    assert load(format_of(park), park).counts["image pairs"] == 333
    (park / "12x5" / "ground_truth").rename(tmp_path / "elsewhere")
    assert len(read_stromovka(park)) == 3
    assert not recognize(tmp_path / "elsewhere")


def test_what_is_broken_is_one_line(park):
    truth = park / "12x5" / "ground_truth" / "location_3.txt"
    lines = truth.read_text().splitlines()
    truth.write_text("\n".join(lines[:-1]))
    with pytest.raises(DatasetError, match="location_3.txt: expected 12 rows, got 11"):
        read_visits(park, places=(3,))
    truth.write_text("\n".join([lines[0].replace("5", "6", 1), *lines[1:]]))
    with pytest.raises(DatasetError, match="displacements from visit 1 to 2 and back, got 6 and"):
        read_visits(park)
    truth.write_text("\n".join(["1 2 3", *lines[1:]]))
    with pytest.raises(DatasetError, match="location_3.txt line 1: expected 12 fields, got 3"):
        read_visits(park)
    truth.unlink()
    with pytest.raises(DatasetError, match="location_3.txt: expected .*, got no such file"):
        read_visits(park)
    with pytest.raises(DatasetError, match="location_6.txt: expected .*, got no such file"):
        read_visits(park, places=(6,))
    (park / "route" / "winter" / "001.jpg").unlink()
    with pytest.raises(SemlocError, match="001.jpg: expected an image, got no such file"):
        read_route(park)
    (park / "route" / "displacements_winter_minus_summer.txt").write_text("1 x\n")
    with pytest.raises(DatasetError, match=r"summer.txt line 1: expected numbers"):
        read_route(park)


def test_the_displacement_is_right_on_real_pictures(shared_data):
    """Brightness of columns (edges of trunks and houses) goes together better at the displacement
    than with its sign turned, in most pairs."""
    folder = shared_data("stromovka")
    assert recognize(folder)
    right = []
    for pair in read_visits(folder, places=(4, 5), step=2)[::9]:
        shift = pair.points_b[0] - pair.points_a[0]
        if abs(shift[0]) < 40:
            continue
        a, b = (edges(read()) for read in (pair.read_a, pair.read_b))
        right.append(likeness(a, b, int(shift[0])) > likeness(a, b, -int(shift[0])))
    assert len(right) >= 6
    assert np.mean(right) > 0.8


def edges(image):
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 4)
    return np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)).mean(axis=0)


def likeness(a, b, shift):
    first, last = max(0, -shift), min(len(a), len(a) - shift)
    return np.corrcoef(a[first:last], b[first + shift : last + shift])[0, 1]
