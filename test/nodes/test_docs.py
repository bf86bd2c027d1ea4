"""The tables of docs/nodes are those of semloc_ros/config/."""

import pytest

from semloc_ros.cli.config import TABLES
from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.options import describe, markdown_table


@pytest.mark.parametrize(
    ("file", "name", "kind"),
    [(file, name, kind) for file, tables in TABLES.items() for name, kind in tables.items()],
)
def test_the_table_is_that_of_the_config(project_root, file, name, kind):
    page = (project_root / "docs" / "nodes" / file).read_text()
    table = page.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- end of {name} -->")[0]
    assert table == markdown_table(kind), "semloc config --table makes it"


def test_every_option_has_a_row_of_four_cells():
    rows = markdown_table(LocalizerNodeConfig).splitlines()[2:]
    assert len(rows) == len(list(describe(LocalizerNodeConfig)))
    assert all(row.count("|") == 5 for row in rows)
