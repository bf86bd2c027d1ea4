"""Where what images have beside them comes from: the bag, a bag beside it, models; and what is said
where nothing is there."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_bag import (
    COUNT,
    START,
    STORE,
    S,
    Watching,
    config,
    image,
    objects,
    places,
    write_drive,
    writing,
)

from semloc_ros.datasets.bag_reader import messages
from semloc_ros.errors import ConfigError, DatasetError, ModelError, SemlocError
from semloc_ros.evaluation import beside as beside_module
from semloc_ros.evaluation.running import predict, read_about
from semloc_ros.evaluation.sources import Job, sources_of
from semloc_ros.evaluation.stream import IMAGE, MASK, Event
from semloc_ros.evaluation.variants import predict_jobs
from semloc_ros.types import Frame

TRUTH = "/ground_truth/pose"
STAMPS = [START + number * S // 5 for number in range(COUNT)]
ALL = {"masks": "/m", "labels": "/l", "places": "/p", "objects": "/o"}


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_drive(tmp_path / "drive", clouds=True)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Of the images 3, 1 and 7, in this order, by another clock; of the rest nothing."""
    with writing(tmp_path / "nodes") as write:
        for at, number in enumerate((3, 1, 7)):
            stamp, pixels = STAMPS[number], np.full((48, 64), number, np.uint8)
            write("/m", at, image(stamp, np.where(pixels == 3, 255, 0).astype(np.uint8), "mono8"))
            write("/l", at, image(stamp, pixels.astype("<u2") + 300, "mono16"))
            write("/p", at, places(stamp, number, "odom" if number == 7 else "map"))
            write("/o", at, objects(stamp, number))
        write("/other", 9, objects(STAMPS[0] + 1, 0))
        write("/twice", 9, image(STAMPS[2], np.full((48, 64), 1, np.uint8), "mono8"))
        write("/twice", 8, image(STAMPS[2], np.full((48, 64), 2, np.uint8), "mono8"))
    return tmp_path / "nodes"


def frames_of(job: Job, folder: Path, **options: object) -> list[Frame]:
    watching = Watching()
    predict(job, watching, config(mask_max_age=0.0, places_max_age=0.0, **options), folder)
    return watching.frames


def test_each_comes_with_the_image_of_its_stamp(bag: Path, beside: Path, tmp_path: Path) -> None:
    job = Job(bag, TRUTH, beside=(beside,), **ALL)
    frames = frames_of(job, tmp_path / "out")
    kinds = ("mask", "labels", "places", "objects")
    has = {
        kind: [at for at, one in enumerate(frames) if getattr(one, kind) is not None]
        for kind in kinds
    }
    assert has == {"mask": [1, 3, 7], "labels": [1, 3, 7], "places": [1, 3], "objects": [1, 3, 7]}
    one = frames[3]
    assert one.mask is not None and one.mask.min() == 255 and frames[1].mask.max() == 0
    assert one.labels is not None and one.labels.dtype == np.uint16 and one.labels[0, 0] == 303
    assert one.places is not None and one.places.views.tolist() == [3]
    assert one.objects is not None and one.objects.objects.tolist() == [3, 3, 3]
    np.testing.assert_array_equal(one.objects.correspondences.points_image[:, 0], [0, 1, 2])
    about = read_about(tmp_path / "out")
    assert about["beside"] == ["nodes"] and about["objects"] == "/o" and about["masks"] == "/m"


def test_places_and_objects_of_the_bag_itself_come_as_they_were_recorded(
    bag: Path, tmp_path: Path
) -> None:
    job = Job(bag, TRUTH, places="/places", objects="/objects")
    frames = frames_of(job, tmp_path / "out")
    found = [one.objects.objects[0] for one in frames[1:] if one.objects is not None]
    assert found == list(range(1, COUNT)), "none is waited for before the first came"
    assert all(one.places is None for one in frames[:1]), "they come 20 ms late, and none waits"
    hasty = frames_of(job, tmp_path / "hasty", objects_wait_ms=10.0)
    assert not any(one.objects for one in hasty[:-1])


def test_the_bag_itself_comes_first_and_parameters_name_topics_too(
    bag: Path, beside: Path
) -> None:
    named = config(**{"topics.labels": "/l", "topics.objects": "/objects"})
    found = sources_of(Job(bag, TRUTH, beside=(beside,)), named)
    assert (found.config.topics.labels, found.config.topics.objects) == ("", "/objects")
    assert len(found.recorded) == 1


@pytest.mark.parametrize("kind", ["mask", "labels", "places", "objects"])
def test_the_localizer_gets_no_more_than_it_is_to_get(
    bag: Path, beside: Path, tmp_path: Path, kind: str
) -> None:
    job = Job(bag, TRUTH, beside=(beside,), **ALL)
    frames = frames_of(job, tmp_path / "out", **{f"gets.{kind}": False})
    there = {
        one for one in ("mask", "labels", "places", "objects")
        if any(getattr(frame, one) is not None for frame in frames)
    }  # fmt: skip
    assert there == {"mask", "labels", "places", "objects"} - {kind}


