"""What the demo's report shows of the nodes beside the localizer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semloc_ros.cli import demo_nodes
from semloc_ros.cli.demo_nodes import LABELS, MASKS, OBJECTS, PLACES, Beside
from semloc_ros.config import DemoConfig

if TYPE_CHECKING:
    from semloc_ros.evaluation.node_views import Sent, Topics

_HEADINGS = {
    MASKS: "masks of what moves (red)", LABELS: "labels, a colour each",
    OBJECTS: "objects of the map", PLACES: "places",
}  # fmt: skip


def sections_of_nodes(config: DemoConfig, out: Path) -> list[str]:
    """What the nodes sent in the run in `out`, as sections of HTML; none without such nodes."""
    from semloc_ros.evaluation.node_views import Topics, read_sent, table_of
    from semloc_ros.evaluation.predictions import COMPANIONS, FRAMES

    there, predictions = demo_nodes.started(config.nodes), out / "predictions"
    if not there:
        return []
    named = {MASKS: "masks", LABELS: "labels", OBJECTS: "objects", PLACES: "places"}
    topics = Topics(**{named[one]: one.topic for one in there})
    sent = read_sent(predictions / COMPANIONS, topics)
    frames = [int(line) for line in (predictions / FRAMES).read_text().split()]
    rows = {_HEADINGS[one]: (one.topic, one.status) for one in there}
    return [
        "<h2>What the nodes saw</h2>",
        "<p>From the arrival of an image to what a node made of it; what came too late for the "
        "localizer is counted, too.</p>",
        table_of(sent, frames, rows),
        *_pictures(config, out, sent, topics, there),
    ]


def _pictures(
    config: DemoConfig, out: Path, sent: Sent, topics: Topics, there: list[Beside]
) -> list[str]:
    from semloc_ros.datasets.view_images import topic_images
    from semloc_ros.evaluation.node_views import draw_sent, panels, telling_frames
    from semloc_ros.evaluation.predictions import COMPANIONS
    from semloc_ros.maps.object_files import load_objects

    chosen = telling_frames(sent, topics)
    readers = topic_images(out / "world" / "query", demo_nodes.IMAGE)
    images = {stamp: readers[stamp]() for stamp in chosen if stamp in readers}
    objects = load_objects(out / "map", verify=False) if OBJECTS in there else None
    drawn = draw_sent(out / "predictions" / COMPANIONS, topics, images, objects)
    words = {one.topic: _HEADINGS[one] for one in there}
    return [
        panels([(words[topic], picture) for topic, picture in sorted(pictures.items())])
        for pictures in drawn.values()
    ]
