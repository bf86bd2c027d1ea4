"""What the figures of labels show, read back from their axes."""

import numpy as np
import pytest

from semloc_ros.errors import DatasetError
from semloc_ros.evaluation.label_figures import (
    contingency_figure,
    inlier_figure,
    save_figure,
    sorted_clusters,
)

#                   clusters 0  1  2  3  4
TABLE = np.array([[1, 0, 0, 40, 9], [0, 0, 0, 0, 0], [8, 0, 90, 2, 0]], np.int64)
NAMES = ("road", "rider", "sky")


def shown(axes):
    return np.ma.filled(axes.images[0].get_array(), 0.0)


def test_clusters_stand_by_class_and_then_by_size():
    assert sorted_clusters(TABLE).tolist() == [3, 4, 2, 0]  # cluster 1 never occurs


def test_tables_show_the_classes_that_there_are_and_shares_of_all_pixels():
    axes = contingency_figure({"four": TABLE, "again": TABLE}, NAMES).axes
    assert [one.get_title(loc="left") for one in axes[:2]] == ["four", "again"]
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["road", "sky"]
    assert shown(axes[0]) == pytest.approx(np.array([[40, 9, 0, 1], [2, 0, 90, 8]]) / 150)


def test_or_shares_of_each_cluster():
    axes = contingency_figure({"four": TABLE}, NAMES, scale="clusters").axes[0]
    assert shown(axes)[:, 0] == pytest.approx([40 / 42, 2 / 42])
    assert shown(axes).sum(axis=0) == pytest.approx(1.0)


def test_inliers_rise_from_the_share_of_images_without_a_pose_to_one(tmp_path):
    figure = inlier_figure(
        {"19 classes": [0, 30, 10, 0], "100": []}, {"19 classes": [0, 0.5, 0.2, 0], "100": []}
    )
    left, right = figure.axes
    counts, shares = left.lines[0].get_data()
    assert counts.tolist() == [0, 0, 0, 10, 30]
    assert shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert right.lines[0].get_xdata().max() == 0.5
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["19 classes", "100"]
    save_figure(figure, tmp_path / "new" / "inliers.png")
    assert (tmp_path / "new" / "inliers.png").stat().st_size > 1000


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    figure = contingency_figure({"four": TABLE}, NAMES)
    for path in (tmp_path / "file" / "a.png", tmp_path / "a.nothing"):
        with pytest.raises(DatasetError, match=r"expected a picture .png, pdf, svg. that"):
            save_figure(figure, path)
