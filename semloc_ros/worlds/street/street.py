"""The street, built for one condition."""

from __future__ import annotations

from semloc_ros.config import StreetConfig
from semloc_ros.worlds.rendering.scene import SceneBuilder
from semloc_ros.worlds.street.buildings import add_buildings
from semloc_ros.worlds.street.clips import clip_views
from semloc_ros.worlds.street.conditions import Condition
from semloc_ros.worlds.street.furniture import add_furniture
from semloc_ros.worlds.street.ground import add_ground
from semloc_ros.worlds.street.plan import StreetPlan
from semloc_ros.worlds.street.plots import add_plots
from semloc_ros.worlds.street.site import LANE, make_site
from semloc_ros.worlds.street.trees import make_forester
from semloc_ros.worlds.street.works import Works


def build_street(
    config: StreetConfig, condition: Condition, builder: SceneBuilder, *, day: int = 0,
    swaying: bool = False,
) -> StreetPlan:  # fmt: skip
    """Adds the still street to the builder and tells what others need to know of it.

    The same configuration gives the same geometry, instances and objects in all conditions, but
    for leaves and snow, which come last. Leaves hang otherwise every `day`. With
    `swaying`, the crowns before the cameras of clips are meshes of their own instead of a part of
    the still scene.
    """
    site = make_site(config)
    works = Works(builder, config, condition, site, day)
    add_ground(works)
    views = clip_views(site)
    plots, forester = add_buildings(works), make_forester(works, views if swaying else ())
    add_plots(works, forester, plots)
    add_furniture(works, forester)
    works.finish()
    return StreetPlan(
        drive_xy=site.corners(LANE),
        lanes=site.lanes(),
        walks=site.walks(),
        parking=site.parking(),
        lamps=tuple(works.lamps),
        objects=tuple(works.objects),
        swaying=tuple(forester.crowns),
        clip_views=views,
    )
