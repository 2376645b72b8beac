"""A run, its continuation and its report in an object store, through the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from s3 import served

from segbench import results
from segbench.benchmark.cli import cli
from segbench.results import Run

WORDS = [
    *("run", "--protocol", "center-clicks", "--models", "toys:Brush", "--datasets", "toys:Toys"),
    *("--images", "2", "--simulations", "12", "--max-steps", "3"),
    *("--precision", "float32", "--device", "cpu"),
]


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    from joblib.externals.loky import get_reusable_executor

    with served("study") as address:
        get_reusable_executor().shutdown()  # workers of earlier tests, which know another environment
        yield f"{address}/first"


def invoke(*words: str) -> str:
    result = CliRunner().invoke(cli, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def test_run_resume_and_report(tmp_path: Path, bucket: str) -> None:
    invoke(*WORDS, "--output", str(tmp_path / "run"))
    assert f"Output: {bucket}" in invoke(*WORDS, "--workers", "2", "--output", bucket)
    local, remote = results.load(tmp_path / "run"), results.load(bucket)
    assert remote.steps.equals(local.steps) and len(local.steps) > 0
    assert remote.images.drop(columns="seconds").equals(local.images.drop(columns="seconds"))

    store = Run(bucket)
    [lost, *kept] = store.units()
    store.storage.files.rm_file(f"study/first/units/{lost}/unit.json")  # as a writer that died leaves it
    assert "3 of 4 units are finished" in invoke(*WORDS, "--output", bucket, "--dry-run")
    assert f"{bucket} is not finished: 3 of 4 units" in invoke("compare", bucket, bucket)
    assert "3 of 4 units are finished already" in invoke(*WORDS, "--output", bucket)
    assert store.units() == sorted([lost, *kept])
    assert results.load(bucket).steps.equals(local.steps)
    assert "Nothing to compute" in invoke(*WORDS, "--output", bucket)

    page = invoke("report", bucket, "--only", "table2", "--output", str(tmp_path / "report"))
    assert Path(page.strip()).is_file()
    assert not Path("s3:").exists()


def test_a_store_that_is_not_there(bucket: str) -> None:
    result = CliRunner().invoke(cli, [*WORDS, "--output", "s3://nobody-has-this/run"])
    assert result.exit_code == 1
    assert "cannot write s3://nobody-has-this/run" in result.output
    assert "Traceback" not in result.output
