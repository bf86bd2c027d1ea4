"""Clips of static cameras, and sheets of what was made."""

import dataclasses
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from semloc_ros.cli.main import app
from semloc_ros.config import ClipConfig
from semloc_ros.datasets.static_clips import read_static_clips
from semloc_ros.errors import ConfigError, DatasetError
from semloc_ros.geometry import se3
from semloc_ros.worlds.recording import clips
from semloc_ros.worlds.recording.gallery import make_gallery
from semloc_ros.worlds.recording.sheet import draw_sheet
from semloc_ros.worlds.rendering.scene import Motion, SceneBuilder
from semloc_ros.worlds.street.plan import ClipView, Lane

pytestmark = pytest.mark.usefixtures("coarse_light")

CONFIG = ClipConfig(rate=2.0, seconds=2.0, image_width=96, image_height=72, crowd=3)


@pytest.fixture(scope="module")
def gallery_alone(tiny_config):
    """Clips of a tiny gallery; the street takes too long to build here."""
    config = dataclasses.replace(CONFIG, gallery=tiny_config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "_sets", only_gallery)
        yield config


def only_gallery(config, conditions, building):
    building("gallery")
    yield clips._gallery(config, config.gallery, clips.plans.lens(96, 72, 60.0))


@pytest.fixture(scope="module")
def made(tmp_path_factory, gallery_alone):
    folder = tmp_path_factory.mktemp("clips") / "clips"
    seen, doing = [], []

    def progress(done, total, what):
        (doing if what.startswith("building") else seen).append(done)

    assert clips.make_clips(gallery_alone, folder, progress=progress)
    assert seen == list(range(1, 9)) and doing == [0]
    return folder


def test_the_reader_of_public_clips_reads_them(made):
    found = read_static_clips(made)
    assert [clip.num_frames for clip in found] == [4, 4]
    for clip in found:
        assert clip.read(0).shape == (72, 96, 3)
        values = np.unique([clip.read_truth(i) for i in range(4)])
        assert set(values.tolist()) <= {0, 170, 255}
    masks = [clip.read_truth(i) for clip in found for i in range(4)]
    assert 0.001 < np.mean(np.stack(masks) == 255) < 0.4, "somebody walks, but not everywhere"


def test_what_is_masked_changes_and_the_rest_does_not(made):
    for clip in read_static_clips(made):
        one, other = clip.read(0).astype(float), clip.read(3).astype(float)
        free = (clip.read_truth(0) == 0) & (clip.read_truth(3) == 0)
        moved = cv2.erode(((clip.read_truth(0) == 255)).astype(np.uint8), np.ones((3, 3))) > 0
        change = np.abs(one - other).mean(axis=2)
        assert np.median(change[free]) < 6
        if moved.sum() > 20:
            assert np.median(change[moved]) > 2 * np.median(change[free])


def test_a_killed_clip_goes_on_with_the_same_bytes(made, tmp_path, gallery_alone):
    def killed(done, total, doing):
        if done == 3:
            raise KeyboardInterrupt

    folder = tmp_path / "clips"
    with pytest.raises(KeyboardInterrupt):
        clips.make_clips(gallery_alone, folder, progress=killed)
    assert not folder.exists()
    began = []
    clips.make_clips(gallery_alone, folder, progress=lambda *told: began.append(told))
    assert began[0] == (0, 20, "building gallery")
    assert began[1][0] > 3 and began[-1] == (8, 20, "gallery_2")
    for path in made.rglob("*.*"):
        if path.name != "world.json":
            assert (folder / path.relative_to(made)).read_bytes() == path.read_bytes(), path
    assert not clips.make_clips(gallery_alone, folder)


def test_masks_are_those_of_cdnet():
    motions = np.array([[Motion.STATIC, Motion.SWAYING, Motion.MOVABLE, Motion.MOVING]])
    np.testing.assert_array_equal(clips._MASKS[motions], [[0, 170, 0, 255]])


def test_shadows_are_where_the_light_is_less_but_not_on_what_moves_or_its_rim():
    free = SimpleNamespace(color=np.full((5, 7, 3), 100.0, np.float32))
    motions = np.zeros((5, 7), np.uint8)
    motions[2, 1], motions[0, 6] = Motion.MOVING, Motion.MOVABLE
    color = free.color.copy()
    color[2, 0:5], color[4] = 60, 95
    dark = clips.shadows(SimpleNamespace(color=color, motions=motions), free)
    assert np.argwhere(dark).tolist() == [[2, 3], [2, 4]]


def test_a_flag_stands_at_the_kerb_in_view():
    class Plan:
        walks = (np.array([[0.0, 6.9], [50.0, 6.9]]), np.array([[0.0, -6.9], [50.0, -6.9]]))
        lanes = (Lane(np.array([[0.0, 1.65], [50.0, 1.65]]), False, "car"),)

    rotation = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # looks along +x
    view = ClipView("view", se3.make_pose(rotation, [4.0, 4.0, 3.0]))
    np.testing.assert_allclose(clips._flag_place(Plan, view)[:3, 3], [15.0, 6.0, 0.12])
    assert SceneBuilder().num_instances < clips._FLAGS < 20_000


def test_sheets_show_every_traversal_and_clip(made, tmp_path, tiny_config):
    make_gallery(tiny_config, tmp_path / "world", output="frames")
    draw_sheet(tmp_path / "world", tmp_path / "world.png", 2, True)
    picture = cv2.imread(str(tmp_path / "world.png"))
    assert picture.shape == (2 * (22 + 240), 2 * 2 * 320, 3)
    assert picture[30:250, :310].std() > 20 and picture[30:140, 330:470].std() > 20
    draw_sheet(tmp_path / "world", tmp_path / "bare.png", 3, False)
    assert cv2.imread(str(tmp_path / "bare.png")).shape == (2 * (22 + 240), 3 * 320, 3)
    draw_sheet(made, tmp_path / "clips.png", 2, True)
    assert cv2.imread(str(tmp_path / "clips.png")).shape == (2 * (22 + 240), 4 * 320, 3)


def test_sheets_of_what_is_none_are_one_line(tmp_path, tiny_config):
    with pytest.raises(DatasetError, match=r"world.json: expected a world's description, got none"):
        draw_sheet(tmp_path, tmp_path / "sheet.png", 2, True)
    make_gallery(tiny_config, tmp_path / "bags")
    with pytest.raises(DatasetError, match="expected a world with frames, or clips, got bags"):
        draw_sheet(tmp_path / "bags", tmp_path / "sheet.png", 2, True)


def test_unknown_conditions_name_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="wintr is unknown, did you mean winter?"):
        clips.make_clips(CONFIG, tmp_path / "clips", ["summer", "wintr"])
    for command in (["street"], ["clips"]):
        done = CliRunner().invoke(
            app, ["world", "make", *command, "--out", str(tmp_path / "a"), "--conditions", "nigt"]
        )
        assert isinstance(done.exception, ConfigError)
        assert str(done.exception) == "conditions: nigt is unknown, did you mean night?"
    assert list(tmp_path.iterdir()) == []
