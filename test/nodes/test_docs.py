"""The tables of docs/nodes/localizer.md are those of semloc_ros/config/."""

import pytest

from semloc_ros.config import LocalizerNodeConfig, RecorderNodeConfig
from semloc_ros.options import describe, markdown_table


@pytest.mark.parametrize(
    ("name", "kind"),
    [("parameters", LocalizerNodeConfig), ("recorder parameters", RecorderNodeConfig)],
)
def test_the_table_is_that_of_the_config(project_root, name, kind):
    page = (project_root / "docs" / "nodes" / "localizer.md").read_text()
    table = page.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- end of {name} -->")[0]
    assert table == markdown_table(kind), "semloc config --table makes it"


def test_every_option_has_a_row_of_four_cells():
    rows = markdown_table(LocalizerNodeConfig).splitlines()[2:]
    assert len(rows) == len(list(describe(LocalizerNodeConfig)))
    assert all(row.count("|") == 5 for row in rows)
