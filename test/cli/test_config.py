"""`semloc config` and what it writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semloc_ros.cli.config import parameter_file
from semloc_ros.cli.main import app
from semloc_ros.config import LocalizerNodeConfig, RecorderNodeConfig
from semloc_ros.errors import InputError
from semloc_ros.options import markdown_table

PAGE = Path("docs") / "nodes" / "localizer.md"


@pytest.fixture
def tree(tmp_path: Path, project_root: Path) -> Path:
    """A source tree whose generated parts are out of date."""
    (tmp_path / "config").mkdir()
    (tmp_path / PAGE).parent.mkdir(parents=True)
    for path in (project_root / PAGE.parent).iterdir():
        shutil.copy(path, tmp_path / PAGE.parent)
    page = (tmp_path / PAGE).read_text().replace("| `map_frame` |", "| `old_name` |")
    (tmp_path / PAGE).write_text(page)
    return tmp_path


def test_the_file_and_all_tables_are_written(tree: Path) -> None:
    before = (tree / PAGE).read_text()
    done = CliRunner().invoke(app, ["config", "--write", str(tree)])
    assert (done.exit_code, done.output) == (0, "")
    assert (tree / "config" / "localize.yaml").read_text() == parameter_file()
    page = (tree / PAGE).read_text()
    for kind in (LocalizerNodeConfig, RecorderNodeConfig):
        assert markdown_table(kind) in page
    assert "old_name" not in page
    first, last = "<!-- parameters -->", "<!-- end of recorder parameters -->"
    assert page.split(first)[0] == before.split(first)[0]
    assert page.split(last)[1] == before.split(last)[1]


def test_a_page_without_markers_and_a_missing_tree_are_one_line(tree: Path) -> None:
    (tree / PAGE).write_text("# The node\n")
    done = CliRunner().invoke(app, ["config", "--write", str(tree)])
    assert isinstance(done.exception, InputError)
    assert (tree / PAGE).read_text() == "# The node\n"
    done = CliRunner().invoke(app, ["config", "--write", str(tree / "none")])
    assert isinstance(done.exception, InputError)
