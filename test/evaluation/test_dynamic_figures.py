"""What the figures of dynamic masks show, read back from their axes."""

import numpy as np
import pytest

from semloc_ros.evaluation.dynamic_figures import SheetRow, draw_objects, f1_figure, sheet_figure
from semloc_ros.types import UNSURE


def test_bars_stand_by_set_group_and_model_and_a_missing_one_leaves_its_place():
    figure = f1_figure(
        {
            "Cityscapes": {
                "frankfurt": {"synth": 0.5, "real": 0.75}, "lindau": {"synth": float("nan")}
            },
            "clips": {"highway": {"real": 0.25, "given": 1.0}},
        },
        faint=["given"],
    )  # fmt: skip
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("Cityscapes", "clips")
    assert [text.get_text() for text in left.get_xticklabels()] == ["frankfurt", "lindau"]
    assert [bar.get_height() for bar in left.patches] == [0.5, 0.75]
    assert [bar.get_height() for bar in right.patches] == [0.25, 1.0]
    assert [text.get_text() for text in left.texts] == ["50", "75"]
    synth, real = (bar.get_x() for bar in left.patches)
    assert synth < real < 0.5
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["synth", "real", "given"]
    given = right.patches[1].get_facecolor()
    assert max(given[:3]) - min(given[:3]) < 0.1 < max(right.patches[0].get_facecolor()[:3])


def test_each_object_has_a_colour_and_what_is_unsure_is_grey():
    image = np.full((40, 60, 3), 100, np.uint8)
    numbers = np.zeros((40, 60), np.uint16)
    numbers[5:15, 5:15], numbers[5:15, 30:40], numbers[25:35, 5:15] = 1, 2, UNSURE
    drawn = draw_objects(image, numbers)
    assert (image == 100).all() and (drawn[numbers == 0] == 100).all()
    one, two, unsure = drawn[10, 10], drawn[10, 35], drawn[30, 10]
    assert len({tuple(one), tuple(two), tuple(unsure)}) == 3
    assert unsure[0] == unsure[1] == unsure[2] == 125
    assert (drawn[5, 5] != one).any(), "outlined"


def test_a_sheet_has_the_image_and_each_model_beside_it():
    image = np.full((30, 1000, 3), 100, np.uint8)
    numbers = np.zeros((30, 1000), np.uint16)
    numbers[:, :500] = 1
    row = SheetRow("lindau/1", image, {"truth": numbers, "real": 0 * numbers})
    figure = sheet_figure([row, row])
    assert [axes.get_title() for axes in figure.axes[:3]] == ["image", "truth", "real"]
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["lindau/1"] * 2
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes[3:]]
    assert [one.shape for one in shown] == [(12, 400, 3)] * 3
    assert (shown[2] == 100).all() and (shown[1][6, 100] != 100).any()
    assert shown[1][6, 300] == pytest.approx([100] * 3)
