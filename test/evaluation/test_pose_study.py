"""Numbers of the study of pose networks, against what they are by hand and by other ways."""

import numpy as np
import pytest
from pose_studies import SMALL, study_of
from scipy.spatial.transform import Rotation
from scipy.stats import spearmanr

from semloc_ros.config.pose_study import PoseStudyConfig
from semloc_ros.errors import ConfigError, DatasetError
from semloc_ros.evaluation.pose_errors import (
    COMBINATIONS,
    Study,
    Trial,
    one_guess,
    read_errors,
    write_errors,
)
from semloc_ros.evaluation.pose_study import (
    doubts,
    judged,
    share_bounds,
    share_groups,
    surely,
    unlearned,
)


def doubted(study):
    return doubts(study, judged(study, SMALL), SMALL)


def test_medians_and_means_are_those_of_all_networks_together():
    study = study_of()
    found = judged(study, SMALL)["all"]
    for name in COMBINATIONS:
        errors = study.errors(name, "rotation")
        assert errors.shape == (3, 120)
        numbers = found[name]["rotation"]
        assert numbers["median"]["value"] == pytest.approx(np.median(errors))
        assert numbers["mean"]["value"] == pytest.approx(errors.mean())
        assert numbers["by_model"] == pytest.approx(np.median(errors, axis=1))
        low, high = numbers["median"]["interval"]
        assert low < numbers["median"]["value"] < high


def test_the_bootstrap_is_what_drawing_networks_and_images_one_by_one_gives():
    study = study_of(count=40)
    config = PoseStudyConfig(resamples=4000, block_images=1)
    found = judged(study, config)["all"]["UT/UT"]["position"]
    errors, rng = study.errors("UT/UT", "position"), np.random.default_rng(1)
    drawn = [
        errors[rng.integers(3, size=3)][:, rng.integers(40, size=40)] for _ in range(4000)
    ]
    for name, of in (("median", np.median), ("mean", np.mean)):
        expected = np.quantile([of(one) for one in drawn], [0.025, 0.975])
        assert found[name]["interval"] == pytest.approx(expected, rel=0.03)


def test_larger_blocks_of_neighbours_that_err_alike_make_wider_intervals():
    slow = np.repeat(np.random.default_rng(0).lognormal(0, 0.7, 12), 10)
    trials = [
        Trial(f"{trained}{seed}", trained, tested, slow, slow)
        for trained in (False, True) for seed in range(2) for tested in (False, True)
    ]  # fmt: skip
    study = Study(tuple(f"a/{row:03}" for row in range(120)), np.zeros(120), tuple(trials))
    widths = []
    for block in (1, 10):
        config = PoseStudyConfig(resamples=300, block_images=block)
        low, high = judged(study, config)["all"]["UT/UT"]["position"]["mean"]["interval"]
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]


def test_a_difference_is_found_image_by_image_that_the_intervals_alone_hide():
    found = judged(study_of(factor=0.9), SMALL)["all"]["MT/MT"]["position"]
    assert found["in_first"] is True
    assert found["against"]["mean"]["interval"][1] < 0
    first = judged(study_of(), SMALL)["all"]["UT/UT"]["position"]["mean"]["value"]
    assert found["against"]["mean"]["value"] == pytest.approx(found["mean"]["value"] - first)
    clear = judged(study_of(factor=0.5), SMALL)["all"]["MT/MT"]["position"]
    assert clear["in_first"] is False
    assert clear["against"]["median"]["interval"][1] < 0


def test_networks_are_held_against_each_other_in_pairs_of_one_seed():
    study = study_of(count=40)
    config = PoseStudyConfig(resamples=4000, block_images=1)
    change = judged(study, config)["all"]["MT/UT"]["position"]["against"]
    less = study.errors("MT/UT", "position") - study.errors("UT/UT", "position")
    assert change["paired"]["value"] == pytest.approx(np.median(less))
    assert change["by_pair"] == pytest.approx(np.median(less, axis=1))
    assert change["better"] == pytest.approx((less < 0).mean())
    rng = np.random.default_rng(1)
    drawn = [
        np.median(less[rng.integers(3, size=3)][:, rng.integers(40, size=40)]) for _ in range(4000)
    ]
    expected = np.quantile(drawn, [0.025, 0.975])
    assert change["paired"]["interval"] == pytest.approx(expected, rel=0.1, abs=0.002)


