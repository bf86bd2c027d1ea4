"""Masks and label maps: which one an image gets, and how long it waits for it."""

import numpy as np
import pytest

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.errors import InputError
from semloc_ros.localization.companions import (
    LABELS,
    MASK,
    OBJECTS,
    PLACES,
    Companions,
    check_companion,
    kinds_of,
)

MS = 1_000_000
CONFIG = LocalizerNodeConfig(
    mask_wait_ms=30.0, mask_max_age=0.2, labels_wait_ms=50.0, labels_max_age=0.0
)


def kept(*stamps_ms, name=MASK):
    companions = Companions()
    for stamp in stamps_ms:
        companions.add(name, stamp * MS, f"of {stamp}", 0)
    return companions


def test_an_image_gets_its_own_or_the_last_before_never_a_later_one():
    companions = kept(1000, 1100, 1200)
    companions.add(MASK, 1100 * MS, "again", 0)
    assert companions.join(1100 * MS, CONFIG)[MASK] == ("again", "exact"), "what came last counts"
    assert companions.join(1150 * MS, CONFIG)[MASK] == ("again", "last")
    assert companions.join(1400 * MS, CONFIG)[MASK] == ("of 1200", "last"), "200 ms old"
    assert companions.join(1401 * MS, CONFIG)[MASK] == (None, "none")
    assert companions.join(999 * MS, CONFIG)[MASK] == (None, "none")
    companions.clear()
    none = {MASK: "none", LABELS: "none", PLACES: "none", OBJECTS: "none"}
    assert kinds_of(companions.join(1100 * MS, CONFIG)) == none


def test_labels_have_an_age_of_their_own():
    companions = kept(1000, name=LABELS)
    assert companions.join(1000 * MS, CONFIG)[LABELS] == ("of 1000", "exact")
    assert companions.join(1001 * MS, CONFIG)[LABELS] == (None, "none"), "only exact ones"
    patient = LocalizerNodeConfig(labels_max_age=0.1)
    assert companions.join(1100 * MS, patient)[LABELS] == ("of 1000", "last")
    assert companions.join(1000 * MS, CONFIG)[MASK].kind == "none"


def test_objects_are_those_of_the_image_alone_and_are_waited_for():
    config = LocalizerNodeConfig(objects_wait_ms=70.0)
    companions = kept(1000, name=OBJECTS)
    assert companions.join(1000 * MS, config)[OBJECTS] == ("of 1000", "exact")
    assert companions.join(1001 * MS, config)[OBJECTS] == (None, "none")
    assert companions.wait_until_ns(1100 * MS, 7, 8, config) == 7 + 70 * MS
    assert companions.wait_until_ns(1000 * MS, 7, 8, config) == 7


def test_places_have_an_age_of_their_own_and_are_never_waited_for():
    config = LocalizerNodeConfig(places_max_age=0.5)
    companions = kept(1000, name=PLACES)
    assert companions.join(1000 * MS, config)[PLACES] == ("of 1000", "exact")
    assert companions.join(1500 * MS, config)[PLACES] == ("of 1000", "last")
    for stamp in (999, 1501):
        assert companions.join(stamp * MS, config)[PLACES] == (None, "none")
    assert companions.wait_until_ns(1100 * MS, 7, 8, config) == 7


def test_only_the_last_ten_are_kept():
    companions = kept(*range(1000, 1030))
    assert companions.join(1019 * MS, CONFIG)[MASK].kind == "none"
    assert companions.join(1020 * MS, CONFIG)[MASK].kind == "exact"


def test_what_flows_is_waited_for_until_it_is_there():
    companions = Companions()
    assert companions.wait_until_ns(1000, 7, 7, CONFIG) == 7, "nothing has come yet"
    companions.add(MASK, 900 * MS, None, now_ns=0)
    assert companions.wait_until_ns(1000 * MS, 7, 8, CONFIG) == 7 + 30 * MS
    companions.add(LABELS, 900 * MS, None, now_ns=1000 * MS)
    assert companions.wait_until_ns(1000 * MS, 7, 8, CONFIG) == 7 + 50 * MS, "the longer wait"
    assert companions.wait_until_ns(1000 * MS, 7, 2000 * MS, CONFIG) == 7 + 50 * MS
    assert companions.wait_until_ns(1000 * MS, 7, 3000 * MS, CONFIG) == 7, "for 2 s none came"
    companions.add(LABELS, 1000 * MS, None, now_ns=0)
    assert companions.wait_until_ns(1000 * MS, 7, 8, CONFIG) == 7 + 30 * MS, "the mask alone"
    companions.add(MASK, 1100 * MS, None, now_ns=0)
    assert companions.wait_until_ns(1000 * MS, 7, 8, CONFIG) == 7, "a later one: its own is lost"


def test_what_is_not_of_the_images_size_is_refused_in_one_line():
    image = np.zeros((48, 64, 3), np.uint8)
    check_companion(LABELS, np.full((48, 64), 300, np.uint16), image)
    check_companion(MASK, np.full((48, 64), 255, np.uint8), image)
    with pytest.raises(InputError, match=r"^labels: expected 64x48 pixels .* got 48x64"):
        check_companion(LABELS, np.zeros((64, 48), np.uint8), image)
    with pytest.raises(InputError, match="^labels: expected 64x48 pixels of one channel"):
        check_companion(LABELS, np.zeros((48, 64, 3), np.uint8), image)
    with pytest.raises(InputError, match=r"^mask: expected 0 and 255 only, got \[0, 7\]"):
        check_companion(MASK, np.eye(48, 64).astype(np.uint8) * 7, image)
