"""Figures and page of pose networks show the numbers: read back from axes and text."""

import numpy as np
import pytest
from pose_studies import SMALL, study_of

from semloc_ros.config.pose_study import SaliencyConfig
from semloc_ros.evaluation.pose_errors import COMBINATIONS
from semloc_ros.evaluation.pose_figures import (
    SaliencyRow,
    box_figure,
    cdf_figure,
    group_figure,
    saliency_figure,
)
from semloc_ros.evaluation.pose_page import (
    difference_table,
    error_table,
    group_table,
    look_of,
    verdict,
    write_study,
)
from semloc_ros.evaluation.pose_study import judged, share_groups
from semloc_ros.perception.saliency import Saliency

STUDY = study_of(count=60, seeds=2)
NUMBERS = judged(STUDY, SMALL)


def rows():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (20, 30, 3)).astype(np.uint8)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 5:20] = 255
    maps = {"plain, position": rng.normal(size=(20, 30)), "masked, position": np.zeros((20, 30))}
    return [SaliencyRow("seq1/0.png", image, mask, maps)]


def test_curves_are_shares_of_all_errors_of_a_combination():
    position, rotation = cdf_figure(STUDY).axes
    assert (position.get_xlabel(), rotation.get_ylabel()) == ("position error (m)",
                                                              "share of images")  # fmt: skip
    assert [line.get_label() for line in rotation.lines] == list(COMBINATIONS)
    for line, name in zip(rotation.lines, COMBINATIONS, strict=True):
        assert len(line.get_xdata()) == 120 and line.get_ydata()[-1] == 1.0
        middle = np.interp(0.5, line.get_ydata(), line.get_xdata())
        median = NUMBERS["all"][name]["rotation"]["median"]["value"]
        assert middle == pytest.approx(median, rel=0.05)


def test_notches_are_the_intervals_of_the_medians_and_dots_those_of_the_first():
    figure = box_figure(STUDY, NUMBERS["all"])
    for axes, kind in zip(figure.axes, ("position", "rotation"), strict=True):
        assert [label.get_text() for label in axes.get_xticklabels()] == list(COMBINATIONS)
        for box, name in zip(axes.patches, COMBINATIONS, strict=True):
            heights = box.get_path().vertices[:, 1]
            numbers = NUMBERS["all"][name][kind]["median"]
            for bound in numbers["interval"]:
                assert np.isclose(heights, bound).any()
            assert np.isclose(heights, numbers["value"]).any()
        dots = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"]
        assert dots == NUMBERS["all"]["UT/UT"][kind]["median"]["interval"]


def test_groups_of_few_images_are_points_and_empty_ones_are_left_out():
    share = np.where(np.arange(60) < 3, 0.5, STUDY.masked_share.clip(0, 0.1))
    groups = share_groups(share, "0.05 0.15 0.35")
    study = type(STUDY)(STUDY.names, share, STUDY.trials)
    figure = group_figure(study, groups, judged(study, SMALL)["groups"])
    labels = [label.get_text().split("\n") for label in figure.axes[0].get_xticklabels()]
    assert [one[0] for one in labels] == ["0 to 5 %", "5 to 15 %", "over 35 %"]
    assert labels[2][1] == "3 images"
    for axes in figure.axes:
        assert len(axes.patches) == 2 * 4
        assert [len(one.get_offsets()) for one in axes.collections] == [6] * 4


def test_maps_stand_beside_their_image_and_an_empty_one_is_dark():
    figure = saliency_figure(rows())
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["image", "plain, position", "masked, position"]
    image, plain, empty = (np.asarray(axes.images[0].get_array()) for axes in figure.axes)
    assert image.shape == (20, 30, 3) and (plain >= 0).all() and plain.any()
    assert not empty.any()
    assert all(axes.collections for axes in figure.axes), "outlines of the mask"


