"""Faults: what each does to a stream, and that a seed gives the same faults again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from semloc_ros.errors import ConfigError, DatasetError
from semloc_ros.evaluation.faults import KINDS, FaultLine, parse_faults
from semloc_ros.evaluation.stream import IMAGE, LABELS, ODOMETRY, Event
from semloc_ros.geometry import se3

S = 1_000_000_000
START = 1_700_000_000 * S


def stream(seconds: float = 20.0) -> Iterator[Event]:
    """Ten images with labels and ten samples of odometry a second, of a robot at x = t, recorded
    at once."""
    image = np.random.default_rng(5).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    for step in range(round(10 * seconds)):
        at = START + step * S // 10
        pose = se3.exp([step / 10, 0, 0, 0, 0, 0])
        yield Event(at, at, ODOMETRY, pose, at)
        yield Event(at, at, LABELS, image[..., 0] // 64, at, "camera")
        yield Event(at, at, IMAGE, image, at, "camera")


def injected(*words: str, seed: int = 0) -> list[Event]:
    return list(FaultLine(parse_faults(words), seed).inject(stream()))


def images(events: list[Event]) -> list[Event]:
    return [event for event in events if event.kind == IMAGE]


def odometry(events: list[Event]) -> list[Event]:
    return [event for event in events if event.kind == ODOMETRY]


def seconds_of(events: list[Event]) -> list[float]:
    return [(event.origin_ns - START) / S for event in events]


def same(a: list[Event], b: list[Event]) -> bool:
    if len(a) != len(b):
        return False
    return all(
        (x.at_ns, x.stamp_ns, x.kind) == (y.at_ns, y.stamp_ns, y.kind)
        and np.array_equal(x.value, y.value, equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )


def test_without_faults_nothing_changes() -> None:
    assert same(injected(), list(stream()))


def test_a_seed_gives_the_same_faults_and_another_seed_others() -> None:
    words = " ".join(KINDS)
    assert same(injected(words, seed=3), injected(words, seed=3))
    assert not same(injected(words, seed=3), injected(words, seed=4))


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_does_something(name: str) -> None:
    assert not same(injected(name), list(stream()))


def test_the_same_stamps_get_the_same_faults_whenever_they_arrive() -> None:
    """So that live topics have the faults of their bag, however late each message is."""
    words = "drop=0.3 blackout@2=1.05 crowd exposure nan_odom@3=2 odom_dropout@6=2 kidnap@9=3"
    rng = np.random.default_rng(8)
    lates = [replace(event, at_ns=event.at_ns + int(rng.integers(S // 20))) for event in stream()]
    live = FaultLine(parse_faults([words]), 0)
    became = [one for event in lates for one in live.push(event)]
    assert len(became) < len(lates)
    stamped = [replace(event, at_ns=event.stamp_ns) for event in became]
    assert same(stamped, injected(words))


def test_faults_do_not_bring_the_data_sets_along() -> None:
    """Nodes import them, and nodes import no data sets."""
    code = "import sys, semloc_ros.evaluation.faults; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "semloc_ros.evaluation.faults" in loaded
    assert not [name for name in loaded if name.startswith("semloc_ros.datasets")]


def test_drop_loses_its_share_of_images_and_no_odometry() -> None:
    events = injected("drop=0.25")
    assert 0.15 < 1 - len(images(events)) / 200 < 0.35
    assert len(odometry(events)) == 200
    assert images(injected("drop=1")) == []
    one, two = (set(seconds_of(images(injected(f"drop=0.5,drop={x}")))) for x in (0, 0.5))
    assert two < one, "two of a kind lose different images"


def test_delay_lets_odometry_overtake() -> None:
    events = injected("delay=0.35")
    arrivals = [event.at_ns for event in events]
    assert arrivals == sorted(arrivals)
    first = events.index(images(events)[0])
    assert len(odometry(events[:first])) == 4
    assert images(events)[0].at_ns - images(events)[0].stamp_ns == round(0.35 * S)


def test_blackout_is_black_for_a_while() -> None:
    events = images(injected("blackout@5s=3s"))
    dark = [event for event in events if not event.value.any()]
    assert seconds_of(dark) == [5 + step / 10 for step in range(30)]


def test_occlusion_covers_its_share() -> None:
    for event, plain in zip(images(injected("occlude=0.5")), images(injected()), strict=True):
        changed = (event.value != plain.value).any(axis=2).mean()
        assert 0.4 < changed < 0.6
    places = {(images(injected("occlude"))[step].value != 0).tobytes() for step in (0, 15, 35)}
    assert len(places) > 1, "the board moves on"


def test_what_covers_the_view_has_features_that_move_with_it() -> None:
    """A fault that only hides would be kinder than any crowd."""
    plain = np.full((240, 320, 3), 120, np.uint8)
    for word in ("crowd=6", "occlude=0.3"):
        line = FaultLine(parse_faults([word]), 0)
        seen = [
            line.push(Event(START + at, START + at, IMAGE, plain, START + at))[0].value
            for at in (0, S, S + 1)
        ]
        grey = cv2.cvtColor(seen[1], cv2.COLOR_RGB2GRAY)
        assert len(cv2.goodFeaturesToTrack(grey, 500, 0.05, 2)) > 100
        assert (seen[0] != seen[1]).any() and np.array_equal(seen[1], seen[2])
        line = FaultLine(parse_faults([word]), 0)
        one = line.push(Event(START, START, IMAGE, plain[..., 0].copy(), START))[0].value
        assert one.shape == (240, 320) and (one != 120).any()


def test_images_are_changed_in_copies() -> None:
    plain = images(list(stream(0.1)))[0].value.copy()
    for word in ("occlude", "crowd=20", "blur", "exposure=2", "blackout@0"):
        before = images(injected(word))[0].value
        assert before.shape == plain.shape and before.dtype == np.uint8
    assert np.array_equal(images(injected())[0].value, plain)


def test_exposure_and_blur_do_what_they_say() -> None:
    plain = images(injected())[0].value.astype(float)
    dark = images(injected("exposure=0.5"))[0].value
    noise = (dark - plain / 2)[(plain > 20) & (plain < 235)]
    assert abs(noise.mean()) < 0.2 and 1.2 < noise.std() < 1.8, "the sensor's own"
    first, second = (event.value for event in images(injected("exposure=1"))[:2])
    assert (first != second).any(), "of each frame"
    bright = images(injected("exposure=4"))[0].value
    assert bright[plain > 64].min() == 255
    blurred = images(injected("blur=5"))[0].value.astype(float)
    rows, columns = (np.abs(np.diff(blurred, axis=axis)).mean() for axis in (0, 1))
    assert columns < rows / 2, "along the rows only"


def test_wrong_labels_are_this_share_and_the_same_whenever_they_come() -> None:
    before = [event for event in stream() if event.kind == LABELS]
    after = [event for event in injected("labels=0.3") if event.kind == LABELS]
    wrong = [a.value != b.value for a, b in zip(after, before, strict=True)]
    assert {int(one.sum()) for one in wrong} == {round(0.3 * 24 * 32)}
    assert not np.array_equal(wrong[0], wrong[1]), "elsewhere in each image"
    late = FaultLine(parse_faults(["drop=0.5 labels=0.3"]), 0).inject(list(stream())[300:])
    for event in (one for one in late if one.kind == LABELS):
        index = (event.stamp_ns - START) * 10 // S
        np.testing.assert_array_equal(event.value, after[index].value)
    assert same(images(injected("labels")), images(list(stream())))


def test_a_kidnapped_robot_sees_nothing_and_its_odometry_stands_still() -> None:
    line = FaultLine(parse_faults(["kidnap@5s=4s"]), 0)
    events = list(line.inject(stream()))
    blind = set(seconds_of(list(stream()))) - set(seconds_of(images(events)))
    assert blind == {5 + step / 10 for step in range(40)}
    xs = np.array([event.value[0, 3] for event in odometry(events)])
    assert np.allclose(xs[:50], np.arange(50) / 10)
    assert np.allclose(xs[50:90], 4.9)
    assert np.allclose(np.diff(xs[90:]), 0.1), "and then it goes on"
    assert line.kidnaps_ns == [START + 9 * S]


def test_clocks_jump_and_the_recordings_stamps_are_kept() -> None:
    events = injected("clockjump@10s=-5s")
    late = [event for event in events if event.origin_ns >= START + 10 * S]
    assert all(event.stamp_ns == event.origin_ns - 5 * S for event in late)
    assert all(event.at_ns == event.stamp_ns for event in late)
    early = [event for event in events if event.origin_ns < START + 10 * S]
    assert all(event.stamp_ns == event.origin_ns for event in early)


def test_odometry_breaks_or_stays_away_for_a_while() -> None:
    broken = [event for event in odometry(injected("nan_odom@2=1")) if np.isnan(event.value).all()]
    assert seconds_of(broken) == [2 + step / 10 for step in range(10)]
    there = seconds_of(odometry(injected("odom_dropout@2=1")))
    assert len(there) == 190 and not [second for second in there if 2 <= second < 3]


def test_odometry_of_another_scale_goes_farther_by_that_from_then_on() -> None:
    events = odometry(injected("odom_scale@5=1.1"))
    xs = np.array([event.value[0, 3] for event in events])
    right = np.array([event.value[0, 3] for event in odometry(injected())])
    assert np.allclose(xs[:50], right[:50])
    assert np.allclose(xs[50:] - xs[50], 1.1 * (right[50:] - right[50]))
    assert xs[-1] - right[-1] > 1.0


def test_the_same_images_are_lost_whatever_else_is_injected() -> None:
    alone = seconds_of(images(injected("drop=0.3")))
    assert seconds_of(images(injected("blur drop=0.3 exposure=0.5"))) == alone
    assert seconds_of(images(injected("nan_odom drop=0.3 drop=0"))) == alone


@pytest.mark.parametrize("broken", ["nan_odom@4=7", "odom_dropout@4=7"])
def test_a_kidnap_amid_broken_odometry_is_the_same_in_any_order(broken: str) -> None:
    kidnap = "kidnap@5s=4s"
    one, other = injected(broken, kidnap), injected(kidnap, broken)
    assert same(one, other)
    known = [event for event in odometry(one) if np.isfinite(event.value).all()]
    xs = np.array([event.value[0, 3] for event in known])
    assert np.allclose(xs, [*np.arange(40) / 10, *(np.arange(110, 200) / 10 - 4.0)])


def test_faults_that_change_nothing_are_told() -> None:
    words = ["blackout@30 drop=0.5 kidnap@100 clockjump@50 nan_odom@5"]
    line = FaultLine(parse_faults(words), 0)
    list(line.inject(stream()))
    assert sorted(line.idle) == ["blackout", "clockjump", "kidnap"]
    assert line.kidnaps_ns == [], "nobody was carried off"


def test_faults_combine_in_their_order() -> None:
    events = images(injected("exposure=0", "occlude@10=0.25"))
    assert events[0].value.max() < 20, "noise alone"
    assert events[150].value.max() > 60, "the board is in front of a dark image"
    assert images(injected("occlude@10=0.25", "exposure=0"))[150].value.max() < 20


def test_an_image_that_cannot_be_read_stays_one() -> None:
    broken = Event(START, START, IMAGE, DatasetError("torn"), START)
    line = FaultLine(parse_faults(["blur occlude blackout@0"]), 0)
    assert line.push(broken) == [broken]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("dorp=0.2", "'dorp': unknown fault, did you mean drop?"),
        ("odom-dropout", "did you mean odom_dropout?"),
        ("kidnapp@40s", "did you mean kidnap?"),
        ("drop=2", "expected share of the images that are lost, 0 to 1, got 2"),
        ("drop=nan", "drop=: expected a number, as 3 or 3s, got 'nan'"),
        ("blackout=", "blackout=: expected a number"),
        ("kidnap@soon", "kidnap@: expected a number, as 3 or 3s, got 'soon'"),
        ("kidnap@-3", "expected seconds, not negative"),
    ],
)
def test_a_wrong_fault_is_one_line(word: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_faults([f"blur {word}"])
    assert said in str(error.value) and "\n" not in str(error.value)
