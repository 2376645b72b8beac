"""The papers' numbers and facts: whether they were copied consistently."""

from __future__ import annotations

import pandas as pd
import pytest

from segbench.results import published
from segbench.results.reference import CAMERA_READY, FOLDER, PREPRINT, VERSIONS

NUMBERS = ["artefact", "protocol", "model", "metric", "value", "std", "version", "source"]
KEYS = {"fig4": ["baseline"], "fig6": ["context_size"], "fig19": ["dataset", "context_size"]}


@pytest.mark.parametrize("artefact", ["table7", "table17b", "fig3", "fig4", "fig6", "fig19"])
def test_numbers_share_their_columns_and_are_unique_in_a_version(artefact):
    table = published(artefact, every_version=True)
    further = KEYS.get(artefact, [])
    assert [name for name in table if name not in further] == NUMBERS
    assert set(table.artefact) == {artefact}
    assert not table.drop(columns="std").isna().any(axis=None)
    keys = ["protocol", "model", "metric", *further]
    assert not table.duplicated([*keys, "version"]).any()
    assert not published(artefact).duplicated(keys).any()


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.csv")), ids=lambda file: file.stem)
def test_every_published_number_has_its_version(file):
    table = pd.read_csv(file)
    if table.select_dtypes("number").empty or list(table) == ["label", "structure"]:
        return
    assert set(table.version) <= set(VERSIONS)


def test_the_camera_ready_is_preferred_where_it_has_the_number():
    both = published("fig4", every_version=True).set_index(["version", "protocol"])["value"]
    assert both.to_dict() == {
        (CAMERA_READY, "center-clicks"): -36,
        (CAMERA_READY, "centerline-scribbles"): -25,
        (PREPRINT, "center-clicks"): -35.61,
        (PREPRINT, "centerline-scribbles"): -52.70,
    }
    assert published("fig4").version.tolist() == [CAMERA_READY] * 2
    assert set(published("table7").version) == {PREPRINT}  # there is no other


def test_table_7_is_complete():
    table = published("table7")
    assert len(table) == 2 * 3 * 3 + 1  # and the upper bound
    assert (table["std"] > 0).all()


def test_an_artefact_without_a_file_is_an_empty_table():
    assert list(published("fig2")) == NUMBERS
    assert published("fig2").empty


def test_the_changes_of_the_preprint_are_those_of_its_mean_totals():
    steps = published("table7").query("metric == 'total_steps'").set_index(["protocol", "model"]).value
    for row in published("fig4", every_version=True).query("version == @PREPRINT").itertuples():
        after, before = steps[row.protocol, row.model], steps[row.protocol, row.baseline]
        assert 100 * (after - before) / before == pytest.approx(row.value, abs=0.05)


def test_dice_by_data_set_averages_to_the_dice_over_all():
    over_all = published("fig6").set_index(["model", "context_size"]).value
    by_dataset = published("fig19").query("model == 'universeg-ensemble'")
    assert by_dataset.value.mean() == pytest.approx(over_all["universeg-ensemble", 64], abs=0.06)


def test_more_context_never_lowers_a_published_dice():
    for _, rows in published("fig6").groupby("model"):
        assert rows.sort_values("context_size").value.is_monotonic_increasing
