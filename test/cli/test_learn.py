"""What `semloc learn correspondences` refuses before anything long begins."""

import pytest
from typer.testing import CliRunner

from semloc_ros.cli.learn import app
from semloc_ros.errors import ConfigError, DatasetError


def refused(*arguments):
    result = CliRunner().invoke(app, ["correspondences", *map(str, arguments)])
    assert result.exception is not None
    return result.exception


@pytest.fixture
def bags(tmp_path):
    for name in ("summer", "winter"):
        (tmp_path / name).mkdir()
    return ["--map", tmp_path / "map", "--a", tmp_path / "summer", "--out", tmp_path / "out"]


def test_recordings_need_names_of_their_own(bags, tmp_path):
    fault = refused(*bags, "--b", tmp_path / "other" / "summer")
    assert isinstance(fault, ConfigError)
    assert str(fault) == "--a and --b: expected bags of different names, got summer"


def test_a_folder_in_use_is_left_alone(bags, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("")
    fault = refused(*bags, "--b", tmp_path / "winter")
    assert isinstance(fault, DatasetError)
    assert "out: expected a new folder, got other files" in str(fault)


def test_bags_that_are_none_and_unknown_options_are_one_line(bags, tmp_path):
    fault = refused(*bags, "--b", tmp_path / "winter")
    assert isinstance(fault, DatasetError)
    assert "summer" in str(fault) and "\n" not in str(fault)
    fault = refused(*bags, "--b", tmp_path / "winter", "--set", "distnace_m=1")
    assert isinstance(fault, ConfigError)
    assert "distance_m" in str(fault)
    assert "\n" not in str(fault)
