"""The node `fgsn_segmenter` over DDS: images in, label maps out, faults in one line."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from image_node_rig import ImageNodeRig
from lifecycle_msgs.msg import State as LifecycleState
from lifecycle_msgs.msg import Transition
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from semloc_ros.errors import ConfigError
from semloc_ros.nodes import messages
from semloc_ros.nodes.fgsn_segmenter import FgsnSegmenterNode
from semloc_ros.perception.label_model import load_labeller

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

PIXELS = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
STAMP = 1_700_000_000_123_456_789
_names = itertools.count()


@pytest.fixture(scope="module")
def make_model(tmp_path_factory):
    """`make_model(num_labels)`: the file of an untrained network."""
    from semloc_ros.networks.model_files import ModelAbout, save_model
    from semloc_ros.networks.segmentation import make_network

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")

    def make(num_labels):
        path = folder / f"{num_labels}.safetensors"
        network = make_network("mobile", num_labels, torch.Generator().manual_seed(0))
        about = ModelAbout(f"tiny{num_labels}", "mobile", num_labels, kind="clusters")
        save_model(path, network, about)
        return str(path)

    return make


class Rig(ImageNodeRig):
    """The segmenter with a camera."""

    def __init__(self, name, parameters, load=None):
        overrides = [Parameter(key, value=value) for key, value in parameters.items()]
        super().__init__(name, lambda name: FgsnSegmenterNode(
            **({} if load is None else {"load": load}), parameter_overrides=overrides,
            cli_args=["--ros-args", "-r", f"__node:={name}"],
        ), parameters.get("image_transport"))  # fmt: skip
        self.labels = self.listen(Image, f"/{name}/labels")

    def ready(self):
        self.until(lambda: self.says("inactive"))
        self.until(lambda: self.image_pub.get_subscription_count() > 0)
        return self

    def send(self, stamp=STAMP, pixels=PIXELS, frame="eye"):
        self.image_pub.publish(messages.to_image(pixels, messages.header(frame, stamp)))


@pytest.fixture
def start(ros):
    """`start(model, **parameters)`: a running segmenter with its camera."""
    rigs = []

    def begin(model, load=None, **parameters):
        given = {"model": model, "labeller.device": "cpu", "labeller.threads": 1, **parameters}
        rigs.append(Rig(f"segmenter_{next(_names)}", given, load))
        return rigs[-1]

    yield begin
    for rig in rigs:
        rig.close()


def test_label_maps_have_the_images_stamp_frame_and_size(start, make_model):
    rig = start(make_model(9)).ready()
    rig.until(lambda: rig.labels and rig.says("ok"), every=rig.send)
    message = rig.labels[0]
    assert (message.encoding, message.width, message.height) == ("mono8", 64, 48)
    assert message.header.frame_id == "eye" and messages.stamp_ns(message.header.stamp) == STAMP
    wanted = load_labeller(make_model(9)).label(PIXELS)
    np.testing.assert_array_equal(messages.companion_from("labels", message), wanted)
    last = rig.last()
    assert (last["model"], last["labels"], last["stamp"]) == ("tiny9", "9", str(STAMP))
    assert float(last["latency_ms"]) >= float(last["network_ms"]) > 0
    assert rig.statuses[-1].level == DiagnosticStatus.OK


def test_many_labels_colours_and_diagnostics(start, make_model):
    rig = start(make_model(300)).ready()
    colors = rig.listen(Image, f"/{rig.name}/label_colors")
    said = rig.listen(DiagnosticArray, "/diagnostics")
    rig.until(lambda: rig.labels and colors, every=rig.send)
    assert rig.labels[-1].encoding == "mono16" and colors[-1].encoding == "rgb8"
    assert messages.stamp_ns(colors[-1].header.stamp) == STAMP
    labels = messages.companion_from("labels", rig.labels[-1])
    drawn = messages.image_from(colors[-1])
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == len(np.unique(labels)) > 1
    rig.until(lambda: any(one.status[0].name == rig.name for one in said), every=rig.send)


def test_compressed_images_are_taken(start, make_model):
    rig = start(make_model(9), image_transport="compressed").ready()
    header = messages.header("eye", STAMP)
    rig.until(
        lambda: rig.labels,
        every=lambda: rig.image_pub.publish(messages.to_compressed_image(PIXELS, header)),
    )
    wanted = load_labeller(make_model(9)).label(PIXELS)
    np.testing.assert_array_equal(messages.companion_from("labels", rig.labels[0]), wanted)


def test_newest_wins(start, make_model):
    class Slow:
        name, count, computed_by = "slow", 9, "sleep"
        about = load_labeller(make_model(9)).about

        def label(self, image):
            time.sleep(0.5)
            return image[..., 0] % 9

    rig = start("slow", load=lambda config: Slow()).ready()
    rig.until(lambda: rig.says("ok"), every=rig.send)
    rig.labels.clear()
    for number in range(1, 9):
        rig.send(STAMP + number)
        time.sleep(0.02)
    stamps = lambda: [messages.stamp_ns(one.header.stamp) - STAMP for one in rig.labels]  # noqa: E731
    rig.until(lambda: 8 in stamps())
    assert len(stamps()) < 8 and stamps() == sorted(stamps())
    assert int(rig.last()["images_left_out"]) > 0


BAD_IMAGES = {
    "image.encoding: expected": Image(encoding="yuv9000", width=8, height=8, step=8),
    "image.data: expected": Image(encoding="mono8", width=8, height=8, step=8, data=b"1"),
    "image: expected pixels": Image(encoding="mono8"),
}


def test_bad_images_are_said_and_the_next_good_one_is_labelled(start, make_model):
    rig = start(make_model(9)).ready()
    for said, message in BAD_IMAGES.items():
        message.header = messages.header("eye", STAMP)
        rig.until(
            lambda said=said: rig.says("bad_image") and said in rig.last()["detail"],
            every=lambda message=message: rig.image_pub.publish(message),
        )
        assert rig.statuses[-1].level == DiagnosticStatus.ERROR
    rig.until(
        lambda: "frame_id" in rig.last().get("detail", ""), every=lambda: rig.send(frame="")
    )
    assert not rig.labels
    rig.until(lambda: rig.labels and rig.says("ok"), every=rig.send)


def test_that_no_image_comes_is_said(start, make_model):
    rig = start(make_model(9)).ready()
    rig.until(lambda: rig.says("no_image"))
    assert rig.last()["detail"] == "nothing on /image"
    rig.until(lambda: rig.says("ok"), every=rig.send)


def test_a_bad_model_is_a_failed_transition_and_can_be_mended(start, make_model):
    rig = start("/nowhere/absent.safetensors")
    rig.until(lambda: rig.says("bad_model"))
    assert rig.last()["detail"].startswith("/nowhere/absent.safetensors: expected a file")
    assert "\n" not in rig.last()["detail"]
    assert rig.state() == LifecycleState.PRIMARY_STATE_UNCONFIGURED
    assert not rig.change(Transition.TRANSITION_CONFIGURE)
    good = Parameter("model", value=make_model(9))
    assert rig.node.set_parameters([good])[0].successful
    assert rig.change(Transition.TRANSITION_CONFIGURE)
    refused = rig.node.set_parameters([good])[0]
    assert not refused.successful and "changes only while" in refused.reason
    assert rig.change(Transition.TRANSITION_ACTIVATE)
    rig.ready()
    rig.until(lambda: rig.labels, every=rig.send)


def test_no_model_and_impossible_options_are_bad_config(start, make_model):
    rig = start("")
    rig.until(lambda: rig.says("bad_config"))
    assert rig.last()["detail"] == "model: expected the name or the file of a model, got ''"
    rig = start(make_model(9), **{"labeller.step_px": 800, "labeller.inference": "patches"})
    rig.until(lambda: rig.says("bad_config"))
    assert rig.last()["detail"].startswith("step_px: expected 4 to 713")
    with pytest.raises(ConfigError, match=r"labeller.backend: expected auto or torch"):
        FgsnSegmenterNode(parameter_overrides=[Parameter("labeller.backend", value="tf")])


def test_the_whole_lifecycle_twice(start, make_model):
    rig = start(make_model(9), autostart=False)
    rig.until(lambda: rig.says("unconfigured"))
    for _ in range(2):
        assert rig.change(Transition.TRANSITION_CONFIGURE)
        rig.until(lambda: rig.says("inactive"))
        assert rig.image_pub.get_subscription_count() == 0
        assert rig.change(Transition.TRANSITION_ACTIVATE)
        rig.labels.clear()
        rig.until(lambda: rig.labels, every=rig.send)
        assert rig.change(Transition.TRANSITION_DEACTIVATE)
        rig.until(lambda: rig.image_pub.get_subscription_count() == 0)
        assert rig.change(Transition.TRANSITION_CLEANUP)
        rig.until(lambda: rig.says("unconfigured"))
    assert rig.change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
