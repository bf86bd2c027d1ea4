"""Bags as posed images, odometry and poses: known answers, real recordings, broken files."""

import pickle

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin

from semloc_ros.datasets import bags
from semloc_ros.datasets.bag_transforms import interpolate_poses
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3
from semloc_ros.types import Camera

IMAGE, INFO, TRUTH = "/camera/image_raw", "/camera/camera_info", "/ground_truth/pose"
# The camera looks along the robot's x: optical z forward, x right, y down.
MOUNT = ((0.1, 0.0, 0.5), (-0.5, 0.5, -0.5, 0.5))
QUARTER = (0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))


def write_recording(bag, images=(50, 150), info=True):
    bag.transform("/tf_static", 0, "base_link", "camera_optical", *MOUNT)
    if info:
        bag.camera_info(INFO, 0, d=(-0.1, 0.01, 0, 0, 0))
    bag.pose_stamped(TRUTH, 0, (0, 0, 0))
    bag.pose_stamped(TRUTH, 100, (1, 0, 0))
    bag.pose_stamped(TRUTH, 200, (1, 0, 0), QUARTER)
    for ms in images:
        pixels = np.zeros((6, 8, 3), np.uint8)
        pixels[0, 1] = ms % 256, 20, 30
        bag.raw_image(IMAGE, ms, pixels, "rgb8")


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_posed_images_have_the_pose_of_their_stamp(tiny_bag, tmp_path, plugin):
    with tiny_bag(plugin) as bag:
        write_recording(bag, images=(50, 150, 900))
    images = bags.posed_images(tmp_path / "bag", IMAGE, INFO, TRUTH)
    assert [image.stamp_ns for image in images] == [50 * 10**6, 150 * 10**6]  # 900: no pose
    assert images[0].camera == Camera("radtan", 8, 6, 10, 10, 3.5, 2.5, (-0.1, 0.01, 0, 0, 0))
    # Half a metre driven; a point two metres ahead of the robot lies on the optical axis.
    ahead = images[0].camera_from_map @ [0.6 + 2.0, 0, 0.5, 1]
    np.testing.assert_allclose(ahead, [0, 0, 2.0, 1], atol=1e-12)
    left_and_up = images[0].camera_from_map @ [0.6 + 2.0, 0.3, 0.9, 1]
    np.testing.assert_allclose(left_and_up, [-0.3, -0.4, 2.0, 1], atol=1e-12)
    turned = se3.inverse(images[1].camera_from_map)[:3, 2]
    np.testing.assert_allclose(turned, [np.sqrt(0.5), np.sqrt(0.5), 0], atol=1e-12)
    assert images[1].read()[0, 1].tolist() == [150, 20, 30]
    assert images[0].read()[0, 1].tolist() == [50, 20, 30]
    assert images[0].name == "camera_image_raw/50000000"


def test_images_need_no_poses_and_take_those_from_elsewhere(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        write_recording(bag, images=(50, 150, 900))
    found = bags.images(tmp_path / "bag", IMAGE, INFO)
    assert [one.stamp_ns for one in found] == [50 * 10**6, 150 * 10**6, 900 * 10**6]
    assert found[1].name == "camera_image_raw/150000000"
    assert found[1].camera.width == 8
    assert found[1].read()[0, 1].tolist() == [150, 20, 30]
    stamps = np.array([100, 900]) * 10**6
    poses = np.stack([np.eye(4), se3.make_pose(np.eye(3), np.array([8.0, 0, 0]))])
    posed = bags.images_at(tmp_path / "bag", IMAGE, INFO, stamps, poses, max_gap_s=1.0)
    assert [one.stamp_ns for one in posed] == [150 * 10**6, 900 * 10**6]
    centre = se3.inverse(posed[0].camera_from_map)[:3, 3]  # the mount, and 50 of 800 ms driven
    np.testing.assert_allclose(centre, [0.1 + 0.5, 0, 0.5], atol=1e-12)


def test_images_can_be_read_in_another_process(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        write_recording(bag)
    image = bags.posed_images(tmp_path / "bag", IMAGE, INFO, TRUTH)[0]
    image.read()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(image)).read(), image.read())


