"""Queries and references of one way go together by their order."""

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.catalog import format_of, load
from semloc_ros.datasets.paired_places import read_paired_places, recognize
from semloc_ros.errors import DatasetError


@pytest.fixture
def way(tmp_path, write_image):
    for number in (10, 2, 1):
        write_image(tmp_path / "query" / f"{number:07d}.png", value=number)
        write_image(tmp_path / "ref" / f"{number + 5:07d}.PNG", value=100 + number)
    (tmp_path / "ref" / "notes.txt").touch()
    return tmp_path


def test_the_kth_query_is_the_kth_reference_by_name(way):
    pairs = read_paired_places(way)
    names = [(one.name_a, one.name_b) for one in pairs]
    assert names == [
        ("query/0000001", "ref/0000006"),
        ("query/0000002", "ref/0000007"),
        ("query/0000010", "ref/0000015"),
    ]
    assert [int(one.read_b()[0, 0, 0]) - int(one.read_a()[0, 0, 0]) for one in pairs] == [100] * 3
    assert all(one.points_a.shape == one.points_b.shape == (0, 2) for one in pairs)


def test_it_is_known_and_counted(way):
    assert recognize(way)
    assert format_of(way).name == "paired_places"
    contents = load(format_of(way), way)
    assert contents.counts["image pairs"] == 3
    assert contents.samples[0].read().shape == (6, 16, 3)
    assert not recognize(way / "query")


def test_unequal_or_empty_folders_are_one_line(way, tmp_path):
    (way / "query" / "0000001.png").unlink()
    with pytest.raises(DatasetError, match="as many images in query as in ref, got 2 and 3$"):
        read_paired_places(way)
    with pytest.raises(DatasetError, match="nowhere: expected as many .*, got 0 and 0$"):
        read_paired_places(tmp_path / "nowhere")


def test_the_real_corridor(shared_data):
    """Places in order: an image is more like its own place than like one far away."""
    pairs = read_paired_places(shared_data("corridor"))
    assert len(pairs) == 111
    a, b = (
        np.stack([cv2.resize(read(), (16, 12)).astype(float) for read in reads])
        for reads in ([one.read_a for one in pairs[::10]], [one.read_b for one in pairs[::10]])
    )
    apart = np.abs(a[:, None] - b[None]).mean(axis=(2, 3, 4))
    own = np.diag(apart)
    assert (own[:, None] <= apart).mean() > 0.8
