"""Label maps for the images of a bag that do not come out of the bag: files, found by stamp, or
what a model makes of the images.

A source is a model (a name in models/ or a file, see `perception.label_model`), a folder of
`STAMP.png` (nanoseconds of the image's header), a world's dataset folder (kapture records tell the
stamps, `truth/CAMERA/NNNNNN.labels.png` are the labels), or `LABELS@FRAMES`: labels in LABELS under
the names of the images of the kapture folder FRAMES.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from semloc_ros.config import LabellerConfig
from semloc_ros.datasets.bag_reader import topics
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.evaluation.stream import IMAGE, LABELS, Event, with_made
from semloc_ros.maps.image_files import read_labels
from semloc_ros.maps.kapture import read_kapture_records
from semloc_ros.perception.label_model import Labeller, is_model, load_labeller
from semloc_ros.types import CameraImage, LabelMap, PosedImage

_RECORDS = "sensors/records_camera.txt"


@dataclass(frozen=True, slots=True)
class LabelFiles:
    """Files of label maps by the stamp of their image."""

    source: str
    paths: Mapping[int, Path]

    def check(self, stamps_ns: Iterable[int]) -> None:
        """DatasetError, in one line, if none of them belongs to an image of these stamps."""
        if not any(stamp in self.paths for stamp in stamps_ns):
            wanted = "label maps at the stamps of the bag's images"
            got = f"none of {len(self.paths)}"
            raise DatasetError(expected(f"--labels {self.source}", wanted, got))

    def beside(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events, and before each image its label map where there is one."""
        for event in events:
            if event.kind == IMAGE:
                found = self._read(event.stamp_ns)
                if found is not None:
                    yield replace(event, kind=LABELS, value=found)
            yield event

    def _read(self, stamp_ns: int) -> LabelMap | SemlocError | None:
        path = self.paths.get(stamp_ns)
        if path is None or not path.is_file():
            return None
        try:
            return read_labels(path)
        except SemlocError as error:
            return error


@dataclass(frozen=True, slots=True)
class LabelModel:
    """Label maps that a model makes, as fast as images come: what it takes is not waited for."""

    labeller: Labeller

    def check(self, stamps_ns: Iterable[int]) -> None:
        """Every image will have labels."""

    def beside(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events, and before each image its label map; none of an image that is broken."""
        return with_made(events, LABELS, self.labeller.label)


def find_labels(
    source: str, bag: Path, image_topic: str, config: LabellerConfig | None = None
) -> LabelFiles | LabelModel | None:
    """The files or the model of a source, None if it is a topic of the bag.

    Raises DatasetError, in one line, for a source that is neither, or a folder without any labels
    of the camera whose images are on `image_topic`; the errors of `load_labeller` for a model.
    """
    if source in topics(bag):
        return None
    if is_model(source):
        return LabelModel(_labeller(source, config or LabellerConfig()))
    labels, at, frames = source.rpartition("@")
    if at:
        paths = _by_records(source, Path(frames), Path(labels), ".png", image_topic)
    elif (Path(source) / _RECORDS).is_file():
        truth = Path(source) / "truth"
        paths = _by_records(source, Path(source), truth, ".labels.png", image_topic)
    else:
        paths = _by_stamps(source, bag)
    return LabelFiles(source, paths)


@lru_cache(maxsize=1)
def _labeller(source: str, config: LabellerConfig) -> Labeller:
    """One at a time is kept: bag after bag has the same."""
    return load_labeller(source, config)


def _by_stamps(source: str, bag: Path) -> dict[int, Path]:
    folder = Path(source)
    if not folder.is_dir():
        wanted = f"a topic of {bag}, a model, a folder, or LABELS@FRAMES"
        raise DatasetError(expected(f"--labels {source}", wanted, "none of them"))
    found = {int(path.stem): path for path in folder.glob("*.png") if path.stem.isdecimal()}
    if not found:
        wanted = f"files STAMP.png or {_RECORDS}, or LABELS@FRAMES if the stamps stand elsewhere"
        raise DatasetError(expected(f"--labels {source}", wanted, "neither"))
    return found


def _by_records(
    source: str, frames: Path, labels: Path, suffix: str, image_topic: str
) -> dict[int, Path]:
    try:
        posed, others = read_kapture_records(frames)
    except SemlocError as error:
        raise DatasetError(f"--labels {source}: {error}") from None
    images: list[PosedImage | CameraImage] = [*posed, *others]
    named = {(one.stamp_ns, PurePosixPath(one.name)) for one in images}
    camera = _camera(source, {str(name.parent) for _, name in named}, image_topic)
    found = {
        stamp: (labels / name).with_suffix(suffix)
        for stamp, name in named
        if str(name.parent) == camera
    }
    if not any(path.is_file() for path in found.values()):
        wanted = f"label maps such as {next(iter(found.values()), labels)}"
        raise DatasetError(expected(f"--labels {source}", wanted, "none"))
    return found


def _camera(source: str, cameras: set[str], image_topic: str) -> str:
    """The camera whose name is a part of the topic's, or the only one."""
    fitting = [one for one in cameras if one in image_topic.split("/")]
    if len(cameras) > 1 and len(fitting) != 1:
        wanted = f"a camera of the topic {image_topic}"
        raise DatasetError(expected(f"--labels {source}", wanted, ", ".join(sorted(cameras))))
    return (fitting or sorted(cameras) or [""])[0]
