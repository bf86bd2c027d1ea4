"""A tiny folder in the true format, and what is said when it is broken."""

import pytest

from semloc_ros.datasets.robotcar_seasons import read_robotcar_seasons, recognize
from semloc_ros.errors import DatasetError

REFERENCE = "overcast-reference/rear/1417176458999821"
POSED, HIDDEN, OTHER = "night/rear/1418755000000001", "dusk/rear/1424450000000002", "sun/rear/3"
REAR = "fx 400.000000\nfy 400.000000\ncx 508.222931\ncy 498.187378\n"


@pytest.fixture
def folder(tmp_path, known_pose, write_image):
    pose = f"{known_pose.text(known_pose.wxyz)} {known_pose.text(known_pose.centre)}"
    left = REFERENCE.replace("rear", "left")
    model = f"NVM_V3 \n\n2\n./{left}.png 400 {pose} 0 0\n./{REFERENCE}.png 400 {pose} 0 0\n\n0\n"
    files = {
        "intrinsics/rear_intrinsics.txt": REAR,
        "3D-models/all-merged/all.nvm": model,
        "robotcar_v2_train.txt": f"{POSED}.jpg {known_pose.text(known_pose.map_from_camera)}\n",
        "robotcar_v2_test.txt": "rear/1424450000000002.jpg\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in (REFERENCE, left, POSED, HIDDEN, OTHER):
        write_image(tmp_path / "images" / f"{name}.jpg")
    return tmp_path


def test_rear_images_with_their_poses(folder, known_pose):
    assert recognize(folder)
    found = read_robotcar_seasons(folder)
    (reference,), (query,), (hidden,) = found.mapping, found.queries, found.hidden
    assert [one.name for one in (reference, query, hidden)] == [
        f"{REFERENCE}.jpg", f"{POSED}.jpg", f"{HIDDEN}.jpg",
    ]  # fmt: skip
    known_pose.check(reference)  # rotation to the camera, and its centre
    known_pose.check(query)  # the matrix camera to world
    assert hidden.stamp_ns == 1424450000000002000
    assert hidden.camera.cx == pytest.approx(508.222931 - 0.5)  # counted from the corner
    assert query.read().shape == (6, 8, 3)


def test_the_first_version_has_no_lists(folder):
    (folder / "robotcar_v2_train.txt").unlink()
    (folder / "robotcar_v2_test.txt").unlink()
    found = read_robotcar_seasons(folder)
    assert found.queries == []
    assert [one.name for one in found.hidden] == [f"{n}.jpg" for n in (HIDDEN, POSED, OTHER)]


def test_cameras_and_conditions_are_chosen(folder):
    (folder / "intrinsics" / "left_intrinsics.txt").write_text(REAR)
    found = read_robotcar_seasons(folder, cameras=("left",))
    assert [one.name.split("/")[1] for one in found.mapping] == ["left"]
    some = read_robotcar_seasons(folder, conditions=("night",))
    assert (len(some.queries), some.hidden) == (1, [])


def test_of_a_part_what_is_missing_is_counted(folder):
    """The reference images, then the model: each is an archive of its own."""
    reference = folder / "images" / f"{REFERENCE}.jpg"
    reference.unlink()
    found = read_robotcar_seasons(folder, part=True)
    assert (found.mapping, found.missing) == ([], [reference])
    assert [len(one) for one in (found.queries, found.hidden)] == [1, 1]
    model = folder / "3D-models" / "all-merged" / "all.nvm"
    model.unlink()
    assert read_robotcar_seasons(folder, part=True).missing == [model]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        (
            "intrinsics/rear_intrinsics.txt",
            None,
            "rear_intrinsics.txt: expected intrinsics, got no",
        ),
        (
            "intrinsics/rear_intrinsics.txt",
            "fx 400\n",
            "expected lines fx, fy, cx and cy, got no fy",
        ),
        ("intrinsics/rear_intrinsics.txt", "fx\n", "rear_intrinsics.txt line 1: expected 2 fields"),
        ("3D-models/all-merged/all.nvm", None, "all.nvm: expected an NVM file"),
        ("3D-models/all-merged/all.nvm", "NVM_V3\n1\na.png 1\n", "all.nvm line 3: expected"),
        (
            "robotcar_v2_train.txt",
            f"{POSED}.jpg 1 2\n",
            "train.txt line 1: expected 17 fields, got 3",
        ),
        ("robotcar_v2_train.txt", f"{POSED}.jpg" + " 1" * 16, "train.txt line 1: expected"),
        (
            "robotcar_v2_train.txt",
            "x.jpg" + " 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
            "line 1: .*condition",
        ),
        (f"images/{POSED}.jpg", None, f"{POSED}.jpg: expected an image, got no such file"),
    ],
)
def test_a_broken_file_is_one_line(folder, name, text, complaint):
    path = folder / name
    path.write_text(text) if text else path.unlink()
    with pytest.raises(DatasetError, match=complaint) as fault:
        read_robotcar_seasons(folder)
    assert "\n" not in str(fault.value)