def test_what_is_not_there_is_one_line_before_anything_is_written(
    bag: Path, beside: Path, tmp_path: Path
) -> None:
    cases = {
        "/oo": f"^--objects /oo: expected a topic of {bag} or {beside}, got none of them",
        "/m": r"/m: expected sensor_msgs/msg/PointCloud2, got sensor_msgs/msg/Image",
        "/mask": r"/mask: expected sensor_msgs/msg/PointCloud2, got sensor_msgs/msg/Image",
        "/other": "/other: expected messages at the stamps of the bag's images, got none of 1",
    }
    for source, said in cases.items():
        with pytest.raises(DatasetError, match=said) as refused:
            job = Job(bag, TRUTH, objects=source, beside=(beside,))
            predict(job, Watching(), config(), tmp_path / "out")
        assert "\n" not in str(refused.value)
    with pytest.raises(DatasetError, match=r"^topics.mask /mm: expected a topic of"):
        sources_of(Job(bag, TRUTH), config(**{"topics.mask": "/mm"}))
    for option in ("masks", "objects"):
        with pytest.raises(SemlocError, match=r"absent|objects") as missing:
            sources_of(Job(bag, TRUTH, **{option: "absent"}), config(map=str(tmp_path)))
        assert "\n" not in str(missing.value)
    with pytest.raises(ModelError, match=r"clusters.npz: expected a model that knows what is dyn"):
        sources_of(Job(bag, TRUTH, masks="clusters.npz"), config())
    assert not (tmp_path / "out" / "predictions.jsonl").exists()


def test_a_topic_without_messages_is_one_line(bag: Path, tmp_path: Path) -> None:
    from rosbags.rosbag2 import StoragePlugin, Writer

    with Writer(tmp_path / "silent", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection("/o", "sensor_msgs/msg/PointCloud2", typestore=STORE)
    for job in (Job(tmp_path / "silent", TRUTH, objects="/o"),
                Job(bag, TRUTH, objects="/o", beside=(tmp_path / "silent",))):  # fmt: skip
        with pytest.raises(DatasetError, match="silent /o: expected messages, got none"):
            sources_of(job, config())


def test_of_two_of_one_stamp_one_is_used(bag: Path, beside: Path, tmp_path: Path) -> None:
    frames = frames_of(Job(bag, TRUTH, labels="/twice", beside=(beside,)), tmp_path / "out")
    assert [at for at, one in enumerate(frames) if one.labels is not None] == [2]


def test_what_belongs_to_no_image_is_not_kept(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    black = np.zeros((48, 64), np.uint8)
    with writing(tmp_path / "long") as write:
        for at in range(50):
            write("/m", at, image(STAMPS[0] + 1 + at, black, "mono8"))
        for at, number in enumerate((2, 2, 1)):
            write("/m", 50 + at, image(STAMPS[number], black, "mono8"))
    job = Job(bag, TRUTH, masks="/m", beside=(tmp_path / "long",))
    (masks,) = sources_of(job, config()).recorded
    masks.check(STAMPS)
    read: list[weakref.ref[Any]] = []

    def watched(*words: Any) -> Iterator[tuple[Any, Any]]:
        for at, message in messages(*words):
            read.append(weakref.ref(message))
            yield at, message

    monkeypatch.setattr(beside_module, "messages", watched)
    events = masks.beside([Event(stamp, stamp, IMAGE, None, stamp) for stamp in STAMPS])
    assert next(one.stamp_ns for one in events if one.kind == MASK) == STAMPS[1]
    assert len(read) == 53
    assert sum(one() is not None for one in read) <= 3, "of the images 1 and 2, and the last read"
    assert [one.stamp_ns for one in events if one.kind == MASK] == [STAMPS[2]]


def test_a_variant_without_what_nobody_has_is_refused(bag: Path, beside: Path) -> None:
    job = Job(bag, TRUTH, beside=(beside,), objects="/o")
    without = {kind: {f"gets.{kind}": False} for kind in ("objects", "places")}
    with pytest.raises(ConfigError, match="^--ablate places: expected a source of places, got non"):
        predict_jobs({"day": job}, without, config(), beside / "out")
    named = {"some": {"topics.places": "/p"}, "none": {"gets.places": False}, "x": {"seed": 3}}
    with pytest.raises(SemlocError, match="gallery"):  # only the map is missing
        predict_jobs({"day": job}, named, config(), beside / "out")


def test_labels_are_no_part_of_a_map_without_them(
    bag: Path, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from semloc_ros.maps import storage

    bare = SimpleNamespace(label_histogram=np.zeros((5, 0)))
    monkeypatch.setattr(storage, "load_map", lambda path, verify=True: bare)
    job = replace(Job(bag, TRUTH), labels="/l", beside=(beside,))
    with pytest.raises(ConfigError, match="--ablate none: expected a map with labels"):
        predict_jobs(
            {"day": job}, {"all": {}, "none": {"gets.labels": False}}, config(), beside / "out"
        )
