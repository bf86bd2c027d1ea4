"""kapture folders: rigs, cameras, faults; and the real ones."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.errors import MapError
from semloc_ros.geometry import se3
from semloc_ros.maps.kapture import read_kapture, read_kapture_records

HEAD = "# kapture format: 1.1\n"
SENSORS = "cam0, , camera, PINHOLE, 640, 480, 500, 510, 319.5, 239.5\ngps, , gnss, EPSG:4326\n"
RIGS = "rig, cam0, 0.7071067811865476, 0, 0.7071067811865476, 0, 0.1, 0.2, 0.3\n"
POSES = "7, rig, 1, 0, 0, 0, 1, 2, 3\n"
RECORDS = "7, cam0, a/b.png\n8, cam0, a/c.png\n"


@pytest.fixture()
def write(tmp_path):
    def write(sensors=SENSORS, rigs=RIGS, poses=POSES, records=RECORDS):
        folder = tmp_path / "sensors"
        folder.mkdir()
        for name, text in {
            "sensors": sensors, "rigs": rigs, "trajectories": poses, "records_camera": records
        }.items():
            if text is not None:
                (folder / f"{name}.txt").write_text(HEAD + text)
        return tmp_path

    return write


def test_rig_poses_are_composed(write):
    (image,) = read_kapture(write())
    turn = se3.from_quaternion_xyzw([0.1, 0.2, 0.3], [0, 2**-0.5, 0, 2**-0.5])
    shift = se3.make_pose(np.eye(3), [1, 2, 3])
    assert np.allclose(image.camera_from_map, turn @ shift)
    assert (image.name, image.stamp_ns) == ("a/b.png", 7)
    assert (image.camera.cx, image.camera.fy) == (319.5, 510)


def test_nested_rigs(write):
    rigs = RIGS.replace("rig,", "inner,") + "rig, inner, 1, 0, 0, 0, 0, 0, 5\n"
    (image,) = read_kapture(write(rigs=rigs))
    turn = se3.from_quaternion_xyzw([0.1, 0.2, 0.3], [0, 2**-0.5, 0, 2**-0.5])
    assert np.allclose(image.camera_from_map, turn @ se3.make_pose(np.eye(3), [1, 2, 8]))


def test_without_rigs(write):
    (image,) = read_kapture(write(rigs=None, poses="8, cam0, 1, 0, 0, 0, 1, 2, 3\n"))
    assert image.name == "a/c.png"
    assert np.allclose(image.camera_from_map[:3, 3], (1, 2, 3))


def test_corner_pixels_lose_half_a_pixel(write):
    folder = write()
    (centre,), (corner,) = read_kapture(folder), read_kapture(folder, corner_pixels=True)
    assert corner.camera.cx == centre.camera.cx - 0.5
    assert corner.camera.cy == centre.camera.cy - 0.5


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"sensors": None}, "sensors.txt: expected a kapture table"),
        ({"records": None}, "records_camera.txt: expected a kapture table"),
        ({"sensors": SENSORS.replace("PINHOLE", "UNKNOWN_CAMERA")},
         "sensors.txt line 2: expected a camera model of SIMPLE_PINHOLE, "),
        ({"sensors": SENSORS.replace("510", "wide")}, "sensors.txt line 2: expected numbers"),
        ({"sensors": SENSORS.replace(", 239.5", "")}, "expected 4 parameters for PINHOLE, got 3"),
        ({"sensors": SENSORS.replace("640", "nan")}, "sensors.txt line 2: expected whole width"),
        ({"sensors": SENSORS.replace("480", "inf")}, "sensors.txt line 2: expected whole width"),
        ({"sensors": SENSORS.replace("640", "-640")}, "sensors.txt line 2: expected a positive"),
        ({"sensors": SENSORS.replace("500", "nan")}, "sensors.txt line 2: expected finite intr"),
        ({"poses": "7, rig, 1, 0, 0, 0, 1, 2\n"}, "trajectories.txt line 2: expected at least 9"),
        ({"poses": "7, rig, 0, 0, 0, 0, 1, 2, 3\n"}, "trajectories.txt line 2: pose: expected"),
        ({"poses": "soon, rig, 1, 0, 0, 0, 1, 2, 3\n"}, "an integer timestamp, got 'soon'"),
        ({"records": "7, cam9, x.png\n"}, "records_camera.txt line 2: expected a camera of"),
        ({"poses": "9, rig, 1, 0, 0, 0, 1, 2, 3\n"}, "expected images with a pose in"),
        ({"poses": "7, rig, , , , , 1, 2, 3\n"}, "expected images with a pose in"),
    ],
)  # fmt: skip
def test_faults_are_one_line(change, line, write):
    with pytest.raises(MapError, match=line) as caught:
        read_kapture(write(**change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_versions_that_are_read(version, write):
    folder = write()
    for path in (folder / "sensors").glob("*.txt"):
        path.write_text(path.read_text().replace("1.1", version, 1))
    assert len(read_kapture(folder)) == 1


def test_another_version_is_refused(write):
    folder = write()
    path = folder / "sensors" / "trajectories.txt"
    path.write_text(path.read_text().replace("1.1", "2.0", 1))
    with pytest.raises(MapError, match=r"line 1: expected kapture format 1.0 or 1.1, got 2.0"):
        read_kapture(folder)


def test_virtual_gallery(shared_data):
    images = read_kapture(shared_data("virtual_gallery") / "mapping")
    assert len(images) == 12
    assert images[0].read().shape == (1080, 1920, 3)
    first = {one.name[-18:]: one for one in images}
    heights = [se3.inverse(one.camera_from_map)[1, 3] for one in images]
    assert np.allclose(heights, -1.65), "the rig rolls at one height"
    assert len(first) == 12


def test_a_real_fisheye_pair(shared_data):
    """T265: poses per camera, a rig whose members are not calibrated; the baseline is 6.4 cm."""
    images = read_kapture(shared_data("bags/t265/kapture"))
    assert len(images) == 6
    assert {one.camera.model for one in images} == {"fisheye"}
    left, right = (se3.inverse(images[k].camera_from_map)[:3, 3] for k in (0, 1))
    assert np.linalg.norm(left - right) == pytest.approx(0.064, abs=1e-6)


def test_records_without_a_pose_are_told_apart(tmp_path):
    sensors = tmp_path / "sensors"
    sensors.mkdir()
    (sensors / "sensors.txt").write_text("cam, , camera, PINHOLE, 8, 6, 10, 10, 3.5, 2.5\n")
    (sensors / "records_camera.txt").write_text("1, cam, a.jpg\n2, cam, b.jpg\n")
    assert [len(part) for part in read_kapture_records(tmp_path)] == [0, 2]
    (sensors / "trajectories.txt").write_text("2, cam, 1, 0, 0, 0, 1, 2, 3\n")
    posed, others = read_kapture_records(tmp_path)
    assert [one.name for one in posed] == ["b.jpg"]
    assert [(one.name, one.stamp_ns) for one in others] == [("a.jpg", 1)]
