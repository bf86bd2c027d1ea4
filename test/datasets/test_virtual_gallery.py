"""A tiny folder in the true format; a row of the real data; what is said when it is broken."""

import numpy as np
import pytest

from semloc_ros.datasets.virtual_gallery import read_virtual_gallery, recognize
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3
from semloc_ros.maps.kapture import read_kapture

POSES = "frame cameraID r1,1 r1,2 r1,3 t1 r2,1 r2,2 r2,3 t2 r3,1 r3,2 r3,3 t3 0 0 0 1\n"
LENSES = "frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]\n"
# the first row of gallery_light1_loop1
REAL = "0 0 0.929348 0 0.3692049 2.798107 0 1 0 1.65 -0.3692049 0 0.929348 1.618328 0 0 0 1\n"


def write_run(folder, write_image, keys, pose_rows, focal=1371.022):
    folder.mkdir(parents=True)
    (folder / "extrinsic.txt").write_text(POSES + "".join(pose_rows))
    rows = [f"{frame} {camera} {focal} {focal} 959.5 539.5\n" for frame, camera in keys]
    (folder / "intrinsic.txt").write_text(LENSES + "".join(rows))
    for frame, camera in keys:
        write_image(folder / "frames" / "rgb" / f"camera_{camera}" / f"rgb_{frame:05d}.jpg")


@pytest.fixture
def folder(tmp_path, known_pose, write_image):
    pose = known_pose.text(known_pose.camera_from_map)
    training = tmp_path / "training" / "gallery_light1_loop2"
    write_run(training, write_image, [(0, 0), (7, 3)], [REAL, f"7 3 {pose}\n"])
    testing = tmp_path / "testing" / "gallery_light4_occlusion3"
    write_run(testing, write_image, [(12, 0)], [f"12 0 {pose}\n"], focal=1514.589)
    return tmp_path


def test_poses_sizes_and_names(folder, known_pose):
    assert recognize(folder)
    found = read_virtual_gallery(folder)
    assert [image.name for image in found.mapping] == [
        "training/gallery_light1_loop2/frames/rgb/camera_0/rgb_00000.jpg",
        "training/gallery_light1_loop2/frames/rgb/camera_3/rgb_00007.jpg",
    ]
    known_pose.check(found.mapping[1])
    (query,) = found.queries
    known_pose.check(query)
    assert query.stamp_ns == 12
    assert (query.camera.width, query.camera.height) == (1920, 1080)
    assert (query.camera.fx, query.camera.cx) == (1514.589, 959.5)
    assert query.read().shape == (6, 8, 3)


def test_the_fourth_numbers_are_the_translation(folder):
    pose = read_virtual_gallery(folder).mapping[0].camera_from_map
    assert np.allclose(pose[:3, 3], [2.798107, 1.65, 1.618328])
    assert np.allclose(se3.inverse(pose)[:3, 3], [-2.0029233, -1.65, -2.5370626], atol=1e-5)


def test_cameras_and_runs_are_chosen(folder):
    assert len(read_virtual_gallery(folder, cameras=[3]).mapping) == 1
    some = read_virtual_gallery(folder, names="gallery_light4_*")
    assert (len(some.mapping), len(some.queries)) == (0, 1)
    with pytest.raises(DatasetError, match="named gallery_light9"):
        read_virtual_gallery(folder, names="gallery_light9_*")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("extrinsic.txt", None, r"occlusion3/extrinsic.txt: expected poses, got no such file"),
        ("intrinsic.txt", None, r"intrinsic.txt: expected intrinsics, got no such file"),
        ("extrinsic.txt", "0 0 1 2 3\n", "extrinsic.txt line 2: expected 18 fields, got 5"),
        ("extrinsic.txt", "12 0" + " x" * 16, "extrinsic.txt line 2: expected numbers"),
        ("extrinsic.txt", "12 0" + " 2" * 16, "line 2: expected a last row"),
        ("extrinsic.txt", REAL, "line 2: expected intrinsics of that frame and camera"),
        ("intrinsic.txt", "12 0 -5 9 1 1\n", "intrinsic.txt line 2: expected focal lengths"),
        ("intrinsic.txt", "a 0 5 9 1 1\n", "intrinsic.txt line 2: expected a whole number"),
    ],
)
def test_a_broken_file_is_one_line(folder, name, text, complaint):
    path = folder / "testing" / "gallery_light4_occlusion3" / name
    path.write_text("frame\n" + text) if text else path.unlink()
    with pytest.raises(DatasetError, match=complaint) as fault:
        read_virtual_gallery(folder)
    assert "\n" not in str(fault.value)


def test_a_missing_image_is_named(folder):
    (image,) = folder.glob("testing/*/frames/rgb/camera_0/rgb_00012.jpg")
    image.unlink()
    with pytest.raises(DatasetError, match=r"rgb_00012.jpg: expected an image, got no such file$"):
        read_virtual_gallery(folder)


def test_of_a_part_missing_images_are_counted(folder):
    (image,) = folder.glob("testing/*/frames/rgb/camera_0/rgb_00012.jpg")
    image.unlink()
    found = read_virtual_gallery(folder, part=True)
    assert (len(found.mapping), found.queries, found.missing) == (2, [], [image])


def test_the_real_poses_in_this_form_are_those_of_kapture(shared_data, tmp_path, write_image):
    real = read_kapture(shared_data("virtual_gallery") / "query")
    rows = [
        f"{number} 0 {' '.join(map(str, image.camera_from_map.ravel()))}\n"
        for number, image in enumerate(real)
    ]
    run = tmp_path / "testing" / "gallery_light1_occlusion1"
    write_run(run, write_image, [(number, 0) for number in range(len(real))], rows)
    for ours, theirs in zip(read_virtual_gallery(tmp_path).queries, real, strict=True):
        assert np.allclose(ours.camera_from_map, theirs.camera_from_map)
