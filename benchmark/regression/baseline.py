"""What a run is checked against: records and where they come from, in one small file that can be reviewed."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.benchmark.regression.comparison import demand
from segbench.errors import UsageError
from segbench.results.schema import IMAGES, TASK

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
KEY = ("protocol", "model", *TASK, "context", "split", "simulation", "image", "subject", "context_size")
COLUMNS = {name: IMAGES[name] for name in (*KEY, "interactions", "reached", "dice")}
DECIMALS = 6  # of Dice in the file

# What a baseline takes over from the manifest of a run.
KEPT = (
    *("version", "git", "python", "platform", "packages", "commands", "settings", "simulations", "images"),
    *("parts", "models", "seed_model", "tasks"),
)
OF_A_MACHINE = ("--output", "--data-root", "--workers", "--backend", "--scheduler")  # no setting of a run
WRITE = "python -m benchmark check RUN --baseline {} --update"


@dataclass(frozen=True, eq=False)
class Baseline:
    """Records of a run and its manifest, both reduced to what a comparison needs.

    Attributes
    ----------
    name : the file or run they come from
    manifest : dict
        Entries `KEPT` of a run's manifest.
    images : DataFrame
        Columns `COLUMNS`, sorted by `KEY`; Dice rounded to `DECIMALS`.
    """

    name: str
    manifest: dict[str, Any]
    images: pd.DataFrame


def of_run(run: str | Path) -> Baseline:
    """The finished units of a run.

    Raises
    ------
    StoreError
        As `results.load`.
    UsageError
        If its manifest lacks what a comparison needs.
    """
    from segbench.results import load
    from segbench.results.resampling import plain

    found = load(run)
    manifest: dict[str, Any] = {name: found.manifests[0].get(name) for name in KEPT}
    demand(manifest, str(run))
    manifest["commands"] = [_portable(line) for line in manifest["commands"]]
    images = plain(found.images[list(COLUMNS)])
    images["dice"] = images.dice.round(DECIMALS)
    return Baseline(str(run), manifest, images.sort_values(list(KEY), ignore_index=True))


def read(file: Path) -> Baseline:
    """A baseline that `write` has written; its commands without what is about a machine.

    Raises
    ------
    UsageError
        If there is none, or the file is damaged.
    """
    import numpy as np
    import pandas as pd

    if not file.exists():
        raise UsageError(
            f"there is no baseline {file}; write one from a run: {WRITE.format(shlex.quote(str(file)))}"
        )
    if not file.is_file():
        raise UsageError(
            f"{file} is neither a run nor the file of a baseline; name one of them by --baseline"
        )
    try:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        head = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
        manifest = json.loads("".join(head))
        rows = StringIO("".join(lines[len(head) :]))
        kinds: Any = {name: "str" if kind == "string" else kind for name, kind in COLUMNS.items()}
        images = pd.read_csv(rows, dtype=kinds, keep_default_na=False)[list(COLUMNS)]
        images["dice"] = images.dice.round(DECIMALS)  # the last bit may have been lost in the text
        kept = {name: manifest[name] for name in KEPT}
        demand(kept, str(file))
        kept["commands"] = [_portable(line) for line in kept["commands"]]
        whole = (manifest["format"], manifest["records"]) == (FORMAT, len(images)) and len(images)
        if whole and np.isfinite(images.dice).all():
            return Baseline(str(file), kept, images)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UsageError):
        pass
    raise UsageError(
        f"{file} is no baseline or a damaged one; restore it, or delete it and write it anew: "
        f"{WRITE.format(shlex.quote(str(file)))}"
    )


def write(baseline: Baseline, file: Path) -> None:
    """Write the file as a whole or leave what is there.

    Raises
    ------
    UsageError
        If a Dice is no finite number, or a command names a path of this machine.
    OSError
        If it cannot be written.
    """
    import numpy as np

    from segbench.results.storage import place

    if not np.isfinite(baseline.images.dice).all():
        raise UsageError(
            f"{baseline.name} holds Dice that are no finite numbers; take another run for a baseline"
        )
    own = [path for line in baseline.manifest["commands"] for path in _absolute(line)]
    if own:
        raise UsageError(
            f"a command of {baseline.name} names {own[0]}, which is of this machine only; take a run "
            "with a relative path for a baseline"
        )
    head = {"format": FORMAT, "records": len(baseline.images)} | baseline.manifest
    text = "".join(f"# {line}\n" for line in json.dumps(head, indent=1, sort_keys=True).splitlines())
    text += baseline.images.to_csv(index=False, lineterminator="\n")
    file.parent.mkdir(parents=True, exist_ok=True)
    place(file.parent).replace(file.name, text.encode())


def _portable(command: str) -> str:
    """A command line without the options that are about a machine."""
    kept, words = [], iter(shlex.split(command))
    for word in words:
        name, equals, _ = word.partition("=")
        if name not in OF_A_MACHINE:
            kept.append(word)
        elif not equals:
            next(words, None)
    return shlex.join(kept)


def _absolute(command: str) -> list[str]:
    """The absolute paths that a command line names, as ``--weights /a`` or ``folder:/a`` do."""
    parts = [part for word in shlex.split(command) for part in re.split("[,:=]", word)]
    return [part for part in parts if part.startswith("/") and not part.startswith("//")]
