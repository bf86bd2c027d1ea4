"""Renders the galleries in which objects of interest are measured (`objects.py`).

Run as `python3 benchmarks/object_worlds.py --out out/objects [--views 100]`. As the loops and test
views of Virtual Gallery (Weinzaepfel et al., CVPR 2019, section 4), smaller: 42 paintings in four
rooms, a robot with six cameras that takes pictures every 20 cm, visitors' views. All are one
gallery, so that one map and its objects hold for each.

    train_LIGHT/frames/mapping         a lap in each of the six lights, nobody there; every 20 cm
                                       by day, every 80 cm in the others
    train_day_of_N/frames/mapping      one of N stops of it, by links: 2, 4, 8, 15
    train_lights/frames/LIGHT          all six lights, every 80 cm, by links
    views_LIGHT_CROWD/frames/views     the same views in each light, with 0 to 3 (many) visitors
    moved/frames/query, views          six paintings hang elsewhere, two pairs have changed places
    copies/frames/mapping, views       three posters hang in every room
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from semloc_ros.config import GalleryConfig
from semloc_ros.worlds.gallery.lights import LIGHTS
from semloc_ros.worlds.recording.gallery import make_gallery

CROWDS = (0, 1, 2, 3)
THIN = (2, 4, 8, 15)  # of the training images of Figure 7, 1 of so many
SPARSE = 0.5  # Hz
DAY_PER_OTHER = round(GalleryConfig().mapping_rate / SPARSE)
GALLERY = GalleryConfig(
    seed=301, room_width_m=9.0, room_depth_m=6.4, paintings_per_room=11, paintings=42,
    cameras="ring", image_width=480, image_height=360, mapping_laps=1, runs="none",
)  # fmt: skip


def worlds(views: int) -> dict[str, GalleryConfig]:
    """All galleries by the name of their folder; what is wanted first comes first."""
    run = replace(GALLERY, runs="mapping")
    pictures = replace(GALLERY, free_views=views)
    found = {"train_day": run, "views_day_0": pictures}
    found["moved"] = replace(
        pictures, runs="query", moved_paintings=6, swapped_paintings=2, query_rate=SPARSE
    )
    for crowd in reversed(CROWDS):
        found[f"views_day_{crowd}"] = replace(pictures, crowd=crowd)
    for light in LIGHTS:
        found[f"views_{light}_0"] = replace(pictures, light=light)
    for light in (light for light in LIGHTS if light != "day"):
        found[f"train_{light}"] = replace(run, mapping_light=light, mapping_rate=SPARSE)
    found["copies"] = replace(pictures, runs="mapping", duplicated_posters=3, mapping_rate=SPARSE)
    for crowd in reversed(CROWDS):
        for light in LIGHTS:
            found[f"views_{light}_{crowd}"] = replace(pictures, light=light, crowd=crowd)
    return found


def linked(source: Path, run: Path, every: int = 1) -> None:
    """`run`, a dataset folder WORLD/frames/NAME, with each `every`-th stop of another one, by
    links; WORLD gets the objects of the other's."""
    world, source = run.parents[1], source.resolve()
    (run / "sensors").mkdir(parents=True, exist_ok=True)
    shown = {
        world / "objects": source.parents[1] / "objects", run / "truth": source / "truth",
        run / "sensors" / "records_data": source / "sensors" / "records_data",
    }  # fmt: skip
    for link, target in shown.items():
        if not link.is_symlink():
            link.symlink_to(target)
    for name in ("objects.json", "sensors/sensors.txt", "sensors/rigs.txt"):
        shutil.copyfile(source / name, run / name)
    lines = (source / "sensors" / "trajectories.txt").read_text().splitlines()
    stamps = {line.split(",")[0] for line in lines if not line.startswith("#")}
    kept = set(sorted(stamps, key=int)[::every])
    for name in ("sensors/trajectories.txt", "sensors/records_camera.txt"):
        lines = (source / name).read_text().splitlines()
        chosen = [one for one in lines if one.startswith("#") or one.split(",")[0] in kept]
        (run / name).write_text("\n".join(chosen) + "\n")


def link_all(out: Path) -> None:
    """What is made of the training loops that are there."""
    for light in LIGHTS:
        run = out / f"train_{light}" / "frames" / "mapping"
        if run.is_dir():
            every = DAY_PER_OTHER if light == "day" else 1
            linked(run, out / "train_lights" / "frames" / light, every)
    day = out / "train_day" / "frames" / "mapping"
    for every in THIN if day.is_dir() else ():
        linked(day, out / f"train_day_of_{every}" / "frames" / "mapping", every)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the galleries")
    parser.add_argument("--views", type=int, default=100, help="pictures of each set of views")
    parser.add_argument("--only", default="", help="names of galleries, by commas")
    arguments = parser.parse_args()
    wanted = set(arguments.only.split(",")) if arguments.only else None
    for name, config in worlds(arguments.views).items():
        if wanted is None or name in wanted:
            made = make_gallery(config, arguments.out / name, output="frames")
            print(f"{name}: {'written' if made else 'is there already'}", flush=True)
            link_all(arguments.out)


if __name__ == "__main__":
    main()
