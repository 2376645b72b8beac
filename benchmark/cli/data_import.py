"""``data import``: a public data set in its official layout, or anybody's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from segbench.benchmark.cli.options import DATA_ROOT, POSITIVE
from segbench.errors import Failure, UsageError
from segbench.text import count_of

OWN_NAME = re.compile(r"[\w+][\w.+-]*")
MOST_TOLD = 5  # labels of which pictures were left out, each in a line


def import_data(
    name: str,
    path: Path,
    split: Path | None = None,
    replace: bool = False,
    data_root: str | Path | None = None,
    workers: int | None = None,
    **own: Any,
) -> None:
    """The command as a function; `own` are the options for data of one's own."""
    from segbench.benchmark.settings import resolve_root, resolve_workers
    from segbench.datasets.importing import import_dataset, read_split

    name, reader = _reader(name, path, own)
    shared = None if split is None else read_split(split)
    root = resolve_root(data_root)
    manifest = import_dataset(
        name,
        reader,
        path,
        root,
        split=shared,
        replace=replace,
        workers=resolve_workers(workers, "cpu"),
        track=_with_bar,
    )
    for line in _told(manifest, root):
        click.echo(line)
    absent = sorted(set(shared or ()) - set(manifest["subjects"]))
    if absent:
        click.echo(
            f"{split} has {count_of(len(absent), 'subject')} more that the data lack, {absent[0]} among them"
        )


def _reader(name: str, path: Path, own: dict[str, Any]) -> tuple[str, Any]:
    """The name of the data set, and what reads it."""
    from segbench.datasets.importing.formats import find_reader
    from segbench.datasets.registry import DATASETS, source

    if name in DATASETS.names() or ":" in name:
        found = source(name)
        if not hasattr(found, "examples"):
            raise Failure(
                f"{name} is used as it is, without an import; choose another name for your own data"
            )
        given = [option for option, value in own.items() if value is not None]
        if given:
            raise UsageError(
                f"--{given[0].replace('_', '-')} is for data of your own, {name} has its own reader"
            )
        return found.name, found
    _assert_free(name, DATASETS.names())
    return name, find_reader(path, own.pop("format", None), _given(**own))


def _assert_free(name: str, registered: list[str]) -> None:
    """Usage if a name is none that data of one's own can have."""
    if not OWN_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a data set; take letters, digits and _ . + -, no . or - first"
        )
    if name == "all":
        raise UsageError("all means every data set; choose another name")
    for other in registered:
        if other.casefold() == name.casefold():
            raise UsageError(f"{name} and the public {other} differ in capitals only; choose another name")


def _given(labels: str | None, axes: str | None, **said: Any) -> Any:
    from segbench.datasets.importing.formats import ImportOptions, labels_from_pairs, read_labels
    from segbench.datasets.task import DataError

    if said["modality"] is not None and not said["modality"].strip():
        raise UsageError("--modality is empty; name one, for instance CT, or leave it out")
    if labels is None:
        return ImportOptions(axes=_axes(axes), **said)
    if Path(labels).is_file():
        return ImportOptions(labels=read_labels(Path(labels)), axes=_axes(axes), **said)
    if "=" not in labels:
        raise UsageError(
            f"--labels: there is no file {labels}; name one that is there, or say 1=liver,2=spleen"
        )
    pairs = [(value, label) for value, _, label in (part.partition("=") for part in labels.split(","))]
    try:
        return ImportOptions(labels=labels_from_pairs(pairs, "--labels"), axes=_axes(axes), **said)
    except DataError as error:
        raise UsageError(str(error)) from error


def _axes(names: str | None) -> dict[str, int] | None:
    """The axes of some names; ``stored`` stands alone, as volumes are not turned then."""
    from segbench.datasets.files.volumes import AXES, STORED
    from segbench.registry import UnknownName

    if names is None or names == "all":
        return None if names is None else AXES
    if names in STORED:
        return STORED
    for name in names.split(","):
        if name not in AXES:
            raise UnknownName("axis", name, [*AXES, "all", *STORED])
    return {name: AXES[name] for name in names.split(",")}


def _with_bar(cases: Iterable[Any], count: int) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(cases, total=count, unit="case", disable=None)  # None: only on a terminal


def _told(manifest: dict[str, Any], root: Path) -> Iterable[str]:
    from segbench.datasets.importing.store import folder_of

    name, tasks = manifest["name"], manifest["tasks"]
    yield (
        f"{name}: {count_of(len(tasks), 'task')}, {count_of(manifest['pictures'], 'picture')} of "
        f"{count_of(len(manifest['subjects']), 'subject')}, in {folder_of(root, name)}"
    )
    for task, counts in tasks.items():
        yield f"  {task}  " + ", ".join(f"{count} {split}" for split, count in counts.items())
    empty = list(manifest["empty"].items())
    for label, count in empty[:MOST_TOLD]:
        yield f"  left out: {label} is empty in {count_of(count, 'picture')}"
    if empty[MOST_TOLD:]:
        yield f"  left out: {count_of(len(empty) - MOST_TOLD, 'more label')} in some pictures"
    yield f"content {manifest['content']}"
    yield f"split   {manifest['split']}"
    yield f"next: python -m benchmark data preview {name}"
    yield f"      python -m benchmark run --datasets {name}"


command = click.Command(
    "import",
    callback=import_data,
    short_help="Read a data set, also your own, once.",
    help="Read a data set once, into the compact store of the data folder: NAME of a public one (`list "
    "datasets`) from PATH as its authors released it, or your own under a name that you choose.",
    params=[
        click.Argument(["name"]),
        click.Argument(["path"], type=click.Path(path_type=Path)),
        click.Option(
            ["--format"],
            metavar="FORMAT",
            help="folder, nnunet, nifti or table.  [default: found by looking]",
        ),
        click.Option(
            ["--labels"],
            metavar="LABELS",
            help="Names of mask values, 1=liver,2=spleen, or a CSV file value,label.",
        ),
        click.Option(["--modality"], help="For instance CT."),
        click.Option(
            ["--subject-pattern"],
            metavar="REGEX",
            help="Its one group, searched in the names of images, is the subject.",
        ),
        click.Option(
            ["--axes"],
            metavar="NAMES",
            help="Of volumes: axial, coronal, sagittal, all, or stored (turns nothing).  [default: all]",
        ),
        click.Option(
            ["--rule"],
            type=click.Choice(["maxslice", "midslice"]),
            help="Slice of a volume: where the label is largest, or the middle one.  [default: maxslice]",
        ),
        click.Option(
            ["--split"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The manifest.json of another import, or a CSV file subject,split.  [default: the data's "
            "own, or 60/20/20 by subject]",
        ),
        click.Option(["--replace"], is_flag=True, help="Replace an earlier import of that name."),
        DATA_ROOT,
        click.Option(["--workers"], type=POSITIVE, help="Files read at once.  [default: one per core]"),
    ],
)
