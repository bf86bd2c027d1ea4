"""Folders that are written whole or not at all, over an older one in one step."""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semloc_ros.errors import MapError, expected


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """An empty folder to write into; when the block ends well it becomes `folder`.

    That takes one rename: a killed process leaves the old folder, or none, never half of one.
    What `folder` held is deleted: the caller makes sure beforehand that it may be. Raises
    MapError if `folder` has no name of its own or something cannot be written.
    """
    check_named(folder)
    folder = folder.resolve()  # of a link, what it points to is replaced
    fresh = folder.parent / f".{folder.name}.new-{os.getpid()}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        fresh.mkdir()
        yield fresh
        _put_in_place(fresh, folder)
    except OSError as error:
        raise MapError(expected(str(folder), "a folder that can be written", error)) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_named(folder: Path) -> None:
    """MapError for `.`, `..` and `/`: a folder that replaces them would be swept from under us."""
    if folder.name in ("", ".."):
        raise MapError(expected(str(folder), "a folder with a name of its own", "none"))


def sync(descriptor: int) -> None:
    """Bring an open file or folder to the disk, where the file system can."""
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse; the rename is still in order
        return


def _remove_leftovers(folder: Path) -> None:
    """Delete what killed writers of this folder left beside it."""
    for leftover in folder.parent.glob(f".{glob.escape(folder.name)}.new-*"):
        owner = leftover.name.rpartition(".new-")[2]
        if owner.isdecimal() and (owner == str(os.getpid()) or not Path(f"/proc/{owner}").exists()):
            shutil.rmtree(leftover, ignore_errors=True)


def _put_in_place(fresh: Path, folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        _exchange(fresh, folder)  # the old folder is now in `fresh`, and removed by the caller
    else:
        os.replace(fresh, folder)
    parent = os.open(folder.parent, os.O_RDONLY)
    try:
        sync(parent)
    finally:
        os.close(parent)


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders in one step where the system can, in two renames where it cannot."""
    at_fdcwd, rename_exchange = -100, 2
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        renameat2 = None
    paths = (os.fsencode(one), os.fsencode(other))
    if renameat2 is not None and (
        renameat2(at_fdcwd, paths[0], at_fdcwd, paths[1], rename_exchange) == 0
    ):
        return
    aside = one.with_name(one.name + "-old")
    os.rename(other, aside)
    os.rename(one, other)
    os.rename(aside, one)
