"""What the figures of places show, read back from their axes."""

import numpy as np

from semloc_ros.evaluation.label_figures import save_figure
from semloc_ros.evaluation.place_figures import pairs_figure, recall_figure
from semloc_ros.evaluation.place_recall import (
    answers_of,
    chance_curves,
    curves_of,
    index_truth,
    perfect_answers,
)

COUNTS, DISTANCES = np.arange(1, 6), np.array([0.0, 1.0, 4.0])


def test_both_curves_of_each_method_chance_and_the_best_there_is(tmp_path):
    truth = index_truth(8, 8, 0)
    right, wrong = np.eye(8), -np.eye(8)
    curves = {
        name: curves_of([answers_of(one, truth)], COUNTS, DISTANCES)
        for name, one in (("right", right), ("wrong", wrong))
    }
    chance = chance_curves([truth], COUNTS, DISTANCES)
    perfect = curves_of([perfect_answers(truth)], COUNTS, DISTANCES)
    figure = recall_figure(curves, chance, perfect, "images")
    left, at = figure.axes
    lines = {line.get_label(): line.get_ydata().tolist() for line in left.lines}
    assert lines["right"] == lines["nearest reference"] == [1.0] * 5
    assert lines["wrong"] == [0.0] * 5
    assert np.allclose(lines["chance"], np.arange(1, 6) / 8)
    assert at.get_xlabel() == "D (images)"
    assert [line.get_ydata()[0] for line in at.lines] == [1.0, 0.0, 1 / 8, 1.0]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["right", "wrong", "chance", "nearest reference"]
    save_figure(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_pairs_of_conditions_are_written_in_percent_and_none_with_itself():
    table = np.array([[np.nan, 0.5], [0.75, np.nan]])
    figure = pairs_figure({"a": table, "b": 1 - table}, ["summer", "night"])
    texts = {(text.get_position(), text.get_text()) for text in figure.axes[0].texts}
    assert texts == {((1, 0), "50"), ((0, 1), "75")}
    assert figure.axes[1].get_title() == "b"
    assert [one.get_text() for one in figure.axes[1].get_yticklabels()] == ["summer", "night"]
