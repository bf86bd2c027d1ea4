"""What nodes sent beside images: counted, chosen and drawn, out of a bag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.evaluation import node_views
from semloc_ros.evaluation.node_views import Topics
from semloc_ros.localization.object_clouds import KINDS
from semloc_ros.localization.point_clouds import layout_of
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest

STORE = get_typestore(Stores.ROS2_JAZZY)
TOPICS = Topics("/m/mask", "/l/labels", "/o/correspondences", "/p/places")
IMAGE, CLOUD = "sensor_msgs/msg/Image", "sensor_msgs/msg/PointCloud2"
STATUS = "diagnostic_msgs/msg/DiagnosticStatus"
HEIGHT, WIDTH = 48, 64
MAP_FROM_UV = np.array([[2.0, 0.0, 1.0], [0.0, 0.0, 5.0], [0.0, -1.0, 2.0], [0.0, 0.0, 1.0]])


def made(kind: str, *values: Any) -> Any:
    return STORE.types[kind](*values)


def header(seconds: int) -> Any:
    return made("std_msgs/msg/Header", made("builtin_interfaces/msg/Time", seconds, 0), "map")


def picture(seconds: int, pixels: NDArray[np.uint8]) -> Any:
    return made(IMAGE, header(seconds), *pixels.shape, "mono8", 0, pixels.shape[1], pixels.ravel())


def cloud(seconds: int, finds: int, number: int = 0, instance: int = 0) -> Any:
    """A find at each of so many places: 30 matches on a grid, u v at 20 px + 20 px * u."""
    layout = layout_of(KINDS)
    rows = np.zeros(30 * finds, layout)
    rows["object"], rows["instance"] = number, instance
    for find in range(finds):
        here = rows[30 * find : 30 * (find + 1)]
        u, v = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 5)))
        points = np.c_[u, v, np.ones(30)] @ MAP_FROM_UV.T
        here["x"], here["y"], here["z"] = points[:, :3].T
        here["u"], here["v"] = 20 + 20 * u, 10 + 20 * v
        here["sigma"], here["score"], here["detection"] = 1.0, 0.9, find
    fields = [
        made("sensor_msgs/msg/PointField", name, layout.fields[name][1], kind, 1)
        for name, kind in KINDS.items()
    ]  # fmt: skip
    data = np.frombuffer(rows.tobytes(), np.uint8)
    size = layout.itemsize
    return made(CLOUD, header(seconds), 1, len(rows), fields, False, size, len(data), data, True)


def status(latency_ms: float | str) -> Any:
    pair = made("diagnostic_msgs/msg/KeyValue", "latency_ms", str(latency_ms))
    return made(STATUS, 0, "m", "ok", "", [pair])


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Masks for 1 to 3 s (most at 2), labels for all, finds: none, one, two; a status each."""
    path = tmp_path / "companions"
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        kinds = {
            TOPICS.masks: IMAGE, TOPICS.labels: IMAGE, TOPICS.objects: CLOUD, "/m/status": STATUS
        }  # fmt: skip
        to = {one: writer.add_connection(one, kind, typestore=STORE) for one, kind in kinds.items()}
        for seconds, rows in ((1, 12), (2, 24), (3, 6)):
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            mask[:rows] = 255
            said = {
                TOPICS.masks: picture(seconds, mask),
                TOPICS.labels: picture(seconds, np.full((HEIGHT, WIDTH), seconds, np.uint8)),
                TOPICS.objects: cloud(seconds, seconds - 1),
                "/m/status": status(10.0 * seconds),
            }
            for topic, message in said.items():
                writer.write(to[topic], seconds, STORE.serialize_cdr(message, kinds[topic]))
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """At each second other faults, and at 4 s nothing but good messages."""
    path = tmp_path / "broken"
    small, whole = np.zeros((4, 4), np.uint8), np.full((HEIGHT, WIDTH), 255, np.uint8)
    torn = cloud(3, 1)
    torn.data = torn.data[:-5]
    said = [
        (TOPICS.masks, IMAGE, picture(1, small)), (TOPICS.labels, IMAGE, picture(1, small)),
        (TOPICS.objects, CLOUD, cloud(1, 1, number=7)),
        (TOPICS.objects, CLOUD, cloud(2, 1, instance=1)), (TOPICS.objects, CLOUD, torn),
        *(("/m/status", STATUS, status(one)) for one in ("soon", "nan", 4.0)),
        (TOPICS.masks, IMAGE, picture(4, whole)), (TOPICS.objects, CLOUD, cloud(4, 1)),
    ]  # fmt: skip
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        to: dict[str, Any] = {}
        for topic, kind, message in said:
            if topic not in to:
                to[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(to[topic], 1, STORE.serialize_cdr(message, kind))
    return path


def test_broken_messages_and_those_of_another_map_are_left_out(broken: Path) -> None:
    sent = node_views.read_sent(broken, TOPICS)
    assert sent.latencies_ms == {"/m/status": [4.0]}
    assert 3 * 10**9 not in sent.finds and sent.finds[4 * 10**9] == 1
    reference = np.zeros((10, 20, 3), np.uint8)
    painting = ObjectOfInterest(
        "painting", reference, np.full((10, 20), 255, np.uint8), (ObjectInstance(MAP_FROM_UV),)
    )
    grey = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    images = {10**9 * one: grey for one in (1, 2, 3, 4)}
    drawn = node_views.draw_sent(broken, TOPICS, images, MapObjects((painting,)))
    assert [set(one) for one in drawn.values()] == [
        set(), set(), set(), {TOPICS.masks, TOPICS.objects}
    ]  # fmt: skip


def test_what_came_is_counted_by_image(bag: Path) -> None:
    sent = node_views.read_sent(bag, TOPICS)
    seconds = [10**9 * one for one in (1, 2, 3)]
    assert [sent.masked[stamp] for stamp in seconds] == [0.25, 0.5, 0.125]
    assert [sent.finds[stamp] for stamp in seconds] == [0, 1, 2]
    assert node_views.telling_frames(sent, TOPICS) == [2 * 10**9, 3 * 10**9]
    page = node_views.table_of(
        sent, [*seconds, 4 * 10**9], {"masks": (TOPICS.masks, "/m/status"), "none": ("/x", "/y")}
    )
    assert "75.0 %" in page and "<td>20</td><td>29</td>" in page
    assert "0.0 %</td><td>–</td>" in page, "a node that sent nothing"


def test_masks_labels_and_finds_are_drawn_where_they_are(bag: Path) -> None:
    grey = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    reference = np.zeros((10, 20, 3), np.uint8)
    painting = ObjectOfInterest(
        "painting", reference, np.full((10, 20), 255, np.uint8), (ObjectInstance(MAP_FROM_UV),)
    )
    drawn = node_views.draw_sent(bag, TOPICS, {2 * 10**9: grey}, MapObjects((painting,)))
    (shown,) = drawn.values()
    red = shown[TOPICS.masks].astype(int)
    assert (red[:24, :, 0] > red[:24, :, 1] + 50).all()
    assert (red[24:] == 100).all()
    assert len(np.unique(shown[TOPICS.labels].reshape(-1, 3), axis=0)) == 1
    changed = np.argwhere((shown[TOPICS.objects] != 100).any(2))
    assert changed.min(0)[1] >= 17, "nothing left of the find"
    assert changed[:, 0].max() < 35
    page = node_views.panels([("masks <1>", shown[TOPICS.masks])])
    assert page.count("data:image/jpeg;base64,") == 1 and "masks &lt;1&gt;" in page


def test_matches_go_back_to_places_of_the_reference(bag: Path) -> None:
    from semloc_ros.datasets.bag_reader import messages
    from semloc_ros.localization.object_clouds import matches_from

    last = [message for _, message in messages(bag, TOPICS.objects, (CLOUD,))][-1]
    reference = np.zeros((10, 20, 3), np.uint8)
    painting = ObjectOfInterest(
        "painting", reference, reference[..., 0], (ObjectInstance(MAP_FROM_UV),)
    )
    finds = node_views.finds_of(matches_from(last, "map"), MapObjects((painting,)))
    assert [one.name for one in finds] == ["painting", "painting"]
    pixels = 20 * finds[1].points_uv + [20, 10]
    np.testing.assert_allclose(pixels, finds[1].points_image, atol=1e-4)
    assert finds[1].score == pytest.approx(0.9)
