"""The papers' numbers and facts: whether they were copied consistently."""

from __future__ import annotations

import pytest

from segbench.results import published

NUMBERS = ["artefact", "protocol", "model", "metric", "value", "std", "source"]
KEYS = {"fig6": ["context_size"], "fig19": ["dataset", "context_size"]}


@pytest.mark.parametrize("artefact", ["table7", "table17b", "fig3", "fig4", "fig6", "fig19"])
def test_numbers_share_their_columns_and_are_unique(artefact):
    table = published(artefact)
    further = KEYS.get(artefact, [])
    assert [name for name in table if name not in further] == NUMBERS
    assert set(table.artefact) == {artefact}
    assert not table.drop(columns="std").isna().any(axis=None)
    assert not table.duplicated(["protocol", "model", "metric", *further]).any()


def test_table_7_is_complete():
    table = published("table7")
    assert len(table) == 2 * 3 * 3 + 1  # and the upper bound
    assert (table["std"] > 0).all()
    assert len(published("fig4")) == 2


def test_an_artefact_without_a_file_is_an_empty_table():
    assert list(published("fig2")) == NUMBERS
    assert published("fig2").empty


def test_means_of_table_7_give_the_reductions_of_the_text():
    steps = published("table7").query("metric == 'total_steps'").set_index(["protocol", "model"]).value
    for row in published("fig4").itertuples():
        after, before = steps[row.protocol, row.model], steps[row.protocol, "scribbleprompt"]
        assert 100 * (before - after) / before == pytest.approx(row.value, abs=0.05)


def test_dice_by_data_set_averages_to_the_dice_over_all():
    over_all = published("fig6").set_index(["model", "context_size"]).value
    by_dataset = published("fig19").query("model == 'universeg-ensemble'")
    assert by_dataset.value.mean() == pytest.approx(over_all["universeg-ensemble", 64], abs=0.06)


def test_more_context_never_lowers_a_published_dice():
    for _, rows in published("fig6").groupby("model"):
        assert rows.sort_values("context_size").value.is_monotonic_increasing
