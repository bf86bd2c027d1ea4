"""The world on disk: what is in the bags, and that it is made once, whole, and always alike."""

import dataclasses
import hashlib
import json

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3
from semloc_ros.worlds.gallery.layout import build_gallery
from semloc_ros.worlds.recording import sensors
from semloc_ros.worlds.recording.recording import gallery_renderer, make_gallery, plan_runs


@pytest.fixture(scope="module")
def world(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("worlds") / "gallery"
    assert make_gallery(tiny_config, folder)
    return folder


def messages(bag):
    with AnyReader([bag]) as reader:
        for connection, time_ns, raw in reader.messages():
            yield connection.topic, time_ns, reader.deserialize(raw, connection.msgtype)


def raw_messages(bag):
    with AnyReader([bag]) as reader:
        for connection, time_ns, raw in reader.messages():
            yield connection.topic, connection.msgtype, time_ns, bytes(raw)


def stamp_ns(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_same_seed_same_bytes(world, tmp_path, tiny_config):
    make_gallery(tiny_config, tmp_path / "again")
    assert digests(tmp_path / "again") == digests(world)
    make_gallery(dataclasses.replace(tiny_config, seed=1), tmp_path / "other")
    for bag in ("mapping/mapping.mcap", "query/query.mcap"):
        assert digests(tmp_path / "other")[bag] != digests(world)[bag]


def test_sqlite3_holds_the_same_messages(world, tmp_path, tiny_config):
    make_gallery(dataclasses.replace(tiny_config, storage="sqlite3"), tmp_path / "sqlite3")
    assert (tmp_path / "sqlite3" / "query" / "query.db3").exists()
    same = list(raw_messages(world / "query"))
    assert len(same) > 300 and all(raw for *_, raw in same)
    assert list(raw_messages(tmp_path / "sqlite3" / "query")) == same


def test_the_bag_is_that_of_a_robot(world):
    topics, last = {}, 0
    for topic, time_ns, message in messages(world / "query"):
        assert time_ns >= last, "messages must be in the order of their arrival"
        last = time_ns
        topics.setdefault(topic, []).append((time_ns, message))
    assert {topic: len(found) for topic, found in topics.items()} == {
        "/camera/image_raw/compressed": 5,
        "/camera/camera_info": 5,
        "/odom": 100,
        "/tf": 100,
        "/tf_static": 1,
        "/ground_truth/pose": 105,
    }
    odom, transform = topics["/odom"][7][1], topics["/tf"][7][1].transforms[0]
    assert (odom.header.frame_id, odom.child_frame_id) == ("odom", "base_link")
    assert (transform.header.frame_id, transform.child_frame_id) == ("odom", "base_link")
    assert transform.transform.translation.x == odom.pose.pose.position.x
    mount = topics["/tf_static"][0][1].transforms[0]
    assert (mount.header.frame_id, mount.child_frame_id) == ("base_link", "camera_optical")
    arrival, image = topics["/camera/image_raw/compressed"][0]
    info = topics["/camera/camera_info"][0][1]
    assert image.header == info.header and image.header.frame_id == "camera_optical"
    assert arrival > stamp_ns(image) > 1_700_000_000 * 10**9
    assert info.distortion_model == "plumb_bob" and info.d.shape == (5,)


def test_images_show_what_the_truth_says(world, tiny_config):
    gallery = build_gallery(tiny_config)
    renderer = gallery_renderer(gallery, sensors.camera_of(tiny_config))
    truths, images = {}, {}
    for topic, _, message in messages(world / "mapping"):
        if topic == "/ground_truth/pose":
            truths[stamp_ns(message)] = message.pose
        elif topic.endswith("compressed"):
            images[stamp_ns(message)] = cv2.imdecode(message.data, cv2.IMREAD_COLOR)[:, :, ::-1]
    for stamp, image in images.items():
        place, turn = truths[stamp].position, truths[stamp].orientation
        base = se3.from_quaternion_xyzw(
            [place.x, place.y, place.z], [turn.x, turn.y, turn.z, turn.w]
        )
        pose = se3.inverse(base @ sensors.base_from_camera(tiny_config))
        truth = np.clip(renderer.render(pose).color, 0, 255)
        assert np.abs(image - truth).mean() < 0.06 * truth.mean() + 4  # noise, vignetting, JPEG


def test_truth_is_between_the_odometry_and_off_its_clock(world, tiny_config):
    mapping, query = plan_runs(tiny_config, build_gallery(tiny_config))
    assert not set(query.stamps_ns(query.image_times)) & set(query.stamps_ns(query.odometry_times))
    assert query.start_ns - mapping.start_ns == 86_400 * 10**9


def test_a_world_that_is_there_is_kept(world, tiny_config):
    before = {path: path.stat().st_mtime_ns for path in world.rglob("*")}
    assert not make_gallery(tiny_config, world)
    assert {path: path.stat().st_mtime_ns for path in world.rglob("*")} == before
    assert json.loads((world / "world.json").read_text())["config"]["seed"] == tiny_config.seed


def test_other_peoples_files_are_not_overwritten(tmp_path, tiny_config):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(DatasetError, match="expected a new folder or a world, got other files"):
        make_gallery(tiny_config, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_a_killed_run_leaves_no_half_world(tmp_path, tiny_config):
    def killed(done, total):
        assert 0 < done <= total
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_gallery(tiny_config, tmp_path / "world", killed)
    assert not (tmp_path / "world").exists()
    assert make_gallery(tiny_config, tmp_path / "world"), "the remains must not be in the way"
    changed = dataclasses.replace(tiny_config, longest_run_s=1.0)
    assert make_gallery(changed, tmp_path / "world"), "another configuration replaces a world"
