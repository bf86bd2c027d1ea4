"""One mark in one image, and the object is known in all: on a wall that is known exactly."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hung_pictures import CORNERS, hang

from semloc_ros.config.object_annotation import AnnotationConfig
from semloc_ros.datasets.map_objects import picture_objects
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import homographies, planes
from semloc_ros.learning.annotation_files import read_marks
from semloc_ros.learning.object_annotation import Propagator
from semloc_ros.learning.object_instances import merge_marks
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest


def marked(wall, tmp_path, view=2, picture=0, **more):
    entry = {"image": f"left/{view:03d}.png", "polygon": wall.polygon(picture, view).tolist()}
    path = tmp_path / "objects.json"
    path.write_text(json.dumps({"objects": {"one": entry | more}}))
    return read_marks(path, wall.semantic_map)[0]


def true_uv(wall, mark, picture=0):
    """(3, 3) from true (u, v) of a picture to those of the mark's reference."""
    truth = planes.image_from_plane(wall.places[picture], wall.camera, wall.poses[mark.view])
    return homographies.inverse(mark.image_from_uv) @ truth


def corner_errors(wall, mark, instance, picture=0):
    """Metres (4,) between where the corners are and where they were found to be."""
    found = instance.points_map(homographies.apply(true_uv(wall, mark, picture), CORNERS))
    return np.linalg.norm(found - ObjectInstance(wall.places[picture]).points_map(CORNERS), axis=1)


def propagated(wall, mark, **options):
    propagator = Propagator(wall.semantic_map, AnnotationConfig(**options))
    return propagator.propagate(mark, wall.image(mark.view))


def test_the_place_of_an_object_follows_from_one_mark(tmp_path):
    wall = hang()
    mark = marked(wall, tmp_path)
    found = propagated(wall, mark)
    assert corner_errors(wall, mark, found.instance).max() < 1e-5
    assert found.points >= 60 and found.planarity_m < 1e-6
    assert found.reference.shape == (*mark.mask.shape, 3)


def test_noise_does_little(tmp_path):
    wall = hang(noise_px=0.5, num_views=10)
    mark = marked(wall, tmp_path)
    assert corner_errors(wall, mark, propagated(wall, mark).instance).max() < 0.006


def test_all_views_that_saw_enough_have_it_where_it_is(tmp_path):
    wall = hang(noise_px=0.3)
    mark = marked(wall, tmp_path)
    found = propagated(wall, mark)
    assert [one.view for one in found.instance.sightings] == [0, 1, 2, 3, 4, 5]
    for sighting, fit in zip(found.instance.sightings, found.fits, strict=True):
        assert sighting.num_matches >= sighting.num_inliers >= 7
        assert fit.error_px < 0.6 and fit.outline_px < 2.5
        there = planes.image_from_plane(
            wall.places[0], wall.camera, wall.poses[sighting.view]
        )
        truth = homographies.apply(there, CORNERS)
        ours = homographies.apply(sighting.image_from_uv @ true_uv(wall, mark), CORNERS)
        assert np.linalg.norm(ours - truth, axis=1).max() < 1.0
    at = np.array(wall.semantic_map.feature_points)
    in_view = slice(*wall.semantic_map.feature_offsets[5:7])
    at[in_view] = np.where((at[in_view] >= 6) & (at[in_view] < 80), -1, at[in_view])
    wall.semantic_map = dataclasses.replace(wall.semantic_map, feature_points=at)
    views = [one.view for one in propagated(wall, mark).instance.sightings]
    assert views == [0, 1, 2, 3, 4]  # six points are not enough


