"""InterConv's Tables 4 to 6: parameters of this project's networks and the paper's."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest
from artefact_helpers import data_of, grid_of

from segbench.reports.requirement import InsufficientRecords
from segbench.results import published

NNUNET = pytest.mark.skipif(
    find_spec("dynamic_network_architectures") is None, reason="nnU-Net's package is absent"
)


def test_table_4_counts_both_networks_of_every_size():
    table = data_of("interconv-table4", None).set_index(["model", "width"])
    assert table.parameters["simpleunet", 24] == 57_957
    assert table.parameters["simpleunet-interconv", 16] == 51_461
    assert table.parameters["simpleunet", 400] == 15_855_221
    assert table.parameters["simpleunet-interconv", 282] == 15_759_027
    assert table.paper_parameters["simpleunet-interconv", 282] == 16_000_000
    assert len(table) == 18
    assert (table.difference_percent.abs() < 15).all()
    assert table.groupby("paper_parameters").size().eq(2).all()


@NNUNET
def test_table_5_shows_the_row_that_does_not_follow():
    table = data_of("interconv-table5", None)
    assert table.parameters.tolist()[0] == 20_638_025
    assert table.difference_percent.abs().lt(1.5).tolist() == [True, True, False]
    assert table.difference_percent[2] == pytest.approx(100 * (39.494 / 34.9 - 1), abs=0.01)
    assert table.paper_parameters[2] == published("interconv-table6").parameters.iloc[-1]
    row = grid_of("interconv-table5", None).rows[2]
    assert row[1:4] == ["32, 64, 128, 256, 512, 512", "34,900,000", "39,494,249"]


@NNUNET
def test_table_5_names_the_features_of_its_widths():
    for row in published("interconv-table5").itertuples():
        assert row.features == ", ".join(str(row.width * factor) for factor in (1, 2, 4, 8, 16, 16))


def test_table_6_agrees_with_the_paper():
    table = data_of("interconv-table6", None)
    assert table.width.tolist() == [96, 84, 96]
    assert (table.difference_percent.abs() < 1.5).all()


@pytest.mark.parametrize(
    ("number", "rows"), [(4, 18), pytest.param(5, 3, marks=NNUNET), (6, 3)], ids=["4", "5", "6"]
)
def test_sizes_are_laid_out_for_reading(number, rows):
    grid = grid_of(f"interconv-table{number}", None)
    assert len(grid.rows) == rows
    assert all(cell not in ("", "nan", "–") for row in grid.rows for cell in row)
    assert grid.columns[2:] == ["Paper: parameters", "Ours: parameters", "Difference (%)"]


def test_without_nnunet_table_5_names_the_package_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dynamic_network_architectures.architectures.unet", None)
    with pytest.raises(InsufficientRecords, match="pip install"):
        data_of("interconv-table5", None)
