"""The node `ooi_matcher` over DDS: images and masks in, matches, markers and overlays out."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from image_node_rig import ImageNodeRig
from lifecycle_msgs.msg import State as LifecycleState
from lifecycle_msgs.msg import Transition
from planar import image_from_corners, image_of, picture
from pretended_network import PretendedBackend
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from visualization_msgs.msg import MarkerArray

from semloc_ros.config import LocalizerNodeConfig, ObjectMatcherConfig, OoiMatcherNodeConfig
from semloc_ros.errors import MapError, ModelError
from semloc_ros.geometry import homographies
from semloc_ros.localization.object_clouds import matches_from
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.nodes import messages
from semloc_ros.nodes.ooi_matcher import OoiMatcherNode, Opened
from semloc_ros.perception.objects import ObjectMatcher

SIZE = (240, 320)
LIES = {"boat": image_from_corners(np.array([[60.0, 40], [250, 60], [235, 190], [70, 205]]))}
HUNG = ObjectInstance(np.array([[2.0, 0, 1], [0, 0, 5], [0, -1.5, 2], [0, 0, 1]]))
OBJECTS = MapObjects((
    ObjectOfInterest("queen", picture(3), np.full(SIZE, 255, np.uint8), (HUNG,)),
    ObjectOfInterest("boat", picture(), np.full(SIZE, 255, np.uint8), (HUNG,), "Boat", "Oil"),
))  # fmt: skip
PIXELS = image_of(picture(), LIES["boat"])
STAMP = 1_700_000_000_123_456_789
_names = itertools.count()


def opened(config):
    return Opened(OBJECTS, ObjectMatcher(PretendedBackend(LIES, 240), OBJECTS, config.ooi))


class Rig(ImageNodeRig):
    """The matcher with a robot."""

    def __init__(self, name, load, parameters):
        overrides = [Parameter(key, value=value) for key, value in parameters.items()]
        super().__init__(name, lambda name: OoiMatcherNode(
            load, parameter_overrides=overrides, cli_args=["--ros-args", "-r", f"__node:={name}"]
        ))  # fmt: skip
        self.mask_pub = self.robot.create_publisher(Image, "mask", 5)
        self.found = self.listen(PointCloud2, f"/{name}/correspondences")

    def ready(self):
        self.until(lambda: self.says("inactive") and self.image_pub.get_subscription_count())
        return self

    def send(self, pixels=PIXELS, mask=None):
        """The image, before it its mask."""
        header = messages.header("eye", STAMP)
        if mask is not None:
            self.mask_pub.publish(messages.to_image(mask, header))
        self.image_pub.publish(messages.to_image(pixels, header))


@pytest.fixture
def start(ros):
    """`start(load, **parameters)`: a running node with its robot."""
    cv2.setNumThreads(1)
    rigs = []

    def begin(load=opened, **parameters):
        rigs.append(Rig(f"matcher_{next(_names)}", load, parameters))
        return rigs[-1]

    yield begin
    for rig in rigs:
        rig.close()


def test_matches_lie_on_the_object_in_the_map(start):
    rig = start(map_frame="museum").ready()
    rig.until(lambda: rig.found and rig.says("ok"), every=rig.send)
    assert rig.found[0].header == messages.header("museum", STAMP)
    matches = matches_from(rig.found[0], "museum")
    known = matches.correspondences
    assert len(matches) > 100
    assert set(matches.objects) == {1} and set(matches.instances) == {0}
    wall = known.points_map
    np.testing.assert_allclose(wall[:, 1], 5.0, atol=1e-5)
    uv = np.stack([(wall[:, 0] - 1.0) / 2.0, (2.0 - wall[:, 2]) / 1.5], axis=1)
    errors = homographies.apply(LIES["boat"], uv) - known.points_image
    assert np.sqrt(np.mean(errors**2)) < 0.2
    last = rig.last()
    assert (last["objects"], last["finds"], last["mask"]) == ("boat", "1", "False")
    assert last["matches"] == str(len(matches))
    assert all(float(last[f"{one}_ms"]) >= 0 for one in ("network", "matching", "refinement"))
    assert rig.statuses[-1].level == DiagnosticStatus.OK


def test_people_see_what_was_found(start):
    rig = start().ready()
    markers = rig.listen(MarkerArray, f"/{rig.name}/detections")
    overlays = rig.listen(Image, f"/{rig.name}/overlay")
    rig.until(lambda: markers and overlays, every=rig.send)
    shown = [(one.ns, one.id, one.text) for one in markers[0].markers[1:]]
    assert shown == [("outline", 1000, ""), ("title", 1000, "Boat"), ("text", 1000, "Oil")]
    drawn = messages.image_from(overlays[0])
    assert overlays[0].header.stamp == messages.to_stamp(STAMP)
    assert drawn.shape == PIXELS.shape and (drawn != PIXELS).any(-1).mean() > 0.02


def test_what_is_masked_has_no_matches(start):
    rig = start(**{"ooi.refine": "none", "mask_wait_ms": 500.0}).ready()
    mask = np.zeros(SIZE, np.uint8)
    mask[:, :150] = 255

    def left():
        return matches_from(rig.found[-1], "map").correspondences.points_image[:, 0].min()

    rig.until(
        lambda: rig.last().get("mask") == "True" and rig.found and left() > 149,
        every=lambda: rig.send(mask=mask),
    )


def test_the_lens_is_that_of_the_camera(start):
    class Told:
        name, computed_by, names, unknown, stage_ms = "hall", "nobody", ("boat",), (), {}
        cameras = []

        def find(self, image, mask=None, camera=None):
            self.cameras.append(camera)
            return []

    rig = start(lambda config: Opened(OBJECTS, Told())).ready()
    infos = rig.robot.create_publisher(CameraInfo, "camera_info", 5)
    info = CameraInfo(width=320, height=240, distortion_model="plumb_bob")
    info.k, info.d = [300.0, 0, 160, 0, 300, 120, 0, 0, 1], [-0.2, 0.1, 0.0, 0.0, 0.0]

    def both():
        infos.publish(info)
        rig.send()

    rig.until(lambda: Told.cameras and Told.cameras[-1] is not None, every=both)
    assert Told.cameras[-1].distortion[:2] == (-0.2, 0.1)
    info.width = 100
    rig.until(lambda: Told.cameras[-1] is None, every=both)
    info.width = 320
    rig.until(lambda: Told.cameras[-1] is not None, every=both)
    assert rig.change(Transition.TRANSITION_DEACTIVATE)
    assert rig.change(Transition.TRANSITION_ACTIVATE)
    Told.cameras.clear()  # it may see through another lens now
    rig.until(lambda: Told.cameras, every=rig.send)
    assert Told.cameras[0] is None


def test_an_image_without_objects_has_a_message_without_points(start):
    rig = start(**{"ooi.score": 0.95, "ooi.doubtful": 0}).ready()
    rig.until(lambda: rig.found and rig.says("ok"), every=rig.send)
    assert len(matches_from(rig.found[0], "map")) == 0 and rig.last()["finds"] == "0"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(MapError("m/objects: expected objects, got none"), "bad_map"),
     (ModelError("x.onnx: expected a model, got none"), "bad_model")],
)  # fmt: skip
def test_files_that_do_not_do_are_one_line(start, error, reason):
    def refuse(config):
        raise error

    rig = start(refuse)
    rig.until(lambda: rig.says(reason))
    assert rig.last()["detail"] == str(error)
    assert rig.state() == LifecycleState.PRIMARY_STATE_UNCONFIGURED


def test_masks_are_waited_for_as_long_as_the_localizer_does():
    assert OoiMatcherNodeConfig().mask_wait_ms == LocalizerNodeConfig().mask_wait_ms


def test_without_a_map_it_is_not_configured(ros):
    from semloc_ros.errors import ConfigError
    from semloc_ros.nodes.ooi_matcher import load

    with pytest.raises(ConfigError, match="map: expected the folder of a map"):
        load(OoiMatcherNodeConfig(ooi=ObjectMatcherConfig()))
