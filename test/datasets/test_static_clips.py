"""Clips in CDnet's form, videos and folders of images; and the real ones."""

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.static_clips import read_static_clip, read_static_clips, recognize
from semloc_ros.datasets.video_files import VideoFile
from semloc_ros.errors import DatasetError, SemlocError

TRUTH = np.array([[0, 50, 85], [170, 255, 255]], np.uint8)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def clip(tmp_path):
    """Four frames, of which 3 and 4 have truth."""
    folder = tmp_path / "baseline" / "highway"
    for number in range(1, 5):
        save(folder / "input" / f"in{number:06d}.png", np.full((2, 3, 3), number, np.uint8))
        save(folder / "groundtruth" / f"gt{number:06d}.png", TRUTH)
    save(folder / "ROI.bmp", np.array([[255, 255, 255], [255, 255, 0]], np.uint8))
    (folder / "temporalROI.txt").write_text("3 4\n")
    return folder


def write_video(path, levels, codec="MJPG", rate=10.0):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, (64, 48))
    for level in levels:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()


def test_frames_and_truth_of_cdnet(clip):
    found = read_static_clip(clip)
    assert (found.name, found.num_frames, found.rate_hz) == ("highway", 4, 0.0)
    assert found.read(2).mean() == 3
    assert found.read(0).shape == (2, 3, 3)
    assert found.read_truth(1) is None  # before the period
    assert found.read_truth(2).tolist() == [[0, 50, 85], [170, 255, 85]]  # outside the region


def test_truth_kept_as_rgb_or_kept_back(clip):
    save(clip / "groundtruth" / "gt000003.png", np.dstack([TRUTH] * 3))
    (clip / "groundtruth" / "gt000004.png").unlink()
    found = read_static_clip(clip)
    assert found.read_truth(2)[1, 1] == 255
    assert found.read_truth(3) is None


def test_every_clip_below_a_folder(clip, tmp_path):
    save(tmp_path / "night" / "street" / "input" / "in000001.jpg", np.zeros((2, 3, 3), np.uint8))
    write_video(tmp_path / "b.avi", [0, 100])
    assert [one.name for one in read_static_clips(tmp_path)] == ["b", "highway", "street"]
    assert [one.num_frames for one in read_static_clips(tmp_path)] == [2, 4, 1]
    assert recognize(tmp_path) and recognize(clip) and recognize(tmp_path / "b.avi")
    assert not recognize(clip / "groundtruth")


def test_images_of_a_folder_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 9, 2):
        save(tmp_path / "cam" / f"frame{number}.png", np.full((2, 3, 3), number, np.uint8))
    found = read_static_clip(tmp_path / "cam", rate_hz=5.0)
    assert [found.read(index).mean() for index in range(3)] == [2, 9, 10]
    assert (found.rate_hz, found.read_truth(0)) == (5.0, None)


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mp4", "mp4v")])
def test_a_video_is_read_in_any_order(tmp_path, name, codec):
    write_video(tmp_path / name, range(0, 240, 20), codec)
    found = read_static_clip(tmp_path / name)
    assert (found.num_frames, found.rate_hz) == (12, pytest.approx(10.0))
    for index in (0, 7, 3, 3, 11, 4):
        assert found.read(index).mean() == pytest.approx(20 * index, abs=6)
    with pytest.raises(IndexError):
        found.read(12)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("temporalROI.txt", b"3", "temporalROI.txt: expected two frame numbers, got others"),
        ("temporalROI.txt", None, "temporalROI.txt: expected two frame numbers, got no such file"),
        ("temporalROI.txt", b"9 12", "groundtruth: expected gt000001.png and so on, from 9 to 12"),
        ("ROI.bmp", b"BM", "ROI.bmp: expected a label image, got not readable"),
        ("groundtruth/gt000003.png", b"", "gt000003.png: expected a label image, got not read"),
        ("input/in000003.png", b"", "in000003.png: expected an image, got not readable"),
    ],
)
def test_a_broken_clip_is_one_line(clip, file, content, complaint):
    (clip / file).unlink() if content is None else (clip / file).write_bytes(content)
    with pytest.raises(SemlocError, match=complaint) as fault:
        found = read_static_clip(clip)
        found.read(2)
        found.read_truth(2)
    assert "\n" not in str(fault.value)


def test_a_wrong_truth_value_and_a_region_of_another_size_are_one_line(clip):
    save(clip / "groundtruth" / "gt000003.png", TRUTH // 2)
    with pytest.raises(DatasetError, match="gt000003.png: expected 0, 50, 85, 170 or 255, got 25"):
        read_static_clip(clip).read_truth(2)
    save(clip / "ROI.bmp", np.full((4, 3), 255, np.uint8))
    with pytest.raises(DatasetError, match=r"ROI.bmp: expected \(2, 3\), got \(4, 3\)"):
        read_static_clip(clip).read_truth(3)


def test_broken_videos_and_empty_folders_are_one_line(tmp_path):
    (tmp_path / "a.avi").write_bytes(b"no video")
    with pytest.raises(DatasetError, match="a.avi: expected a video, got another format"):
        read_static_clip(tmp_path / "a.avi")
    (tmp_path / "a.avi").unlink()
    with pytest.raises(DatasetError, match="a.avi: expected a video, got no such file"):
        read_static_clip(tmp_path / "a.avi")
    with pytest.raises(DatasetError, match="expected input/in000001.jpg or videos, got neither"):
        read_static_clips(tmp_path)


def test_a_cut_video_is_read_to_where_it_is_cut_in_silence(tmp_path, capfd):
    write_video(tmp_path / "a.mp4", range(0, 240, 20), "mp4v")
    write_video(tmp_path / "b.avi", range(0, 240, 20))
    (tmp_path / "a.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:-200])
    (tmp_path / "b.avi").write_bytes((tmp_path / "b.avi").read_bytes()[:-2000])
    capfd.readouterr()
    with pytest.raises(DatasetError, match="a.mp4: expected a video, got another format"):
        read_static_clip(tmp_path / "a.mp4")
    found = read_static_clip(tmp_path / "b.avi")
    assert 2 < found.num_frames < 12
    last = found.num_frames - 1
    assert found.read(last).mean() == pytest.approx(20 * last, abs=3)
    assert capfd.readouterr() == ("", "")


def test_the_real_highway(shared_data):
    (found,) = read_static_clips(shared_data("cdnet_highway"))
    assert found.num_frames == 1200
    assert found.read(1199).shape == (240, 320, 3)
    assert found.read_truth(468) is None
    truth = found.read_truth(799)
    values, counts = np.unique(truth, return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {
        0: 63_086, 50: 161, 170: 3_837, 255: 9_716,
    }  # fmt: skip


def test_the_real_videos(shared_data):
    found = {clip.name: clip for clip in read_static_clips(shared_data("clips"))}
    # the header of pedestrians.avi tells 682 frames at 50 Hz: fields, not frames
    assert {name: clip.num_frames for name, clip in found.items()} == {
        "pedestrians": 341, "traffic": 374,
    }  # fmt: skip
    assert found["pedestrians"].rate_hz == pytest.approx(25.0)
    assert found["traffic"].rate_hz == pytest.approx(30.0)


def test_going_back_in_a_real_video_gives_the_same_frame(shared_data):
    video = VideoFile(shared_data("clips") / "traffic.avi")
    late = video.read(340)
    video.read(5)
    assert np.array_equal(video.read(340), late)
    assert not np.array_equal(video.read(341), late)
