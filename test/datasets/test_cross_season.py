"""Tiny files as MATLAB writes v7.3: HDF5, transposed, text as a column of uint16."""

import cv2
import h5py
import numpy as np
import pytest

from semloc_ros.datasets.cross_season import read_cross_season, recognize
from semloc_ros.errors import DatasetError, SemlocError

POINTS_I = np.array([[10.5, 20.25], [0.0, 767.0], [1023.0, 3.0]])  # x, y
POINTS_J = POINTS_I + (5.0, -1.0)
PATHS = ("slice2/img_1_c0.png", "slice2/img_2_c0.png")
MATLAB_HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512)


def save(path, **changes):
    """A correspondence file; a change of None leaves the variable out."""
    variables = {
        "im_i_path": PATHS[0], "im_j_path": PATHS[1], "pt_i": POINTS_I, "pt_j": POINTS_J,
        "dist_from_center": np.zeros((1, 3)),
    } | changes  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            if isinstance(value, str):
                codes = np.array([[ord(letter)] for letter in value], np.uint16)
                file.create_dataset(name, data=codes).attrs["MATLAB_class"] = np.bytes_("char")
            elif value is not None:
                file.create_dataset(name, data=value).attrs["MATLAB_class"] = np.bytes_("double")
    with open(path, "r+b") as raw:
        raw.write(MATLAB_HEADER)


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "CMU" / "correspondence_data"
    save(inside / "correspondence_slice2_run1_run5_c1_c2.mat")
    save(inside / "correspondence_slice2_run1_run4_c1_c9.mat", pt_i=POINTS_I[:2], pt_j=POINTS_J[:2])
    for number, name in enumerate(PATHS):
        image = tmp_path / "CMU" / "images" / name
        image.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(image), np.full((6, 8, 3), (0, 0, 100 + number), np.uint8))
    return tmp_path / "CMU"


def test_pairs_come_by_file_name_with_points_and_images(folder):
    pairs = read_cross_season(folder)
    assert [len(pair.points_a) for pair in pairs] == [2, 3]
    pair = pairs[1]
    assert (pair.name_a, pair.name_b) == PATHS
    assert np.array_equal(pair.points_a, POINTS_I)
    assert np.array_equal(pair.points_b[0], (15.5, 19.25))
    assert pair.read_a()[0, 0].tolist() == [100, 0, 0]
    assert pair.read_b()[0, 0].tolist() == [101, 0, 0]


def test_a_slice_is_a_sequence_of_pairs(folder):
    assert [len(pair.points_a) for pair in read_cross_season(folder)[1:]] == [3]


def test_a_list_chooses_files_and_their_order(folder):
    names = folder / "corr_val.txt"
    names.write_text("correspondence_slice2_run1_run5_c1_c2.mat\n")
    assert [len(pair.points_a) for pair in read_cross_season(folder, names=names)] == [3]
    names.write_text("a.mat\n")
    with pytest.raises(DatasetError, match=r"val.txt line 1: expected a file in .*, got a.mat$"):
        read_cross_season(folder, names=names)


def test_files_in_folders_per_slice_and_images_elsewhere(folder):
    name = "correspondence_data/slice7/correspondence_slice7_run1_run2_c0_c0.mat"
    save(folder / name, pt_i=np.ones((1, 2)), pt_j=np.ones((1, 2)))
    (folder / "images").rename(folder.parent / "moved")
    pairs = read_cross_season(folder, images=folder.parent / "moved")
    assert [len(pair.points_a) for pair in pairs] == [2, 3, 1]
    assert pairs[2].read_b().shape == (6, 8, 3)


def test_no_points_as_matlab_writes_them(folder):
    path = folder / "correspondence_data" / "correspondence_slice2_run1_run5_c1_c2.mat"
    save(path, pt_i=np.array([2, 0], np.uint64), pt_j=np.array([2, 0], np.uint64))
    with h5py.File(path, "r+") as file:
        for name in ("pt_i", "pt_j"):
            file[name].attrs["MATLAB_empty"] = np.uint8(1)
    assert read_cross_season(folder)[1].points_a.shape == (0, 2)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"pt_j": None}, "expected the array pt_j, got dist_from_center, im_i_path"),
        ({"pt_j": POINTS_J[:2]}, "expected pt_i and pt_j of one length, got 3 and 2"),
        ({"pt_i": POINTS_I.T}, r"pt_i: expected numbers \(N, 2\), got float64 \(2, 3\)"),
        ({"pt_i": POINTS_I * np.nan}, "pt_i: expected finite pixels"),
        ({"im_i_path": np.zeros((3, 1))}, "im_i_path: expected a char array, got float64 array"),
    ],
)
def test_a_broken_file_is_one_line(folder, changes, complaint):
    save(folder / "correspondence_data" / "correspondence_slice2_run1_run5_c1_c2.mat", **changes)
    with pytest.raises(DatasetError, match=f"run5_c1_c2.mat: {complaint}") as fault:
        read_cross_season(folder)[1]
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("size", [0, 700, 2000])
def test_a_cut_file_is_one_line(folder, size):
    path = folder / "correspondence_data" / "correspondence_slice2_run1_run5_c1_c2.mat"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DatasetError, match="expected a MATLAB v7.3 .HDF5. file, got another"):
        read_cross_season(folder)[1]


def test_a_missing_image_and_an_empty_folder_are_one_line(folder, tmp_path):
    (folder / "images" / PATHS[0]).unlink()
    with pytest.raises(SemlocError, match="img_1_c0.png: expected an image, got no such file"):
        read_cross_season(folder)[0].read_a()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"expected correspondence_data/\*.mat, got none"):
        read_cross_season(tmp_path / "empty")


def test_recognized_by_its_files(folder, tmp_path):
    assert recognize(folder)
    assert recognize(folder / "correspondence_data")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "results.mat").write_bytes(b"")
    assert not recognize(tmp_path / "other")
