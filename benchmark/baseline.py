"""What a run is checked against: records and where they come from, in one small file that can be reviewed."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import Failure, Usage
from results.schema import IMAGES, TASK

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
    """
    from results import load
    from results.resampling import plain

    found = load(run)
    manifest = {name: found.manifests[0].get(name) for name in KEPT}
    manifest["commands"] = [_portable(line) for line in manifest["commands"] or ()]
    images = plain(found.images[list(COLUMNS)])
    images["dice"] = images.dice.round(DECIMALS)
    return Baseline(str(run), manifest, images.sort_values(list(KEY), ignore_index=True))


def read(file: Path) -> Baseline:
    """A baseline that `write` has written.

    Raises
    ------
    Usage
        If there is none.
    Failure
        If the file is damaged.
    """
    import pandas as pd

    if not file.is_file():
        raise Usage(
            f"there is no baseline {file}; write one from a run: "
            f"python -m benchmark check RUN --baseline {shlex.quote(str(file))} --update"
        )
    try:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        head = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
        manifest = json.loads("".join(head))
        rows = StringIO("".join(lines[len(head) :]))
        kinds: Any = {name: "str" if kind == "string" else kind for name, kind in COLUMNS.items()}
        images = pd.read_csv(rows, dtype=kinds, keep_default_na=False)[list(COLUMNS)]
        images["dice"] = images.dice.round(DECIMALS)  # the last bit may have been lost in the text
        if (manifest.pop("format"), manifest.pop("records")) == (FORMAT, len(images)) and len(images):
            return Baseline(str(file), {name: manifest[name] for name in KEPT}, images)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise Failure(f"{file} is no baseline or a damaged one; restore it, or write it anew with --update")


def write(baseline: Baseline, file: Path) -> None:
    """Write the file as a whole or leave what is there.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    from results.places import place

    head = {"format": FORMAT, "records": len(baseline.images)} | baseline.manifest
    text = "".join(f"# {line}\n" for line in json.dumps(head, indent=1, sort_keys=True).splitlines())
    text += baseline.images.to_csv(index=False, lineterminator="\n")
    file.parent.mkdir(parents=True, exist_ok=True)
    place(file.parent).replace(file.name, text.encode())


def _portable(command: str) -> str:
    """A command line without the options that are about a machine."""
    words = shlex.split(command)
    own = {at + shift for at, word in enumerate(words) if word in OF_A_MACHINE for shift in (0, 1)}
    return shlex.join(word for at, word in enumerate(words) if at not in own)