def test_the_page_has_its_verdict_tables_figures_and_doubts(tmp_path):
    looks = {
        "seq1/0.png": {
            words: Saliency(values, 2.0, gap, 0.5)
            for (words, values), gap in zip(rows()[0].maps.items(), (0.01, 0.4), strict=True)
        }
    }
    config = SaliencyConfig(largest_gap=0.05, samples=30)
    look = look_of(rows(), looks, config, "saliency.")
    assert [line[2] for line in look.lines] == ["25.0 %"] * 2
    assert [line[-2] for line in look.lines] == ["0.50 %", "20.00 %"]
    every = np.abs(rows()[0].maps["plain, position"]).sum()
    assert look.lines[0][-1] == f"{1 / every:.3f} %" and look.lines[1][-1] == "nan %"
    assert "1 of 2 maps" in look.doubts[0] and "(saliency.samples=120) halve" in look.doubts[0]
    write_study(tmp_path / "a.html", STUDY, NUMBERS, SMALL, look, ["googlenet", "mobile"])
    page = (tmp_path / "a.html").read_text()
    median = NUMBERS["all"]["MT/MT"]["position"]["median"]["value"]
    for text in (
        verdict(NUMBERS), f"{median:.2f} m", "60 test images, 2 networks", "1 of 2 maps",
        "What the paper has for googlenet", "0.93 m",
    ):  # fmt: skip
        assert text in page
    assert page.count("<img") == 4
    assert "mobile, on" not in page
    write_study(tmp_path / "b.html", STUDY, NUMBERS, SMALL)
    assert (tmp_path / "b.html").read_text().count("<img") == 3


def test_advice_on_gaps_names_samples_and_steps_only_where_they_are_few():
    looks = {"seq1/0.png": {
        words: Saliency(np.full((20, 30), 0.1), 2.0, 0.3, 0.5) for words in rows()[0].maps
    }}  # fmt: skip
    (said,) = look_of(rows(), looks, SaliencyConfig()).doubts
    assert "more than 1 % (at most 0.5 % of all contributions)" in said
    assert "(samples=140) halve it" in said and "steps" not in said
    for config in (SaliencyConfig(steps=10), SaliencyConfig(rule="riemann_right")):
        (said,) = look_of(rows(), looks, config, "saliency.").doubts
        assert "saliency.steps=40 and saliency.rule=gausslegendre miss less" in said
    assert not look_of(rows(), looks, SaliencyConfig(largest_gap=0.2)).doubts


def test_one_guess_is_a_row_and_networks_no_better_take_the_verdict():
    study = study_of(count=60, seeds=2, guess=1.0)
    numbers = judged(study, SMALL)
    table = error_table(numbers)[1]
    assert [row[0] for row in table] == [*COMBINATIONS, "one guess"]
    assert table[-1][1].startswith(f"{np.median(study.guess['position']):.2f} m\n")
    assert verdict(numbers).startswith("No verdict on masks, as networks learned too little. ")
    assert len(error_table(NUMBERS)[1]) == 4 and verdict(NUMBERS).startswith("Masks in training")


def test_what_has_no_interval_has_a_dash(tmp_path):
    study = study_of(count=8, seeds=2)
    numbers = judged(study, SMALL)
    assert error_table(numbers)[1][0][1].endswith(" m\n–")
    assert difference_table(numbers["all"])[1][0][-1] == "–"
    assert verdict(numbers).count("not told from chance by so few images") == 2
    write_study(tmp_path / "a.html", study, numbers, SMALL)
    assert "8 test images are fewer than" in (tmp_path / "a.html").read_text()


def test_the_table_of_groups_has_medians_and_what_differs_image_by_image():
    header, rows = group_table(NUMBERS, "rotation")
    assert header[-1] == "MT/MT less UT/UT" and len(header) == len(rows[0]) == len(rows[-1])
    for row, (label, group) in zip(rows[:-1], NUMBERS["groups"].items(), strict=True):
        assert row[:2] == [label, str(group["images"])]
        own = group["MT/MT"]["rotation"]
        assert row[5].startswith(f"{own['median']['value']:.2f}°")
        assert row[-1].startswith(f"{own['against']['paired']['value']:+.2f}°")
    assert rows[-1][0] == "rank correlation" and rows[-1][-1] == ""


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.4, "error smaller"), (2.5, "error larger"), (1.0, "by no more than chance")],
)
def test_the_verdict_says_what_the_interval_of_the_difference_says(factor, words):
    assert verdict(judged(study_of(factor), SMALL)).count(words) == 2
