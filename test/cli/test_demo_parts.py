from __future__ import annotations

import os
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from semloc_ros.cli import demo, demo_ablation, demo_map, demo_nodes
from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.cli.demo import goals_of
from semloc_ros.cli.demo_nodes import private_graph
from semloc_ros.cli.main import app
from semloc_ros.config import (
    DemoConfig,
    DemoGalleryConfig,
    DemoNodesConfig,
    EvaluateConfig,
    GalleryConfig,
    GoalsConfig,
    LocalizerNodeConfig,
)
from semloc_ros.errors import ConfigError, ModelError
from semloc_ros.evaluation.ablation import configured
from semloc_ros.evaluation.goals import Outcome, check_goals
from semloc_ros.options import from_mapping
from semloc_ros.worlds.gallery.changes import State
from semloc_ros.worlds.gallery.layout import build_gallery

GOOD = {
    "availability": 1.0, "position_median_m": 0.001, "rotation_median_deg": 0.01,
    "position_max_tracking_m": 0.01, "tf_rate_hz": 40.0, "coverage95": 0.95,
    "false_fix_rate": 0.0, "poses_without_truth": 0, "tf_coverage": 0.98,
    "tf_position_median_m": 0.01, "tf_max_gap_s": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("availability", 0.979), ("position_median_m", 0.021), ("rotation_median_deg", 0.21),
        ("position_max_tracking_m", 0.21), ("tf_rate_hz", 19.9), ("coverage95", 0.89),
        ("coverage95", 0.995), ("position_median_m", None), ("false_fix_rate", 1e-3),
        ("false_fix_rate", None), ("poses_without_truth", 1), ("tf_coverage", 0.5),
        ("tf_position_median_m", 0.06), ("tf_position_median_m", None), ("tf_max_gap_s", 1.5),
    ],
)  # fmt: skip
def test_each_goal_can_be_missed_alone(key: str, value: float | None) -> None:
    goals = goals_of(GoalsConfig())
    assert all(one.ok for one in check_goals(GOOD, goals))
    missed = [one.goal.key for one in check_goals(GOOD | {key: value}, goals) if not one.ok]
    assert missed == [key]


