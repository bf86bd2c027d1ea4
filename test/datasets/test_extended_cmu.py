"""A tiny slice in the true format, and what is said when it is broken."""

import numpy as np
import pytest

from semloc_ros.datasets.extended_cmu import read_extended_cmu, recognize
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3

DATABASE = "img_00122_c0_1303398475046031us.jpg"
POSED, HIDDEN = "img_00010_c1_1283347879534213us.jpg", "img_00011_c0_1283347879600000us.jpg"
# the example of the data set's own description, slice 2
REAL = f"{DATABASE} 0.636779 0.569692 0.379586 -0.354792 -85.392177 55.210379 -2.980700\n"
INTRINSICS = """\
# [Camera ID] [Distortion model] [image width] [image height] [fx] [fy] [cx] [cy] ...
c0 OPENCV 1024 768 800 801 512 384 -0.1 0 0 0
c1 OPENCV 1024 768 900 901 512 384 -0.1 0 0 0
"""


@pytest.fixture
def folder(tmp_path, known_pose, write_image):
    slice_ = tmp_path / "slice2"
    pose = f"{known_pose.text(known_pose.wxyz)} {known_pose.text(known_pose.centre)}"
    (slice_ / "camera-poses").mkdir(parents=True)
    (slice_ / "ground-truth-database-images-slice2.txt").write_text(REAL)
    (slice_ / "camera-poses" / "slice-2-run-4-camera-1.txt").write_text(f"{POSED} {pose}\n")
    (slice_ / "test-images-slice2.txt").write_text(f"{HIDDEN}\n{POSED}\n")
    for part, name in (("database", DATABASE), ("query", POSED), ("query", HIDDEN)):
        write_image(slice_ / part / name)
    return tmp_path


def test_poses_cameras_and_times(folder, known_pose):
    assert recognize(folder)
    found = read_extended_cmu(folder)
    (query,), (hidden,) = found.queries, found.hidden
    known_pose.check(query)
    assert query.name == f"slice2/query/{POSED}"
    assert query.stamp_ns == 1283347879534213000
    assert (query.camera.model, query.camera.fx) == ("radtan", 873.382641)
    assert hidden.name == f"slice2/query/{HIDDEN}"
    assert hidden.stamp_ns == 1283347879600000000
    assert hidden.camera.cx == pytest.approx(525.942323 - 0.5)  # counted from the corner


def test_the_last_three_numbers_are_the_centre(folder):
    (image,) = read_extended_cmu(folder).mapping
    map_from_camera = se3.inverse(image.camera_from_map)
    assert np.allclose(map_from_camera[:3, 3], [-85.392177, 55.210379, -2.980700])
    assert map_from_camera[2, 1] < -0.9  # a car's camera is upright; the world's z is up


def test_the_slice_itself_its_intrinsics_and_rectified_images(folder, write_image):
    (folder / "intrinsics.txt").write_text(INTRINSICS)
    rectified = HIDDEN.replace(".jpg", "_rect.jpg")
    (folder / "slice2" / "test-images-slice2.txt").write_text(f"{rectified}\n")
    write_image(folder / "slice2" / "query" / rectified)
    (hidden,) = read_extended_cmu(folder / "slice2").hidden
    assert (hidden.name, hidden.camera.model, hidden.camera.fx) == (
        f"query/{rectified}", "pinhole", 800,
    )  # fmt: skip


def test_slices_are_chosen(folder):
    assert len(read_extended_cmu(folder, slices=[2]).mapping) == 1
    with pytest.raises(DatasetError, match="expected sliceX/ground-truth"):
        read_extended_cmu(folder, slices=[3])


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("slice2/ground-truth-database-images-slice2.txt", "a 1\n", "line 1: expected 8 fields"),
        (
            "slice2/ground-truth-database-images-slice2.txt",
            REAL.replace("img_", "x_"),
            "a name like",
        ),
        ("slice2/ground-truth-database-images-slice2.txt", REAL.replace("c0", "c7"), "c0, c1, got"),
        ("slice2/ground-truth-database-images-slice2.txt", REAL.replace("55.2", "nan"), "line 1"),
        (
            "slice2/test-images-slice2.txt",
            "a.jpg\n",
            "test-images-slice2.txt line 1: expected a name",
        ),
        (f"slice2/database/{DATABASE}", None, f"{DATABASE}: expected an image, got no such file"),
        (f"slice2/query/{HIDDEN}", None, f"{HIDDEN}: expected an image, got no such file"),
        ("intrinsics.txt", "c0 OPENCV 1024\n", "intrinsics.txt line 1: expected 12 fields, got 3"),
        (
            "intrinsics.txt",
            INTRINSICS.replace("c0 OPENCV", "c0 WIDE"),
            "expected a camera model of",
        ),
    ],
)
def test_a_broken_file_is_one_line(folder, name, text, complaint):
    path = folder / name
    path.write_text(text) if text else path.unlink()
    with pytest.raises(DatasetError, match=complaint) as fault:
        read_extended_cmu(folder)
    assert "\n" not in str(fault.value)


def test_of_a_part_what_is_missing_is_counted(folder, write_image):
    """One slice is whole; of another there are the lists, and one image."""
    text = REAL + REAL.replace("img_00122", "img_00123")
    slice_ = folder / "slice3"
    slice_.mkdir()
    (slice_ / "ground-truth-database-images-slice3.txt").write_text(text)
    write_image(slice_ / "database" / DATABASE)
    (folder / "slice2" / "query" / HIDDEN).unlink()
    with pytest.raises(DatasetError, match="expected the names of the queries"):
        read_extended_cmu(folder)
    found = read_extended_cmu(folder, part=True)
    assert [len(one) for one in (found.mapping, found.queries, found.hidden)] == [2, 1, 0]
    assert [path.relative_to(folder).as_posix() for path in found.missing] == [
        "slice3/test-images-slice3.txt",
        f"slice3/database/{DATABASE.replace('img_00122', 'img_00123')}",
        f"slice2/query/{HIDDEN}",
    ]


def test_a_part_without_any_image_is_a_fault(folder):
    for image in folder.glob("slice2/*/*.jpg"):
        image.unlink()
    with pytest.raises(DatasetError, match=f"{DATABASE}: expected an image, .*, like 2 others"):
        read_extended_cmu(folder, part=True)


def test_without_any_query_the_missing_list_is_named(folder):
    (folder / "slice2" / "test-images-slice2.txt").unlink()
    assert read_extended_cmu(folder).hidden == []
    (poses,) = (folder / "slice2" / "camera-poses").iterdir()
    poses.unlink()
    with pytest.raises(DatasetError, match=r"test-images-slice2.txt: expected the names"):
        read_extended_cmu(folder)
