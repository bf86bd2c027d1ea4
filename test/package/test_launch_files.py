"""The launch files give the nodes what was asked for, and nothing of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semloc_ros.config import (
    DynamicConfig,
    LabellerConfig,
    LocalizerNodeConfig,
    PropagationConfig,
    ReplayConfig,
    RetrieverConfig,
    SlamBridgeNodeConfig,
)
from semloc_ros.config.backends import BackendConfig
from semloc_ros.options import describe, flatten

pytest.importorskip("rclpy", reason="needs ROS 2")
pytest.importorskip("launch_ros", reason="needs ROS 2")

Launched = Callable[..., dict[str, Any]]


def own_arguments(seen: list[Any]) -> list[str]:
    """What stands before the words for ROS."""
    words: list[str] = seen[3]
    return words[: words.index("--ros-args")] if "--ros-args" in words else words


def test_nothing_given_means_the_defaults_of_config(launched: Launched) -> None:
    name, values, topics, _ = launched("localize.launch.py")["localizer"]
    assert name == "/localizer"
    assert values == flatten(LocalizerNodeConfig())
    names = ("image", "camera_info", "odom", "mask", "labels", "places", "correspondences")
    assert topics == [f"/{name}" for name in names]


def test_command_line_wins_over_the_file_which_wins_over_the_defaults(
    launched: Launched, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("/**: {ros__parameters: {seed: 5, pnp: {min_inliers: 40}, map: from_file}}")
    words = ["pnp.min_inliers:=50", "tf_rate:=25", "map_frame:=007", f"config:={file}"]
    _, values, _, _ = launched("localize.launch.py", *words)["localizer"]
    assert (values["seed"], values["map"]) == (5, "from_file")
    assert values["pnp.min_inliers"] == 50
    assert values["tf_rate"] == 25
    assert values["map_frame"] == "007"


def test_namespace_topics_and_time(launched: Launched) -> None:
    words = ["namespace:=robot", "image_topic:=/cam/image", "odom_topic:=odometry"]
    seen = launched("localize.launch.py", *words, "use_sim_time:=true", "seed:=3")["localizer"]
    name, values, topics, _ = seen
    assert name == "/robot/localizer"
    kinds = ("camera_info", "odometry", "mask", "labels", "places", "correspondences")
    assert topics == ["/cam/image", *(f"/robot/{name}" for name in kinds)]
    assert values["use_sim_time"] is True
    assert values["seed"] == 3


def test_missing_config_file_is_said(launched: Launched) -> None:
    shown = launched("localize.launch.py", "config:=/no/such.yaml")
    assert "config: expected a yaml file, got /no/such.yaml" in shown["shown"]
    assert "localizer" not in shown


def test_show_args_lists_every_option(launched: Launched) -> None:
    shown = launched("replay.launch.py", "--show-args")["shown"]
    kinds = (
        (LocalizerNodeConfig, ""), (ReplayConfig, ""), (LabellerConfig, "labeller."),
        (DynamicConfig, "dynamic."), (PropagationConfig, "propagation."),
        (BackendConfig, "regressor."),
    )  # fmt: skip
    for kind, prefix in kinds:
        for one in describe(kind, prefix):
            assert f"'{one.name}':" in shown
            assert one.help in shown
    for one in describe(RetrieverConfig, "retriever."):
        assert (f"'{one.name}':" in shown) == (one.name != "retriever.models")
    assert "'places_model':" in shown and "'pose_model':" in shown


def test_replay_plays_localizes_and_records(launched: Launched) -> None:
    words = ["bag:=/bags/drive", "map:=/maps/office", "out:=answers", "rate:=2.0", "loop:=true"]
    words += ["camera_info_topic:=/cam/info", "image_transport:=compressed"]
    seen = launched("replay.launch.py", *words, nodes=3)
    _, values, topics, _ = seen["localizer"]
    assert (values["map"], values["image_transport"]) == ("/maps/office", "compressed")
    assert values["use_sim_time"] is True
    assert topics[1] == "/cam/info"
    _, values, topics, _ = seen["recorder"]
    assert values == {"out": "answers", "use_sim_time": True}
    assert topics[1] == "/cam/info"
    arguments = own_arguments(seen["replay"])
    assert arguments[:4] == ["/bags/drive", "--rate", "2.0", "--loop"]
    assert arguments[4:] == ["--wait-for", "/image,/cam/info=2", "--play-unheard"]


def test_replay_without_a_folder_records_nothing(launched: Launched) -> None:
    seen = launched("replay.launch.py", "bag:=/bags/drive", nodes=2)
    assert "recorder" not in seen and "localizer" in seen
    waiting = ["--wait-for", "/image", "--play-unheard"]
    assert own_arguments(seen["replay"]) == ["/bags/drive", *waiting]


def test_replay_waits_for_the_localizer_of_a_namespace(launched: Launched) -> None:
    words = ["bag:=/bags/drive", "namespace:=robot", "image_topic:=left"]
    seen = launched("replay.launch.py", *words, nodes=2)
    assert own_arguments(seen["replay"])[2] == "/robot/left"


def test_replay_waits_for_the_segmenter_too(launched: Launched) -> None:
    words = ["bag:=/bags/drive", "labels_model:=street_fgsn"]
    seen = launched("replay.launch.py", *words, nodes=3)
    assert own_arguments(seen["replay"])[2] == "/image=2"
    assert seen["fgsn_segmenter"][1]["use_sim_time"] is True


def test_replay_waits_as_told(launched: Launched) -> None:
    seen = launched("replay.launch.py", "bag:=/bags/drive", "wait_for:=/words", nodes=2)
    assert own_arguments(seen["replay"]) == ["/bags/drive", "--wait-for", "/words"]


def test_faults_go_between_the_topics_and_the_localizer(launched: Launched) -> None:
    words = ["inject:=drop=0.2 kidnap@40s", "namespace:=robot", "odom_topic:=/wheels", "seed:=3"]
    words += ["image_topic:=/cam/image/compressed", "image_transport:=compressed"]
    seen = launched("localize.launch.py", *words, nodes=2)
    name, values, topics, _ = seen["fault_injector"]
    assert name == "/robot/fault_injector"
    given = {"inject": "drop=0.2 kidnap@40s", "image_transport": "compressed", "seed": 3}
    assert values == given
    assert topics[:3] == ["/cam/image/compressed", "/robot/camera_info", "/wheels"]
    kinds = ("mask", "labels", "places", "correspondences")
    assert topics[3:] == [f"/robot/{name}" for name in kinds]
    _, values, topics, _ = seen["localizer"]
    names = ("image", "camera_info", "odom", *kinds)
    assert topics == [f"/robot/fault_injector/{name}" for name in names]
    assert values["seed"] == 3


def test_a_model_of_labels_starts_the_segmenter(launched: Launched) -> None:
    words = ["labels_model:=street_fgsn", "labeller.device:=cpu", "labeller.threads:=2"]
    words += ["namespace:=robot", "image_topic:=/cam/image", "image_transport:=compressed"]
    seen = launched("localize.launch.py", *words, nodes=2)
    name, values, topics, _ = seen["fgsn_segmenter"]
    assert name == "/robot/fgsn_segmenter"
    options = {"labeller.device": "cpu", "labeller.threads": 2}
    assert values == {**options, "model": "street_fgsn", "image_transport": "compressed"}
    assert topics[0] == "/cam/image"
    assert seen["localizer"][2][4] == "/robot/fgsn_segmenter/labels"


def test_faults_get_the_labels_of_a_model(launched: Launched) -> None:
    words = ["labels_model:=street_fgsn", "inject:=labels=0.2", "image_topic:=/cam/image"]
    seen = launched("localize.launch.py", *words, nodes=3)
    assert seen["fgsn_segmenter"][2][0] == "/cam/image"
    assert seen["fault_injector"][2][4] == "/fgsn_segmenter/labels"
    assert seen["localizer"][2][4] == "/fault_injector/labels"


def test_labels_come_from_one_source(launched: Launched) -> None:
    seen = launched("localize.launch.py", "labels_model:=street_fgsn", "labels_topic:=/labels")
    assert "labels_topic: expected none beside labels_model, got both" in seen["shown"]
    assert list(seen) == ["shown"]


def test_a_model_of_masks_starts_the_dynamic_segmenter(launched: Launched) -> None:
    words = ["masks_model:=street_masks", "dynamic.device:=cpu", "propagation.max_age:=0.5"]
    words += ["network_nice:=5", "namespace:=robot", "image_topic:=/cam/image", "inject:=drop"]
    seen = launched("localize.launch.py", *words, nodes=3)
    name, values, topics, _ = seen["dynamic_segmenter"]
    assert name == "/robot/dynamic_segmenter"
    options = {"dynamic.device": "cpu", "propagation.max_age": 0.5, "network_nice": 5}
    assert values == {**options, "model": "street_masks"}
    assert topics[0] == "/cam/image", "as before the faults"
    assert seen["fault_injector"][2][3] == "/robot/dynamic_segmenter/mask"
    assert seen["localizer"][2][3] == "/robot/fault_injector/mask"
    assert "network_nice" not in seen["localizer"][1]


def test_masks_come_from_one_source(launched: Launched) -> None:
    seen = launched("localize.launch.py", "masks_model:=street_masks", "mask_topic:=/mask")
    assert "mask_topic: expected none beside masks_model, got both" in seen["shown"]
    assert list(seen) == ["shown"]


def test_the_retriever_gets_the_masks_of_a_model(launched: Launched) -> None:
    words = ["bag:=/bags/drive", "masks_model:=street_masks", "places_model:=street"]
    seen = launched("replay.launch.py", *words, nodes=4)
    assert seen["place_retriever"][2][3] == "/dynamic_segmenter/mask"
    assert own_arguments(seen["replay"])[2] == "/image=3"


def test_models_of_places_start_the_retriever(launched: Launched) -> None:
    words = ["places_model:=street,street_labels", "retriever.count:=5", "map:=/maps/street"]
    words += ["retriever.sequence.length_m:=30", "namespace:=robot", "image_topic:=/cam/image"]
    words += ["odom_topic:=/wheels", "mask_topic:=mask", "labels_topic:=/labels", "odometry:=tf"]
    seen = launched("localize.launch.py", *words, "map_frame:=street", nodes=2)
    name, values, topics, _ = seen["place_retriever"]
    assert name == "/robot/place_retriever"
    assert values == {
        "retriever.models": "street,street_labels", "retriever.count": 5,
        "retriever.sequence.length_m": 30, "map": "/maps/street", "map_frame": "street",
        "odometry": "tf",
    }  # fmt: skip
    assert topics[0] == "/cam/image" and topics[2:5] == ["/wheels", "/robot/mask", "/labels"]
    assert seen["localizer"][2][5] == "/robot/place_retriever/places"
    assert "retriever.count" not in seen["localizer"][1]


def test_the_retriever_gets_the_labels_of_a_model(launched: Launched) -> None:
    words = ["bag:=/bags/drive", "labels_model:=street_fgsn", "places_model:=street_labels"]
    seen = launched("replay.launch.py", *words, "inject:=drop", nodes=5)
    _, values, topics, _ = seen["place_retriever"]
    assert values["use_sim_time"] is True
    assert (topics[0], topics[4]) == ("/image", "/fgsn_segmenter/labels"), "as before the faults"
    assert seen["fault_injector"][2][4:6] == ["/fgsn_segmenter/labels", "/place_retriever/places"]
    assert seen["localizer"][2][5] == "/fault_injector/places"
    assert own_arguments(seen["replay"])[2] == "/image=3"


def test_a_model_of_poses_starts_the_regressor(launched: Launched) -> None:
    words = ["pose_model:=street_pose", "regressor.device:=cpu", "map:=/maps/street"]
    words += ["inject:=drop", "masks_model:=street_masks", "namespace:=robot"]
    words += ["image_topic:=/cam/image"]
    seen = launched("localize.launch.py", *words, "map_frame:=street", nodes=4)
    name, values, topics, _ = seen["pose_regressor"]
    assert name == "/robot/pose_regressor"
    assert values == {
        "model": "street_pose", "regressor.device": "cpu", "map": "/maps/street",
        "map_frame": "street",
    }  # fmt: skip
    assert topics[0] == "/cam/image", "as before the faults"
    assert topics[3] == "/robot/dynamic_segmenter/mask"
    assert seen["fault_injector"][2][5] == "/robot/pose_regressor/places"
    assert seen["localizer"][2][5] == "/robot/fault_injector/places"
    assert "regressor.device" not in seen["localizer"][1]


def test_a_model_of_objects_starts_the_matcher(launched: Launched) -> None:
    words = ["objects_model:=museum", "ooi.matcher:=features", "map:=/maps/museum", "inject:=drop"]
    words += ["masks_model:=street_masks", "namespace:=robot", "image_topic:=/cam/image"]
    words += ["camera_info_topic:=/cam/info"]
    seen = launched("localize.launch.py", *words, "map_frame:=museum", nodes=4)
    name, values, topics, _ = seen["ooi_matcher"]
    assert name == "/robot/ooi_matcher"
    assert values == {
        "model": "museum", "ooi.matcher": "features", "map": "/maps/museum", "map_frame": "museum",
    }  # fmt: skip
    assert topics[:2] == ["/cam/image", "/cam/info"], "as before the faults"
    assert topics[3] == "/robot/dynamic_segmenter/mask"
    assert seen["fault_injector"][2][6] == "/robot/ooi_matcher/correspondences"
    assert seen["localizer"][2][6] == "/robot/fault_injector/correspondences"
    assert "ooi.matcher" not in seen["localizer"][1]


def test_matches_of_objects_come_from_one_source(launched: Launched) -> None:
    words = ["objects_model:=museum", "correspondences_topic:=/matches"]
    seen = launched("localize.launch.py", *words)
    wanted = "correspondences_topic: expected none beside objects_model, got both"
    assert wanted in seen["shown"] and list(seen) == ["shown"]


@pytest.mark.parametrize(
    ("other", "line"),
    [
        ("places_model:=street", "pose_model: expected none beside places_model, got both"),
        ("places_topic:=/places", "places_topic: expected none beside pose_model, got both"),
    ],
)
def test_poses_of_a_model_are_the_only_places(launched: Launched, other: str, line: str) -> None:
    seen = launched("localize.launch.py", "pose_model:=street_pose", other)
    assert line in seen["shown"]
    assert list(seen) == ["shown"]


def test_places_come_from_one_source(launched: Launched) -> None:
    seen = launched("localize.launch.py", "places_topic:=/places")
    assert seen["localizer"][2][5] == "/places"
    seen = launched("localize.launch.py", "places_model:=street", "places_topic:=/places")
    assert "places_topic: expected none beside places_model, got both" in seen["shown"]
    assert list(seen) == ["shown"]


@pytest.mark.parametrize("fault", ["drop", "drop clockjump@20=3"])
def test_replay_with_faults(launched: Launched, fault: str) -> None:
    words = ["bag:=/bags/drive", "out:=answers", f"inject:={fault}", "camera_info_topic:=/cam/info"]
    seen = launched("replay.launch.py", *words, nodes=4)
    _, values, topics, arguments = seen["fault_injector"]
    assert values["use_sim_time"] is True and values["inject"] == fault
    assert values["camera_info_listeners"] == 2, "localizer and recorder"
    assert topics[1] == "/cam/info"
    assert seen["recorder"][2][1] == seen["localizer"][2][1] == "/fault_injector/camera_info"
    own = own_arguments(seen["replay"])
    waiting = ["--wait-for", "/image,/cam/info=1", "--play-unheard"]
    clock = ["--remap", "/clock:=/recorded_clock"] if "clockjump" in fault else []
    assert own == ["/bags/drive", *clock, *waiting]
    assert ("~/clock:=/clock" in arguments) == ("/clock:=/recorded_clock" in arguments)
    assert ("~/clock:=/clock" in arguments) == ("clockjump" in fault)


@pytest.mark.parametrize(
    ("inject", "said"),
    [
        ("blur dorp=0.2", "inject: 'dorp': unknown fault, did you mean drop?"),
        ("clockjump", "inject: clockjump: expected use_sim_time and clock_topic, got none"),
    ],
)
def test_faults_that_are_none_start_nothing(launched: Launched, inject: str, said: str) -> None:
    seen = launched("localize.launch.py", f"inject:={inject}")
    assert said in seen["shown"] and list(seen) == ["shown"]


def test_the_slam_bridge_gets_what_was_given_and_nothing_else(launched: Launched) -> None:
    file = "slam_bridge.launch.py"
    name, values, topics, _ = launched(file)["slam_bridge"]
    assert name == "/slam_bridge" and values == {}
    words = ["namespace:=robot", "body_frame:=eye", "image_topic:=/cam"]
    words += ["mask_topic:=net/mask", "tf_rate:=30", "use_sim_time:=true"]
    seen = launched(file, *words, "alignment.known_scale:=true")
    name, values, topics, _ = seen["slam_bridge"]
    assert name == "/robot/slam_bridge"
    assert values == {
        "body_frame": "eye", "alignment.known_scale": True, "tf_rate": 30, "use_sim_time": True,
    }
    assert (topics[0], topics[3]) == ("/cam", "/robot/net/mask")
    shown = launched(file, "--show-args")["shown"]
    for one in describe(SlamBridgeNodeConfig):
        assert f"'{one.name}':" in shown and one.help in shown
    shown = launched(file, "config:=/no/such.yaml")
    assert "config: expected a yaml file, got /no/such.yaml" in shown["shown"]