@pytest.mark.parametrize(("bound", "code"), [("0.02", 0), ("1e-9", 1)])
def test_one_missed_goal_makes_the_exit_code_1(
    bound: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command as a user calls it; only the run itself is replaced, by its metrics."""

    def run(config: DemoConfig, out: Path) -> list[Outcome]:
        return check_goals(GOOD, goals_of(config.goals))

    monkeypatch.setattr(demo, "run_demo", run)
    monkeypatch.setattr(demo, "end_like_ctrl_c", lambda: None)
    words = ["demo", "--out", str(tmp_path), "--set", f"goals.max_position_median_m={bound}"]
    assert CliRunner().invoke(app, words).exit_code == code


def test_the_demo_keeps_away_from_the_robot_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = 1 + (os.getpid() - 1) % 100
    for domain in ("", "0", "42", str(own)):
        monkeypatch.setenv("ROS_DOMAIN_ID", domain)
        monkeypatch.setenv("ROS_LOCALHOST_ONLY", "0")
        environ = private_graph(DemoConfig(), tmp_path)
        assert environ["ROS_DOMAIN_ID"] not in (domain, "0", "")
        assert 1 <= int(environ["ROS_DOMAIN_ID"]) <= 101
        assert environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
        assert "ROS_LOCALHOST_ONLY" not in environ
    assert private_graph(DemoConfig(domain=7), tmp_path)["ROS_DOMAIN_ID"] == "7"


def test_options_are_set_by_dotted_names() -> None:
    config = from_mapping(DemoConfig, parse_assignments(["world.columns=3", "domain=9"]))
    assert (config.world.columns, config.domain) == (3, 9)
    for nothing in ("nodes.labels_model=", "nodes.labels_model=''"):
        left_out = from_mapping(DemoConfig, parse_assignments([nothing]))
        assert left_out.nodes.labels_model == ""
    with pytest.raises(ConfigError, match="--set: expected NAME=VALUE, got domain"):
        parse_assignments(["domain"])
    with pytest.raises(ConfigError, match=r"did you mean world\.columns"):
        from_mapping(DemoConfig, parse_assignments(["world.colums=3"]))


ALL = DemoNodesConfig(objects_model="objects.safetensors")
NONE = DemoNodesConfig("", "", "", "")


def test_the_replay_waits_for_every_node_that_was_asked_for() -> None:
    heard = demo_nodes.heard
    assert heard(ALL) == "/camera/image_raw/compressed=5,/camera/camera_info=3,/odom"
    assert heard(NONE) == "/camera/image_raw/compressed=1,/camera/camera_info=2,/odom"
    assert heard(replace(ALL, objects_model="")).split(",")[1] == "/camera/camera_info=2"


def test_the_launch_file_gets_the_models_and_their_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_nodes, "ros2", lambda: "ros2")
    words = demo_nodes.launch(DemoConfig(nodes=ALL), tmp_path)
    assert words[:4] == ["ros2", "launch", "semloc_ros", "localize.launch.py"]
    given = dict(word.split(":=") for word in words[4:])
    assert given["objects_model"] == "objects.safetensors"
    assert given["masks_model"] == "dynamic_worlds"
    assert given["ooi.threads"] == given["dynamic.threads"] == given["labeller.threads"] == "1"
    assert given["objects_wait_ms"] == given["labels_wait_ms"] == "600.0"
    alone = {word.split(":=")[0] for word in demo_nodes.launch(DemoConfig(nodes=NONE), tmp_path)}
    assert not {name for name in alone if name.endswith(("_model", ".threads"))}


@pytest.mark.parametrize(("rate", "wait_ms"), [(0.8, 750.0), (0.1, 1000.0), (2.0, 300.0)])
def test_at_a_slow_pace_the_localizer_waits_longer_but_takes_the_option(
    rate: float, wait_ms: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_nodes, "ros2", lambda: "ros2")
    words = demo_nodes.launch(DemoConfig(rate=rate), tmp_path)
    given = dict(word.split(":=") for word in words[4:])
    for name in ("labels_wait_ms", "objects_wait_ms"):
        assert float(given[name]) == pytest.approx(wait_ms)
        from_mapping(LocalizerNodeConfig, {name: float(given[name])})


def test_objects_take_part_unless_they_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_nodes, "ros2", lambda: "ros2")
    usual = DemoConfig()
    assert "objects_model:=objects_gallery" in demo_nodes.launch(usual, tmp_path)
    variants = demo_ablation.variants_of(demo_nodes.started(usual.nodes))
    assert {"no_objects", "objects_alone"} <= set(variants)
    without = replace(usual.nodes, objects_model="")
    assert not {"no_objects", "objects_alone"} & set(
        demo_ablation.variants_of(demo_nodes.started(without))
    )


def test_each_part_is_left_out_once_and_the_variants_differ() -> None:
    beside = demo_nodes.started(ALL)
    variants = demo_ablation.variants_of(beside)
    parts = {"no_masks", "no_labels", "no_places", "no_objects", "no_odometry"}
    alone = {"features_alone", "objects_alone", "labels_alone"}
    assert set(variants) == {"all"} | parts | alone
    runs = configured(variants, EvaluateConfig())
    gets = {name: one.gets for name, one in runs.items()}
    assert not (gets["no_masks"].mask or gets["features_alone"].objects)
    assert gets["objects_alone"].objects and not gets["objects_alone"].labels
    assert gets["all"] == EvaluateConfig().gets
    assert runs["labels_alone"].method == "pfsl"
    few = runs["objects_alone"]
    assert 2 * few.features.max_features <= few.pnp.min_inliers, "features alone give no pose"
    assert runs["all"].pnp.min_inliers < few.pnp.min_inliers
    without = demo_ablation.variants_of(demo_nodes.started(NONE))
    assert set(without) == {"all", "no_odometry"}


@pytest.mark.parametrize(
    ("option", "name", "line"),
    [
        ("labels_model", "fgsn_galery_50", "nodes.labels_model: .*did you mean fgsn_gallery_50"),
        ("objects_model", "/no/such.safetensors", "nodes.objects_model: .*/no/such.safetensors"),
        ("objects_model", "dynamic_worlds", "nodes.objects_model: .*expected a model of objects"),
        ("places_model", "gradients,nothing", "nodes.places_model: .*nothing"),
    ],
)
def test_a_missing_or_wrong_model_is_one_line_before_anything_is_rendered(
    option: str, name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(config: DemoConfig, folder: Path) -> bool:
        raise AssertionError("rendered")

    monkeypatch.setattr(demo_map, "make_world", never)
    monkeypatch.setattr(demo, "end_like_ctrl_c", lambda: None)
    words = ["demo", "--out", str(tmp_path / "out"), "--set", f"nodes.{option}={name}"]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, ModelError)
    assert re.search(line, str(result.exception))
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 5), ("columns", 3), ("room_width_m", 9.5), ("room_depth_m", 6.0),
        ("room_height_m", 3.0), ("texel_mm", 8.0), ("paintings", 41), ("paintings_per_room", 10),
        ("duplicated_posters", 1),
    ],
)  # fmt: skip
def test_pictures_that_the_shipped_model_never_saw_are_refused_before_rendering(
    name: str, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names 000001 … are those of every gallery: nothing else would tell."""
    monkeypatch.setattr(demo_map, "make_world", lambda *_: pytest.fail("rendered"))
    monkeypatch.setattr(demo, "end_like_ctrl_c", lambda: None)
    words = ["demo", "--out", str(tmp_path / "out"), "--set", f"world.{name}={value}"]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, ConfigError)
    line = str(result.exception)
    assert re.match(rf"world\.{name}: expected .* objects_gallery knows, got {value}; ", line)
    assert "nodes.objects_model=" in line and "\n" not in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["world.seed=5", "nodes.objects_model="], ["world.seed=5", "nodes.objects_model=a.onnx"],
        ["world.crowd=0", "world.light=night", "world.speed=1.2", "world.mapping_rate=3"],
    ],
)  # fmt: skip
def test_another_gallery_has_no_objects_or_a_model_of_its_own(options: list[str]) -> None:
    demo_map.check_gallery(from_mapping(DemoConfig, parse_assignments(options)))