def test_networks_that_are_no_pairs_are_held_each_against_each():
    study = study_of(seeds=3, count=20)
    fewer = tuple(one for one in study.trials if one.model != "masked_2")
    study = Study(study.names, study.masked_share, fewer)
    found = judged(study, SMALL)["all"]
    change = found["MT/MT"]["rotation"]["against"]
    own, first = study.errors("MT/MT", "rotation"), study.errors("UT/UT", "rotation")
    less = [one - other for one in own for other in first]
    assert change["by_pair"] == pytest.approx(np.median(less, axis=1))
    assert change["paired"]["value"] == pytest.approx(np.median(less))


def test_one_pair_of_networks_that_does_not_agree_takes_the_certainty():
    agreed = {"paired": {"value": -2.0, "interval": [-3.0, -1.0]}, "by_pair": [-2.0, -1.5]}
    assert surely(agreed) == "smaller"
    assert surely({**agreed, "by_pair": [-2.0, 0.1]}) == ""
    assert surely({**agreed, "paired": {"value": -1.0, "interval": [-3.0, 0.1]}}) == ""
    assert surely({"paired": {"value": 2.0, "interval": [1.0, 3.0]}, "by_pair": [1.0]}) == "larger"


def test_groups_hold_the_images_of_their_masked_share_and_the_correlation_is_spearmans():
    study = study_of()
    numbers = judged(study, SMALL)
    assert list(numbers["groups"]) == ["0 to 5 %", "5 to 15 %", "15 to 35 %", "over 35 %"]
    assert sum(group["images"] for group in numbers["groups"].values()) == 120
    chosen = (study.masked_share > 0.05) & (study.masked_share <= 0.15)
    group = numbers["groups"]["5 to 15 %"]
    assert group["images"] == chosen.sum()
    errors = study.errors("UT/MT", "position")[:, chosen]
    assert group["UT/MT"]["position"]["median"]["value"] == pytest.approx(np.median(errors))
    rank = numbers["correlation"]["MT/UT"]["rotation"]
    mean = study.errors("MT/UT", "rotation").mean(axis=0)
    assert rank["value"] == pytest.approx(spearmanr(study.masked_share, mean).statistic)
    assert 0 < rank["interval"][0] < rank["value"] < rank["interval"][1]


def test_bounds_of_groups_and_bounds_that_are_none():
    groups = share_groups(np.array([0.0, 0.05, 0.0501, 0.5, 0.9]), "0.05 0.5")
    assert [row.tolist() for row in groups.values()] == [
        [True, True, False, False, False], [False, False, True, True, False], [False] * 4 + [True],
    ]  # fmt: skip
    for text in ("", "0.5 0.2", "0.1 x", "0.0", "0.4 1.0"):
        with pytest.raises(ConfigError, match="masked_shares: expected rising numbers"):
            share_bounds(text)


def test_what_makes_a_study_worthless_is_said():
    assert doubted(study_of()) == []
    (alike,) = doubted(study_of(same=True))
    assert "nothing was masked" in alike
    (single,) = doubted(study_of(seeds=1))
    assert "one network" in single
    study = study_of()
    (bare,) = doubted(Study(study.names, 0 * study.masked_share, study.trials))
    assert "any test image" in bare
    (few,) = doubted(study_of(count=49))
    assert few.startswith("49 test images are fewer than 5 blocks of 10 (block_images): blocks are")
    (none,) = doubted(study_of(count=9))
    assert none.endswith("there are no intervals.") and doubted(study_of(count=50)) == []


def test_networks_that_are_not_clearly_better_than_one_guess_are_doubted():
    assert doubted(study_of(guess=3.0)) == []
    study = study_of(guess=1.05)
    numbers = judged(study, SMALL)
    median = np.median(study.guess["position"])
    assert numbers["guess"]["position"]["median"]["value"] == pytest.approx(median)
    assert numbers["all"]["UT/UT"]["position"]["median"]["value"] < median, "but not clearly"
    assert unlearned(numbers) == ["UT/UT", "MT/MT"]
    assert doubted(study)[0].startswith("Networks of UT/UT (") and f"({median:.2f} m)" in (
        doubted(study)[1]
    )
    (one,) = doubted(study_of(factor=0.3, guess=1.05))
    assert one.startswith("Networks of UT/UT")
    assert unlearned(judged(study_of(count=9, guess=0.5), SMALL)) == ["UT/UT", "MT/MT"]
    assert unlearned(judged(study_of(), SMALL)) == []