def test_images_in_a_gap_of_the_poses_are_left_out(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        write_recording(bag)
        bag.pose_stamped(TRUTH, 2000, (3, 0, 0), QUARTER)
        bag.raw_image(IMAGE, 1000, np.zeros((6, 8), np.uint8), "mono8")
    assert len(bags.posed_images(tmp_path / "bag", IMAGE, INFO, TRUTH)) == 2
    assert len(bags.posed_images(tmp_path / "bag", IMAGE, INFO, TRUTH, max_gap_s=2.0)) == 3


def test_camera_and_mount_can_be_given(tiny_bag, tmp_path):
    camera = Camera("pinhole", 8, 6, 9.0, 9.0, 3.5, 2.5)
    with tiny_bag() as bag:
        write_recording(bag, info=False)
    mount = se3.make_pose(np.eye(3), [0, 0, 0.7])
    image = bags.posed_images(tmp_path / "bag", IMAGE, camera, TRUTH, base_from_camera=mount)[0]
    assert image.camera == camera
    np.testing.assert_allclose(se3.inverse(image.camera_from_map)[:3, 3], [0.5, 0, 0.7])


def test_odometry_is_sorted_and_keeps_its_covariance(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        bag.odometry("/odom", 20, (2, 0, 0), np.diag([1, 2, 3, 4, 5, 6]))
        bag.odometry("/odom", 10, (1, 0, 0))
    first, second = bags.odometry(tmp_path / "bag", "/odom")
    assert (first.stamp_ns, second.stamp_ns) == (10_000_000, 20_000_000)
    assert first.covariance is None and second.odom_from_base[0, 3] == 2
    np.testing.assert_array_equal(np.diag(second.covariance), [1, 2, 3, 4, 5, 6])


def test_poses_of_tf_go_through_the_tree(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        bag.transform("/tf_static", 0, "base_link", "lidar", (0, 0, 1))
        for ms in (0, 100):
            bag.transform("/tf", ms, "map", "odom", (10, 0, 0), QUARTER)
        for ms in range(0, 101, 10):
            bag.transform("/tf", ms, "odom", "base_link", (ms / 100, 0, 0))
    stamps, poses = bags.poses(tmp_path / "bag", "/tf")
    assert len(stamps) == 11
    np.testing.assert_allclose(poses[5][:3, 3], [10, 0.5, 0], atol=1e-12)
    assert bags.static_transform(tmp_path / "bag", "lidar", "base_link")[2, 3] == -1
    _, inverse = bags.poses(tmp_path / "bag", "/tf", map_frame="lidar", base_frame="odom")
    np.testing.assert_allclose(inverse[5][:3, 3], [-0.5, 0, -1], atol=1e-12)


def test_tf_is_not_bridged_where_one_transform_has_a_hole(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        for ms in (0, 300, 2000, 2300):
            bag.transform("/tf", ms, "map", "odom", (10 + ms / 100, 0, 0))
        for ms in range(0, 2301, 50):
            bag.transform("/tf", ms, "odom", "base_link", (ms / 1000, 0, 0))
    stamps, poses = bags.poses(tmp_path / "bag", "/tf")
    assert sorted({*(stamps // 10**6)}) == [*range(0, 301, 50), *range(2000, 2301, 50)]
    np.testing.assert_allclose(poses[1][:3, 3], [10.55, 0, 0])
    assert len(bags.poses(tmp_path / "bag", "/tf", max_gap_s=2.0)[0]) == 47


def test_poses_in_another_frame_are_no_map(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        write_recording(bag)
        for ms in (0, 200):
            bag.odometry("/odom", ms, (ms, 0, 0))
    with pytest.raises(DatasetError, match="/odom: expected poses in the frame map .*--map-frame.*"
                       ", got odom$"):
        bags.posed_images(tmp_path / "bag", IMAGE, INFO, "/odom")
    assert len(bags.posed_images(tmp_path / "bag", IMAGE, INFO, "/odom", map_frame="odom")) == 2
    assert len(bags.posed_images(tmp_path / "bag", IMAGE, INFO, TRUTH, map_frame="/map")) == 2


def test_interpolation_knows_where_it_must_not():
    poses = se3.make_pose(np.eye(3), np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]))
    stamps = np.array([0, 10**9, 5 * 10**9])
    at = np.array([-1, 0, 5 * 10**8, 10**9, 3 * 10**9, 5 * 10**9, 6 * 10**9])
    between, good = interpolate_poses(stamps, poses, at, max_gap_s=1.0)
    assert good.tolist() == [False, True, True, True, False, True, False]
    np.testing.assert_allclose(between[good][:, 0, 3], [0, 0.5, 1, 2])


def test_what_is_missing_is_named_with_what_is_there(tiny_bag, tmp_path):
    folder = tmp_path / "bag"
    with pytest.raises(DatasetError, match="bag: expected a bag, got nothing"):
        bags.odometry(folder, "/odom")
    with tiny_bag() as bag:
        write_recording(bag)
    with pytest.raises(DatasetError, match="expected a topic /odom, got /camera/camera_info, /cam"):
        bags.odometry(folder, "/odom")
    with pytest.raises(DatasetError, match="expected nav_msgs/msg/Odometry, got sensor_msgs/msg/I"):
        bags.odometry(folder, IMAGE)
    with pytest.raises(DatasetError, match="frames robot and camera_optical joined, got base_link"):
        bags.posed_images(folder, IMAGE, INFO, TRUTH, base_frame="robot")


def test_tf_without_the_map_names_its_frames(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        bag.transform("/tf", 0, "odom", "base_link", (0, 0, 0))
    with pytest.raises(DatasetError, match="map and base_link joined, got base_link, odom"):
        bags.poses(tmp_path / "bag", "/tf")


def test_broken_values_are_one_clear_line(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        write_recording(bag)
        bag.odometry("/odom", 0, (0, 0, 0))
        bag.odometry("/odom", 10, (np.nan, 0, 0))
        bag.pose_stamped("/zero", 0, (0, 0, 0), (0, 0, 0, 0))
        bag.camera_info("/other_size", 0, width=640, height=480)
        bag.pose_stamped("/late", 10_000, (0, 0, 0))
    folder = tmp_path / "bag"
    with pytest.raises(DatasetError, match=r"/odom: expected finite poses.*nan.* in message 1"):
        bags.odometry(folder, "/odom")
    with pytest.raises(DatasetError, match="/zero: expected finite poses with unit quaternions"):
        bags.poses(folder, "/zero")
    with pytest.raises(DatasetError, match="expected 640x480 as in camera_info, got 8x6"):
        bags.posed_images(folder, IMAGE, "/other_size", TRUTH)
    with pytest.raises(DatasetError, match="expected images with poses, got 2 images, none"):
        bags.posed_images(folder, IMAGE, INFO, "/late")


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "empty", "text"])
def test_a_corrupt_bag_is_one_clear_line(tiny_bag, tmp_path, damage):
    with tiny_bag() as bag:
        write_recording(bag, images=range(0, 200, 5))
    file = tmp_path / "bag" / "bag.mcap"
    data = file.read_bytes()
    broken = {
        "truncated": data[: len(data) // 2],
        "overwritten": data[:600] + bytes(len(data) - 1200) + data[-600:],
        "empty": b"",
        "text": b"not a bag at all" * 100,
    }
    file.write_bytes(broken[damage])
    with pytest.raises(DatasetError, match="bag: expected a readable bag, got") as caught:
        bags.posed_images(tmp_path / "bag", IMAGE, INFO, TRUTH)
    assert "\n" not in str(caught.value)


def test_husky_odometry_of_ros_1(shared_data):
    samples = bags.odometry(
        shared_data("bags") / "husky_odom_imu_gps_test1.bag", "/husky_velocity_controller/odom"
    )
    assert len(samples) == 3952
    seconds = (samples[-1].stamp_ns - samples[0].stamp_ns) / 1e9
    assert seconds == pytest.approx(395, abs=2)
    assert all(a.stamp_ns < b.stamp_ns for a, b in zip(samples, samples[1:], strict=False))


def test_turtlebot_tf_agrees_with_its_odometry(shared_data):
    bag = shared_data("bags") / "nav2_turtlebot.mcap"
    assert bags.topics(bag)["/amcl_pose"] == "geometry_msgs/msg/PoseWithCovarianceStamped"
    assert len(bags.poses(bag, "/amcl_pose")[0]) == 135
    stamps, poses = bags.poses(bag, "/tf", map_frame="odom", base_frame="base_footprint")
    odometry = {sample.stamp_ns: sample.odom_from_base for sample in bags.odometry(bag, "/odom")}
    both = [i for i, stamp in enumerate(stamps) if int(stamp) in odometry]
    assert len(both) > 1000
    same = np.stack([odometry[int(stamps[i])] for i in both])
    np.testing.assert_allclose(poses[both], same, atol=1e-6)


def test_t265_fisheye_bag_against_its_kapture(shared_data):
    folder = shared_data("bags") / "t265"
    bag = folder / "trimmed_locoffice.bag"
    intrinsics = (284.468, 285.51, 424.355, 393.742)
    camera = Camera("fisheye", 848, 800, *intrinsics, (0.0008, 0.031, -0.03, 0.005))
    optical = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    images = bags.posed_images(
        bag, "/camera/fisheye1/image_raw", camera, "/camera/odom/sample",
        base_from_camera=se3.make_pose(optical, np.zeros(3)), map_frame="camera_odom_frame",
    )  # fmt: skip
    assert len(images) == 2  # the first of three was taken before the first pose
    assert images[0].read().shape == (800, 848)
    # kapture: world to sensor, quaternion w x y z; its world has the axes of an optical frame.
    lines = (folder / "kapture/sensors/trajectories.txt").read_text().splitlines()
    rows = np.array([line.split(",")[2:] for line in lines if line.split(",")[1:2] == ["   001"]])
    rows = rows.astype(float)[1:]
    sensor_from_world = se3.from_quaternion_xyzw(rows[:, 4:], rows[:, [1, 2, 3, 0]])
    truth = se3.make_pose(optical, np.zeros(3)) @ se3.inverse(sensor_from_world)
    found = se3.inverse(np.stack([image.camera_from_map for image in images]))
    distance, angle = se3.pose_error(found, truth)
    assert np.degrees(angle).max() < 0.2
    np.testing.assert_allclose(distance, 0.032, atol=0.003)  # half the distance of the lenses
