"""The world on disk: what is in the bags, and that it is made once, whole, and always alike."""

import dataclasses
import hashlib
import json
import shutil

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from semloc_ros.errors import ConfigError, DatasetError
from semloc_ros.geometry import se3
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.worlds.recording import recording, shots
from semloc_ros.worlds.recording.frames import NEAR_M, truth_path
from semloc_ros.worlds.recording.gallery import (
    GalleryWorld,
    make_gallery,
    mounted_camera,
    plan_runs,
)

pytestmark = pytest.mark.usefixtures("coarse_light")


@pytest.fixture(scope="module")
def world(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("worlds") / "gallery"
    assert make_gallery(tiny_config, folder, output="both")
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


def stop_after(number):
    """A progress that kills the run after `number` new pictures."""
    begin = []

    def progress(done, total, doing):
        begin.append(done)
        assert begin[0] <= done <= total
        if done - begin[0] == number:
            raise KeyboardInterrupt

    return progress


def test_same_seed_same_bytes_with_any_number_of_threads(
    world, tmp_path, tiny_config, monkeypatch
):
    monkeypatch.setattr(shots, "processors", lambda: 5)
    make_gallery(tiny_config, tmp_path / "again", output="both")
    assert digests(tmp_path / "again") == digests(world)


def test_another_seed_is_another_world(world, tmp_path, tiny_config):
    make_gallery(dataclasses.replace(tiny_config, seed=1), tmp_path / "other")
    for bag in ("mapping/mapping.mcap", "query/query.mcap"):
        assert digests(tmp_path / "other")[bag] != digests(world)[bag]


def test_sqlite3_holds_the_same_messages(world, tmp_path, tiny_config):
    make_gallery(dataclasses.replace(tiny_config, storage="sqlite3"), tmp_path / "sqlite3")
    assert (tmp_path / "sqlite3" / "query" / "query.db3").exists()
    same = list(raw_messages(world / "query"))
    assert len(same) > 300 and all(raw for *_, raw in same)
    assert list(raw_messages(tmp_path / "sqlite3" / "query")) == same


def test_other_wheels_change_nothing_but_odometry(world, tmp_path, tiny_config):
    worse = dataclasses.replace(tiny_config.sensors, odometry_along=0.2, odometry_scale=0.1)
    make_gallery(dataclasses.replace(tiny_config, sensors=worse), tmp_path / "worse")
    for run in ("mapping", "query"):
        pairs = list(
            zip(raw_messages(world / run), raw_messages(tmp_path / "worse" / run), strict=True)
        )
        assert {one[0] for one, other in pairs if one != other} == {"/odom", "/tf"}


def test_the_bag_is_that_of_a_robot(world):
    topics, last = {}, 0
    for topic, time_ns, message in messages(world / "query"):
        assert time_ns >= last, "messages must be in the order of their arrival"
        last = time_ns
        topics.setdefault(topic, []).append((time_ns, message))
    assert {topic: len(found) for topic, found in topics.items()} == {
        "/camera/image_raw/compressed": 5,
        "/camera/camera_info": 5,
        "/imu/data": 200,
        "/odom": 100,
        "/tf": 100,
        "/tf_static": 1,
        "/ground_truth/pose": 105,
    }
    odom, transform = topics["/odom"][7][1], topics["/tf"][7][1].transforms[0]
    assert (odom.header.frame_id, odom.child_frame_id) == ("odom", "base_link")
    assert (transform.header.frame_id, transform.child_frame_id) == ("odom", "base_link")
    assert transform.transform.translation.x == odom.pose.pose.position.x
    mounts = topics["/tf_static"][0][1].transforms
    assert {one.header.frame_id for one in mounts} == {"base_link"}
    assert [one.child_frame_id for one in mounts] == ["camera_optical", "imu_link"]
    imu = topics["/imu/data"][0][1]
    assert imu.header.frame_id == "imu_link" and imu.orientation_covariance[0] == -1
    arrival, image = topics["/camera/image_raw/compressed"][0]
    info = topics["/camera/camera_info"][0][1]
    assert image.header == info.header and image.header.frame_id == "camera_optical"
    assert arrival > stamp_ns(image) > 1_700_000_000 * 10**9
    assert info.distortion_model == "plumb_bob" and info.d.shape == (5,)


def test_bag_and_dataset_folder_tell_the_same(world, tiny_config):
    truths, images = {}, {}
    for topic, _, message in messages(world / "mapping"):
        if topic == "/ground_truth/pose":
            truths[stamp_ns(message)] = message.pose
        elif topic.endswith("compressed"):
            images[stamp_ns(message)] = cv2.imdecode(message.data, cv2.IMREAD_COLOR)[:, :, ::-1]
    records = read_kapture(world / "frames" / "mapping")
    assert [one.stamp_ns for one in records] == list(images)
    mounted = mounted_camera(tiny_config)
    for one in records:
        place, turn = truths[one.stamp_ns].position, truths[one.stamp_ns].orientation
        base = se3.from_quaternion_xyzw(
            [place.x, place.y, place.z], [turn.x, turn.y, turn.z, turn.w]
        )
        pose = se3.inverse(base @ mounted.base_from_camera)
        np.testing.assert_allclose(one.camera_from_map, pose, atol=1e-12)
        np.testing.assert_array_equal(one.read(), images[one.stamp_ns])
        assert dataclasses.astuple(one.camera)[:7] == dataclasses.astuple(mounted.camera)[:7]


def test_files_show_what_the_renderer_saw(world, tiny_config):
    made = GalleryWorld(tiny_config)
    run = made.traversals[0]
    stage, folder = made.stage(run), world / "frames" / "mapping"
    studio = shots.Studio(tiny_config, made.cameras, run, stage)
    seen = studio.render((1, 0))
    truth = {
        kind: cv2.imread(str(truth_path(folder, "camera", 1, kind)), cv2.IMREAD_UNCHANGED)
        for kind in ("depth", "labels", "instances", "motions", "objects")
    }
    np.testing.assert_allclose(65535 * NEAR_M / truth["depth"], seen.depth, rtol=2e-4)
    for kind in ("labels", "instances", "motions"):
        np.testing.assert_array_equal(truth[kind], getattr(seen, kind))
    on = seen.objects > 0
    np.testing.assert_array_equal(truth["objects"][:, :, 2], seen.objects)
    uv = truth["objects"][:, :, 1::-1] / 65535
    np.testing.assert_allclose(uv[on], seen.object_uv[on], atol=1e-5)
    picture = cv2.imread(str(folder / "sensors/records_data/camera/000001.jpg"))[:, :, ::-1]
    ratio = picture.mean(axis=(0, 1)) / np.clip(seen.color, 0, 255).mean(axis=(0, 1))
    assert ratio.max() / ratio.min() < 1.05, "one exposure for all colours"
    error = picture - ratio.mean() * seen.color
    assert np.abs(error)[5:-5, 5:-5].mean() < 12  # vignetting, blur, noise, JPEG


def test_objects_have_their_picture_and_place(world):
    rows = json.loads((world / "frames" / "query" / "objects.json").read_text())
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    for row in rows:
        corners = np.array(row["corners_map"])
        height, width = cv2.imread(str(world / row["image"])).shape[:2]
        across, down = np.linalg.norm(corners[[1, 3]] - corners[0], axis=1)
        assert corners.shape == (4, 3)
        assert abs(width / height - across / down) < 0.05


def test_truth_is_between_the_odometry_and_off_its_clock(tiny_config):
    mapping, query = plan_runs(tiny_config)
    assert not set(query.stamps_ns(query.image_times)) & set(query.stamps_ns(query.odometry_times))
    assert query.start_ns - mapping.start_ns == 86_400 * 10**9


def test_a_world_that_is_there_is_kept(world, tiny_config):
    before = {path: path.stat().st_mtime_ns for path in world.rglob("*")}
    for output in ("both", "bags", "frames"):
        assert not make_gallery(tiny_config, world, output=output)
    assert {path: path.stat().st_mtime_ns for path in world.rglob("*")} == before
    assert json.loads((world / "world.json").read_text())["config"]["seed"] == tiny_config.seed


def test_bags_alone_leave_no_frames(world, tmp_path, tiny_config):
    assert make_gallery(tiny_config, tmp_path / "bags")
    kept = digests(world)
    assert digests(tmp_path / "bags") == {
        name: kept[name] if name != "world.json" else found
        for name, found in digests(tmp_path / "bags").items()
    }
    assert sorted(path.name for path in (tmp_path / "bags").iterdir()) == [
        "mapping", "query", "world.json",
    ]  # fmt: skip


def test_a_killed_run_goes_on_where_it_stopped(world, tmp_path, tiny_config, monkeypatch):
    folder = tmp_path / "gallery"
    with pytest.raises(KeyboardInterrupt):
        make_gallery(tiny_config, folder, stop_after(3), output="both")
    assert not folder.exists()
    there = len(list((tmp_path / "gallery.partial").rglob("*.jpg")))
    assert 3 <= there < 9  # what other threads have in work is finished
    taken, take = [], shots.Studio.take
    monkeypatch.setattr(
        shots.Studio, "take", lambda self, *what: taken.append(what[0]) or take(self, *what)
    )
    assert make_gallery(tiny_config, folder, output="both")
    assert len(taken) == 9 - there, "what is there is not made again"
    assert digests(folder) == digests(world)
    assert [path.name for path in tmp_path.iterdir()] == ["gallery"]


def test_a_killed_bag_is_written_again(world, tmp_path, tiny_config, monkeypatch):
    folder = tmp_path / "gallery"

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("semloc_ros.worlds.recording.bags.RobotBagWriter.inertial", killed)
        with pytest.raises(KeyboardInterrupt):
            make_gallery(tiny_config, folder, output="both")
    assert make_gallery(tiny_config, folder, output="both")
    assert digests(folder) == digests(world)


def test_frames_that_are_there_become_bags(world, tmp_path, tiny_config, monkeypatch):
    folder = tmp_path / "gallery"
    shutil.copytree(world, folder)
    for bag in ("mapping", "query"):
        shutil.rmtree(folder / bag)
    about = json.loads((folder / "world.json").read_text()) | {"outputs": ["frames"]}
    (folder / "world.json").write_text(json.dumps(about))
    assert not make_gallery(tiny_config, folder, output="frames")
    monkeypatch.setattr(shots.Studio, "take", None)
    assert make_gallery(tiny_config, folder, output="bags")
    assert digests(folder) == digests(world)


def test_another_configuration_replaces_a_world(tmp_path, tiny_config):
    folder = tmp_path / "gallery"
    assert make_gallery(dataclasses.replace(tiny_config, longest_run_s=0.5), folder)
    with pytest.raises(KeyboardInterrupt):
        make_gallery(dataclasses.replace(tiny_config, longest_run_s=1.5), folder, stop_after(1))
    assert make_gallery(dataclasses.replace(tiny_config, longest_run_s=1.0), folder)
    with AnyReader([folder / "query"]) as reader:
        assert abs(reader.duration / 1e9 - 1.0) < 0.1


@pytest.mark.parametrize("name", ["gallery", "gallery.partial"])
def test_other_peoples_files_are_not_overwritten(tmp_path, tiny_config, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.tex").write_text("precious")
    with pytest.raises(DatasetError, match="got other files"):
        make_gallery(tiny_config, tmp_path / "gallery")
    assert (tmp_path / name / "thesis.tex").read_text() == "precious"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, tiny_config, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="expected a new folder or a world, got a file"):
        make_gallery(tiny_config, tmp_path / "file")
    with pytest.raises(DatasetError, match="expected a folder that can be written, got Not a dir"):
        make_gallery(tiny_config, tmp_path / "file" / "world")

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("semloc_ros.worlds.recording.folders.write_whole", full)
    with pytest.raises(DatasetError, match="can be written, got No space left on device"):
        make_gallery(tiny_config, tmp_path / "world")


def test_an_unknown_output_is_one_line(tmp_path, tiny_config):
    with pytest.raises(ConfigError, match="output: expected bags or frames or both, got 'bag'"):
        make_gallery(tiny_config, tmp_path / "world", output="bag")


def test_twice_the_time_is_twice_the_pictures_but_not_the_memory(tiny_config, tmp_path):
    """Pictures on their way are bounded, whatever the length of the run."""
    alive, most = [0], [0]

    def work(shot):
        return None

    def counted(number):
        for index in range(number):
            alive[0] += 1
            most[0] = max(most[0], alive[0])
            yield (index, 0)

    for _ in shots.in_threads(work, counted(200)):
        alive[0] -= 1
    assert most[0] <= 2 * shots.processors() + 1
    assert recording.OUTPUTS.keys() == {"bags", "frames", "both"}
