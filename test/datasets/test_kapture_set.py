"""kapture folders as mapping and query images; the parser itself is tested in test/maps."""

import pytest

from semloc_ros.datasets.kapture import read_kapture_set, recognize
from semloc_ros.errors import DatasetError


def write_part(folder, images, poses):
    sensors = folder / "sensors"
    sensors.mkdir(parents=True)
    (sensors / "sensors.txt").write_text("cam, , camera, PINHOLE, 8, 6, 10, 10, 3.5, 2.5\n")
    rows = [f"{number}, cam, {name}\n" for number, name in enumerate(images)]
    (sensors / "records_camera.txt").write_text("# kapture format: 1.1\n" + "".join(rows))
    if poses is not None:
        (sensors / "trajectories.txt").write_text("".join(poses))


@pytest.fixture
def folder(tmp_path, known_pose):
    turn = ", ".join(map(str, known_pose.wxyz))
    move = ", ".join(map(str, known_pose.camera_from_map[:3, 3]))
    write_part(tmp_path / "mapping", ["a.jpg"], [f"0, cam, {turn}, {move}\n"])
    write_part(tmp_path / "query", ["q.jpg"], None)
    return tmp_path


def test_queries_without_trajectories_are_hidden(folder, known_pose):
    assert recognize(folder)
    assert recognize(folder / "query")
    found = read_kapture_set(folder)
    (image,), (hidden,) = found.mapping, found.hidden
    known_pose.check(image)
    assert (hidden.name, found.queries) == ("q.jpg", [])


def test_faults_are_one_line(folder, tmp_path):
    with pytest.raises(DatasetError, match="expected sensors/sensors.txt, or folders mapping"):
        read_kapture_set(tmp_path / "nothing")
    (folder / "query" / "sensors" / "records_camera.txt").write_text("0, cam\n")
    with pytest.raises(DatasetError, match=r"records_camera.txt line 1: expected at least 3"):
        read_kapture_set(folder)
    (folder / "query" / "sensors" / "records_camera.txt").unlink()
    with pytest.raises(DatasetError, match=r"records_camera.txt: expected a kapture table"):
        read_kapture_set(folder)


def test_of_a_part_missing_images_are_counted(folder, write_image):
    write_image(folder / "mapping" / "sensors" / "records_data" / "a.jpg")
    found = read_kapture_set(folder, part=True)
    assert (len(found.mapping), found.hidden) == (1, [])
    assert found.missing == [folder / "query" / "sensors" / "records_data" / "q.jpg"]
    with pytest.raises(DatasetError, match=r"images, got none: 1 missing, such as .*q.jpg"):
        read_kapture_set(folder / "query", part=True)


def test_a_query_folder_without_its_cameras_is_not_passed_over(folder):
    (folder / "query" / "sensors" / "sensors.txt").unlink()
    with pytest.raises(DatasetError, match=r"sensors.txt: expected a kapture table, got no such"):
        read_kapture_set(folder)


def test_the_real_gallery_and_the_real_fisheyes(shared_data):
    gallery = read_kapture_set(shared_data("virtual_gallery"))
    assert (len(gallery.mapping), len(gallery.queries), len(gallery.hidden)) == (12, 2, 0)
    assert gallery.queries[0].read().shape == (1080, 1920, 3)
    fisheyes = read_kapture_set(shared_data("bags") / "t265" / "kapture").mapping
    assert {image.camera.model for image in fisheyes} == {"fisheye"}
