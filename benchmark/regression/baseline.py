"""Baselines: records of a run and its manifest in one small text file that can be reviewed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.benchmark.regression.comparison import validate_manifest
from segbench.errors import UsageError
from segbench.files import write_file
from segbench.results.schema import IMAGES, TASK
from segbench.text import render_command

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 2
KEY = (
    *("protocol", "model", *TASK, "split", "context", "annotator", "training", "simulation", "person"),
    *("image", "subject", "context_size", "set_size"),
)
COLUMNS = {name: IMAGES[name] for name in (*KEY, "interactions", "reached", "dice")}
DECIMALS = 6  # of Dice in the file

# Entries of a run's manifest that its baseline keeps.
ENTRIES = (
    *("version", "git", "python", "platform", "packages", "all_arguments", "settings", "simulations"),
    *("images", "parts", "models", "seed_model", "tasks"),
)
# Arguments of a run that concern a machine and not the records.
MACHINE_ARGUMENTS = ("output", "data_root", "workers", "backend", "scheduler")


@dataclass(frozen=True, eq=False)
class Baseline:
    """Records of a run and its manifest, reduced to what a comparison needs.

    Attributes
    ----------
    name : the file or run they come from
    manifest : dict
        Entries `ENTRIES` of a run's manifest.
    images : DataFrame
        Columns `COLUMNS`, sorted by `KEY`; Dice rounded to `DECIMALS`.
    """

    name: str
    manifest: dict[str, Any]
    images: pd.DataFrame


def from_run(run: str | Path) -> Baseline:
    """Reduce the finished units of a run to a baseline.

    Raises
    ------
    StoreError
        As `segbench.results.load`.
    UsageError
        If the run is not finished, or its manifest lacks what a comparison needs.
    """
    from segbench.results import load

    results = load(run)
    for sentence in results.unfinished_sentences():
        raise UsageError(sentence)
    manifest = _reduced({name: results.manifests[0].get(name) for name in ENTRIES}, str(run))
    images = results.images[list(COLUMNS)].sort_values(list(KEY), ignore_index=True)
    return Baseline(str(run), manifest, images.assign(dice=images.dice.round(DECIMALS)))


def read(file: Path) -> Baseline:
    """Read a baseline that `write` has written.

    Raises
    ------
    UsageError
        If there is none, or the file is damaged.
    """
    import numpy as np
    import pandas as pd

    update = f"write one: {render_command('check', {'baseline': file, 'update': True}, 'RUN')}"
    if not file.exists():
        raise UsageError(f"there is no baseline {file}; {update}")
    if not file.is_file():  # a folder or a pipe
        raise UsageError(f"{file} is neither a run nor a baseline file; give one of them to --baseline")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines(keepends=True)
        head = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
        header = json.loads("".join(head))
        kinds: Any = {name: "str" if kind == "string" else kind for name, kind in COLUMNS.items()}
        rows = StringIO("".join(lines[len(head) :]))
        images = pd.read_csv(rows, dtype=kinds, keep_default_na=False)[list(COLUMNS)]
        images["dice"] = images.dice.round(DECIMALS)  # the text may have lost the last bit
        manifest = _reduced({name: header[name] for name in ENTRIES}, str(file))
        complete = (header["format"], header["records"]) == (FORMAT, len(images)) and len(images)
        if complete and np.isfinite(images.dice).all():
            return Baseline(str(file), manifest, images)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise UsageError(f"{file} is damaged or not a baseline; restore it, or delete it and {update}")


def write(baseline: Baseline, file: Path) -> None:
    """Write the whole file, or leave the old one.

    Raises
    ------
    UsageError
        If a Dice is not a finite number, or an argument of the run is a path of this machine.
    Failure
        If it cannot be written.
    """
    import numpy as np

    if not np.isfinite(baseline.images.dice).all():
        raise UsageError(
            f"{baseline.name} holds Dice that are not finite numbers; make a baseline of another run"
        )
    values = (v for arguments in baseline.manifest["all_arguments"] for v in arguments.values())
    parts = (part for value in values for part in re.split("[,:=]", str(value)))
    for path in parts:
        if path.startswith("/") and not path.startswith("//"):
            raise UsageError(
                f"a command of {baseline.name} names {path}, which only this machine has; "
                "make a baseline of a run with relative paths"
            )
    head = {"format": FORMAT, "records": len(baseline.images)} | baseline.manifest
    text = "".join(f"# {line}\n" for line in json.dumps(head, indent=1, sort_keys=True).splitlines())
    text += baseline.images.to_csv(index=False, lineterminator="\n")
    write_file(file, text)


def _reduced(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    """Remove the arguments that concern a machine."""
    validate_manifest(manifest, name)
    portable = [
        {key: value for key, value in arguments.items() if key not in MACHINE_ARGUMENTS}
        for arguments in manifest["all_arguments"]
    ]
    return manifest | {"all_arguments": portable}