def test_one_guess_is_the_median_position_and_the_mean_rotation():
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 0, 3] = [0.0, 1.0, 2.0, 6.0, 20.0]
    turns = np.outer([-20, -10, 0, 10, 20], [0, 0, 1])
    poses[:, :3, :3] = Rotation.from_rotvec(turns, degrees=True).as_matrix()
    found = one_guess(poses)
    assert found["position"] == pytest.approx([2.0, 1.0, 0.0, 4.0, 18.0])
    assert found["rotation"] == pytest.approx([20.0, 10.0, 0.0, 10.0, 20.0], abs=1e-6)


def test_fewer_images_than_a_block_have_no_interval():
    study = study_of()
    share = np.where(np.arange(120) < 9, 0.9, 0.1)
    share[9:19] = 0.3
    numbers = judged(Study(study.names, share, study.trials), SMALL)
    few, enough = numbers["groups"]["over 35 %"], numbers["groups"]["15 to 35 %"]
    assert (few["images"], enough["images"]) == (9, 10)
    own = few["MT/MT"]["position"]
    assert own["median"]["interval"] is own["in_first"] is None
    assert own["against"]["paired"]["interval"] is own["against"]["mean"]["interval"] is None
    assert own["median"]["value"] > 0 and enough["MT/MT"]["position"]["median"]["interval"]
    assert judged(study_of(count=9), SMALL)["correlation"]["UT/UT"]["position"]["interval"] is None


@pytest.mark.parametrize("guess", [None, 2.0])
def test_errors_come_back_from_their_file(tmp_path, guess):
    study = study_of(count=7, guess=guess)
    write_errors(study, tmp_path / "errors.csv")
    found = read_errors(tmp_path / "errors.csv")
    assert found.names == study.names
    assert found.masked_share == pytest.approx(study.masked_share)
    for name in COMBINATIONS:
        assert found.models(name) == study.models(name)
        assert found.errors(name, "rotation") == pytest.approx(study.errors(name, "rotation"))
    if guess is None:
        assert found.guess is None
    else:
        assert found.guess["position"] == pytest.approx(study.guess["position"])
        assert found.guess["rotation"] == pytest.approx(study.guess["rotation"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[1:], "expected the columns training"),
        (lambda lines: [*lines[:3], "unmasked,a,masked,x.png,0.1,far,1"], "errors.csv:4: expected"),
        (lambda lines: [*lines[:3], "both,a,masked,x.png,0.1,1,1"], "errors.csv:4: expected"),
        (lambda lines: [*lines[:3], "none,a,none,x.png,0.1,1,1"], "errors.csv:4: expected"),
        (lambda lines: [*lines, "none,one guess,none,x.png,0.1,1,1"], "expected the same images"),
        (lambda lines: [*lines[:3], lines[3].rpartition(",")[0]], "errors.csv:4: expected"),
        (lambda lines: [*lines[:3], "unmasked,a,masked,x.png,7,1,1"], "a share of 0 to 1"),
        (lambda lines: [*lines[:3], "unmasked,a,masked,x.png,0.1,-1,1"], "that are not negative"),
        (lambda lines: lines[:-1], "expected the same images"),
        (lambda lines: [one for one in lines if ",plain_0,masked" not in one], "same networks"),
        (lambda lines: [one for one in lines if not one.startswith("masked")], "of MT"),
        (lambda lines: [lines[0]], "of UT"),
    ],
)  # fmt: skip
def test_broken_files_of_errors_are_one_line(tmp_path, change, said):
    path = tmp_path / "errors.csv"
    write_errors(study_of(count=5, seeds=2), path)
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    with pytest.raises(DatasetError, match=said) as error:
        read_errors(path)
    assert "\n" not in str(error.value)
