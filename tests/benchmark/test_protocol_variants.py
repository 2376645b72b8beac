"""Variants of experiment 1's protocols from the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.results import load

VARIANTS = ["centerline-scribbles-128", "centerline-scribbles-v1", "ritm-clicks"]
TOYS = ["--datasets", "toys:Toys", "--models", "toys:Brush", "--device", "cpu", "--workers", "1"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the variants beside the protocols that they vary."""
    folder = tmp_path_factory.mktemp("variants") / "run"
    protocols = ",".join(["centerline-scribbles", *VARIANTS])
    words = ["run", "--protocol", protocols, *TOYS, "--images", "3", "--simulations", "2", "--output", folder]
    result = CliRunner().invoke(cli, list(map(str, words)))
    assert result.exit_code == 0, result.output
    return folder


def test_variants_are_listed_and_run_by_name(finished):
    listed = CliRunner().invoke(cli, ["list", "protocols"]).output
    assert all(name in listed for name in VARIANTS)
    images = load(finished).images
    assert set(images.protocol) == {"centerline-scribbles", *VARIANTS}
    assert (images.annotator == images.protocol.astype(str)).all()
    protocols = json.loads((finished / "manifest.json").read_text())["protocols"]
    assert {entry["family"] for entry in protocols.values()} == {"sequential"}
    assert {name: entry["version"] for name, entry in protocols.items()} == dict.fromkeys(VARIANTS, 1) | {
        "centerline-scribbles": 2
    }


def test_no_pixel_of_an_image_is_clicked_twice(finished):
    steps = load(finished).steps
    clicks = steps[(steps.protocol == "ritm-clicks") & steps.kind.isin(["click+", "click-"])]
    image = ["task", "simulation", "position"]
    assert len(clicks) > len(clicks.drop_duplicates(image))
    assert not clicks.duplicated([*image, "row", "column"]).any()


def test_the_study_includes_the_capped_scribbles_alone(tmp_path):
    words = ["run", "--protocol", "all", "--preset", "smoke", "--dry-run", *TOYS, "--output", str(tmp_path)]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert [name for name in VARIANTS if name in result.output] == ["centerline-scribbles-128"]