def test_the_light_and_the_crowd_choose_no_pictures() -> None:
    small = GalleryConfig(texel_mm=50, paintings_per_room=1, room_width_m=5, room_depth_m=5)
    by_day = build_gallery(small, State("day")).paintings
    by_night = build_gallery(small, State("night")).paintings
    for one, other in zip(by_day, by_night, strict=True):
        np.testing.assert_array_equal(one.texture, other.texture)


def test_reference_pictures_of_an_earlier_world_are_not_kept(tmp_path: Path) -> None:
    small = DemoGalleryConfig(
        texel_mm=50, paintings_per_room=1, room_width_m=5, room_depth_m=5, paintings=4
    )
    folder = tmp_path / "objects"
    for seed in (1, 2):
        config = DemoConfig(world=replace(small, seed=seed))
        found = demo_map._hung_objects(config, folder)
    hung = build_gallery(config.world, State("day")).paintings
    assert len(found.objects) == len(hung) == 4
    for one, painting in zip(found.objects, hung, strict=True):
        np.testing.assert_array_equal(one.reference, painting.texture)


def test_the_models_that_come_along_are_found() -> None:
    found = demo_map.check_models(DemoConfig())
    assert {"masks_model dynamic_worlds", "labels_model fgsn_gallery_50"} <= set(found)
    assert demo_map.check_models(DemoConfig(nodes=NONE)) == {}


def test_only_the_demo_has_another_gallery() -> None:
    """That in which the objects were learned, see benchmarks/object_worlds.py."""
    assert (GalleryConfig().seed, GalleryConfig().paintings) == (0, 1000)
    ours, usual = DemoGalleryConfig(), GalleryConfig()
    changed = {
        field.name for field in fields(usual)
        if getattr(ours, field.name) != getattr(usual, field.name)
    }  # fmt: skip
    assert changed == {
        "seed", "room_width_m", "room_depth_m", "paintings_per_room", "paintings", "crowd",
        "mapping_rate", "query_rate",
    }  # fmt: skip