def test_masks_and_uv_are_true_though_the_lens_bends_lines(tmp_path):
    wall = hang()
    mark = marked(wall, tmp_path)
    objects = merge_marks([propagated(wall, mark)])
    for view in (0, 5):
        pose = wall.poses[view]
        found = picture_objects(objects, view, wall.camera, pose)
        whole = ObjectInstance(wall.places[0], (dataclasses.replace(
            objects.objects[0].instances[0].sightings[view],
            image_from_uv=planes.image_from_plane(wall.places[0], wall.camera, pose),
        ),))  # fmt: skip
        picture = wall.pictures[0]
        one = ObjectOfInterest("x", picture, np.full(picture.shape[:2], 255, np.uint8), (whole,))
        truth = picture_objects(MapObjects((one,)), view, wall.camera, pose)
        a, b = found.numbers > 0, truth.numbers > 0
        assert (a & b).sum() / (a | b).sum() > 0.97
        moved = homographies.apply(true_uv(wall, mark), truth.uv[a & b])
        assert np.abs(moved - found.uv[a & b]).max() < 1e-4
        assert found.names == ("one",) and np.isnan(found.uv[~a]).all()


def test_where_poses_are_off_the_homography_is_kept(tmp_path):
    wall = hang()
    poses = np.array(wall.semantic_map.camera_from_map)
    poses[4, 0, 3] += 0.03  # some 2 pixels
    wall.semantic_map = dataclasses.replace(wall.semantic_map, camera_from_map=poses)
    mark = marked(wall, tmp_path)
    for limit, least, most in ((1.0, 0.0, 0.3), (50.0, 1.0, 4.0)):
        found = propagated(wall, mark, plane_error_px=limit).instance.sightings[4]
        truth = planes.image_from_plane(wall.places[0], wall.camera, wall.poses[4])
        ours = homographies.apply(found.image_from_uv @ true_uv(wall, mark), CORNERS)
        error = np.linalg.norm(ours - homographies.apply(truth, CORNERS), axis=1).max()
        assert least <= error < most


def test_too_few_points_are_one_line(tmp_path):
    wall = hang()
    mark = marked(wall, tmp_path)
    with pytest.raises(DatasetError) as caught:
        propagated(wall, mark, min_matches=500)
    assert str(caught.value).startswith(
        "left/002.png: expected 500 points of the map or more on object one, got "
    )


def test_copies_are_one_object(tmp_path):
    wall = hang(twins=True)
    marks = [
        dataclasses.replace(marked(wall, tmp_path, view, picture), entry=entry, name="poster")
        for entry, picture, view in (("left", 0, 1), ("right", 1, 4))
    ]
    found = [propagated(wall, mark) for mark in marks]
    found[0] = dataclasses.replace(found[0], points=1)  # the other has the reference
    (merged,) = merge_marks(found).objects
    assert merged.name == "poster" and len(merged.instances) == 2
    assert np.array_equal(merged.reference, found[1].reference)
    for picture in (0, 1):
        place = merged.instances[picture].points_map(
            homographies.apply(true_uv(wall, marks[1], 1), CORNERS)
        )
        truth = ObjectInstance(wall.places[picture]).points_map(CORNERS)
        assert np.linalg.norm(place - truth, axis=1).max() < (0.012, 1e-4)[picture]
    assert len(merged.instances[0].sightings) == len(found[0].instance.sightings)


def test_marks_of_one_class_that_show_different_things_are_one_line(tmp_path):
    wall = hang()
    found = [
        propagated(wall, dataclasses.replace(marked(wall, tmp_path, 2, picture), name="poster"))
        for picture in (0, 1)
    ]
    with pytest.raises(DatasetError, match="expected the picture that one shows, as its class"):
        merge_marks(found)


def test_objects_whose_places_are_known_are_seen_where_enough_points_are():
    wall = hang()
    propagator = Propagator(wall.semantic_map, AnnotationConfig())
    objects = MapObjects(tuple(
        ObjectOfInterest(name, picture, np.full(picture.shape[:2], 255, np.uint8),
                         (ObjectInstance(place),))
        for name, picture, place in zip("ab", wall.pictures, wall.places, strict=True)
    ))  # fmt: skip
    found = propagator.sighted(objects)
    for one, place in zip(found.objects, wall.places, strict=True):
        assert len(one.instances[0].sightings) >= 5
        for sighting in one.instances[0].sightings:
            pose = wall.poses[sighting.view]
            truth = planes.image_from_plane(place, wall.camera, pose)
            ours = homographies.apply(sighting.image_from_uv, CORNERS)
            assert np.allclose(ours, homographies.apply(truth, CORNERS), atol=1e-3)
