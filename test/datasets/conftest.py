"""A tiny bag, written message by message; a pose that is known; small images."""

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.geometry import se3
from semloc_ros.geometry.cameras import project

STORE = get_typestore(Stores.ROS2_JAZZY)


class TinyBag:
    """Writes messages of a few types; header stamps in milliseconds."""

    def __init__(self, folder, plugin=StoragePlugin.MCAP):
        self._writer, self._connections = Writer(folder, version=9, storage_plugin=plugin), {}

    def __enter__(self):
        self._writer.open()
        return self

    def __exit__(self, *_):
        self._writer.close()

    def new(self, kind, *fields):
        return STORE.types[kind](*fields)

    def header(self, ms, frame):
        stamp = self.new("builtin_interfaces/msg/Time", ms // 1000, ms % 1000 * 10**6)
        return self.new("std_msgs/msg/Header", stamp, frame)

    def write(self, topic, ms, message):
        if topic not in self._connections:
            kind = message.__msgtype__
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=STORE)
        raw = STORE.serialize_cdr(message, message.__msgtype__)
        self._writer.write(self._connections[topic], ms * 10**6, raw)

    def pose(self, position, quaternion=(0.0, 0.0, 0.0, 1.0)):
        return self.new(
            "geometry_msgs/msg/Pose",
            self.new("geometry_msgs/msg/Point", *map(float, position)),
            self.new("geometry_msgs/msg/Quaternion", *map(float, quaternion)),
        )

    def pose_stamped(self, topic, ms, position, quaternion=(0.0, 0.0, 0.0, 1.0)):
        header = self.header(ms, "map")
        message = self.new("geometry_msgs/msg/PoseStamped", header, self.pose(position, quaternion))
        self.write(topic, ms, message)

    def odometry(self, topic, ms, position, covariance=None, child="base_link"):
        numbers = np.zeros(36) if covariance is None else np.asarray(covariance, float).ravel()
        zero = self.new("geometry_msgs/msg/Vector3", 0.0, 0.0, 0.0)
        twist = self.new("geometry_msgs/msg/Twist", zero, zero)
        self.write(
            topic,
            ms,
            self.new(
                "nav_msgs/msg/Odometry",
                self.header(ms, "odom"),
                child,
                self.new("geometry_msgs/msg/PoseWithCovariance", self.pose(position), numbers),
                self.new("geometry_msgs/msg/TwistWithCovariance", twist, np.zeros(36)),
            ),
        )

    def transform(self, topic, ms, parent, child, position, quaternion=(0.0, 0.0, 0.0, 1.0)):
        move = self.new("geometry_msgs/msg/Vector3", *map(float, position))
        turn = self.new("geometry_msgs/msg/Quaternion", *map(float, quaternion))
        one = self.new(
            "geometry_msgs/msg/TransformStamped",
            self.header(ms, parent),
            child,
            self.new("geometry_msgs/msg/Transform", move, turn),
        )
        self.write(topic, ms, self.new("tf2_msgs/msg/TFMessage", [one]))

    def raw_image(self, topic, ms, pixels, encoding, big=0, padding=0):
        height, width = pixels.shape[:2]
        rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
        step = rows.shape[1] + padding
        data = np.pad(rows, [(0, 0), (0, padding)], constant_values=7).ravel()
        header = self.header(ms, "camera_optical")
        message = self.new(
            "sensor_msgs/msg/Image", header, height, width, encoding, big, step, data
        )
        self.write(topic, ms, message)

    def compressed_image(self, topic, ms, pixels_bgr, suffix=".png"):
        data = cv2.imencode(suffix, pixels_bgr)[1].ravel() if pixels_bgr is not None else b"junk"
        header = self.header(ms, "camera_optical")
        data = np.frombuffer(bytes(data), np.uint8)
        self.write(topic, ms, self.new("sensor_msgs/msg/CompressedImage", header, "png", data))

    def camera_info(
        self, topic, ms, width=8, height=6, focal=10.0, model="plumb_bob", d=(0.0,) * 5
    ):
        matrix = np.array([focal, 0, 3.5, 0, focal, 2.5, 0, 0, float(focal > 0)])
        region = self.new("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False)
        message = self.new(
            "sensor_msgs/msg/CameraInfo", self.header(ms, "camera_optical"), height, width,
            model, np.array(d, float), matrix, np.eye(3).ravel(), np.zeros(12), 0, 0, region,
        )  # fmt: skip
        self.write(topic, ms, message)


@pytest.fixture
def tiny_bag(tmp_path):
    """`with tiny_bag() as bag: bag.odometry(...)`; the bag is `tmp_path / "bag"`."""
    return lambda plugin=StoragePlugin.MCAP: TinyBag(tmp_path / "bag", plugin)


class KnownPose:
    """A camera at (1, 2, 3) that looks along +x of a map whose z is up, as files may say it.

    Its right is -y and its down is -z. Ten metres ahead, one to the right and one up is (11, 1, 4).
    """

    centre = np.array([1.0, 2.0, 3.0])
    rotation = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])  # camera from map
    wxyz = (0.5, 0.5, -0.5, 0.5)  # of that rotation
    point = np.array([11.0, 1.0, 4.0])

    @property
    def camera_from_map(self):
        return se3.make_pose(self.rotation, -self.rotation @ self.centre)

    @property
    def map_from_camera(self):
        return se3.make_pose(self.rotation.T, self.centre)

    def text(self, numbers):
        return " ".join(f"{number:.9g}" for number in np.ravel(numbers))

    def check(self, image):
        """The pose is right, and the camera sees the point where it must."""
        assert np.allclose(image.camera_from_map, self.camera_from_map, atol=1e-6)
        ahead = se3.transform(image.camera_from_map, self.point[None])
        assert np.allclose(ahead, [[1, -1, 10]], atol=1e-6)
        lens = image.camera
        if lens.model == "pinhole":
            pixels, seen = project(lens, ahead)
            assert seen.all()
            assert np.allclose(pixels, [[lens.cx + lens.fx / 10, lens.cy - lens.fy / 10]])


@pytest.fixture
def known_pose():
    return KnownPose()


@pytest.fixture
def write_image():
    """`write_image(path, width, height, value)`: a plain image, folders made as needed."""

    def write(path, width=8, height=6, value=7):
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((height, width, 3), value, np.uint8))
        return path

    return write
