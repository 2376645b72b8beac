"""``data import``: a public data set in its official layout, or a data set of the user."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from segbench.benchmark.cli.options import DATA_ROOT, POSITIVE, Choice, command_of
from segbench.errors import Failure, UsageError
from segbench.text import count_of, join_names, render_command

NAME_PATTERN = re.compile(r"[\w+][\w.+-]*")
SIMILAR = 0.7  # names of data sets, as difflib measures it
MAX_SHOWN = 5  # columns, values or labels that are not used


def import_data(
    name: str,
    path: Path,
    split: Path | None = None,
    replace: bool = False,
    data_root: str | Path | None = None,
    workers: int | None = None,
    **layout: Any,
) -> None:
    """Import a data set and print a summary; `layout` describes a data set of the user."""
    from segbench.benchmark.settings import resolve_root, resolve_workers
    from segbench.datasets.importing import import_dataset, read_split

    name, reader = _reader(name, path, layout)
    assigned = None if split is None else read_split(split)
    root = resolve_root(data_root)
    manifest = import_dataset(
        name,
        reader,
        path,
        root,
        split=assigned,
        split_from="" if split is None else f"--split {split.name}",
        replace=replace,
        workers=resolve_workers(workers, "cpu"),
        track=_with_bar,
    )
    for line in _lines(manifest, root, data_root):
        click.echo(line)
    absent = sorted(set(assigned or ()) - set(manifest["subjects"]))
    if absent:
        click.echo(f"{split} has {count_of(len(absent), 'subject')} without images, such as {absent[0]}")


def _reader(name: str, path: Path, layout: dict[str, Any]) -> tuple[str, Any]:
    """Return the name of the data set, and its reader."""
    from segbench.datasets.importing import find_reader
    from segbench.datasets.registry import DATASETS, find_source
    from segbench.datasets.task import DataError

    if name in DATASETS.names() or ":" in name:
        source = find_source(name)
        if not hasattr(source, "examples"):
            raise Failure(f"{name} needs no import; choose another name for your own data")
        given = [option for option, value in layout.items() if value is not None]
        if given:
            raise UsageError(
                f"--{given[0].replace('_', '-')} is for your own data, and {name} has its own reader"
            )
        return source.name, source
    _require_free(name, DATASETS.names())
    try:
        return name, find_reader(path, layout.pop("format", None), _import_options(**layout))
    except DataError as error:
        raise DataError("; ".join(filter(None, (str(error), _public(name))))) from error


def _public(name: str) -> str:
    """A question whether a public data set is meant; empty if none has a similar name."""
    from segbench.datasets.registry import DATASETS

    near = [] if name in DATASETS else difflib.get_close_matches(name, DATASETS.names(), 1, SIMILAR)
    return f"did you mean the public data set {near[0]}?" if near else ""


def _require_free(name: str, registered: list[str]) -> None:
    """Raise UsageError if a data set of the user cannot have this name."""
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a data set; use letters, digits and _ . + -, no . or - first"
        )
    if name == "all":
        raise UsageError("all means every data set; choose another name")
    for other in registered:
        if other.casefold() == name.casefold():
            raise UsageError(f"{name} and the public {other} differ in capitals only; choose another name")


def _import_options(labels: str | None, axes: str | None, **others: Any) -> Any:
    from segbench.datasets.files.labels import labels_from_pairs, read_labels
    from segbench.datasets.importing import ImportOptions
    from segbench.datasets.task import DataError

    for name, example in (("modality", "CT"), ("mask_suffix", "_lesion")):
        if others[name] is not None and not others[name].strip():
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is empty; give one such as {example}, or leave it out")
    options: dict[str, Any] = {"axes": _axes(axes), **others}
    if labels is None:
        return ImportOptions(**options)
    if Path(labels).is_file():
        return ImportOptions(labels=read_labels(Path(labels)), **options)
    if "=" not in labels:
        raise UsageError(f"--labels: there is no file {labels}; give a CSV file, or names: 1=liver,2=spleen")
    pairs = [(value, label) for value, _, label in (pair.partition("=") for pair in labels.split(","))]
    try:
        return ImportOptions(labels=labels_from_pairs(pairs, "--labels"), **options)
    except DataError as error:
        raise UsageError(str(error)) from error


def _axes(names: str | None) -> dict[str, int] | None:
    """Return the axes of some names; ``stored`` stands alone, as such volumes are not turned."""
    from segbench.datasets.files.slices import AXES, STORED
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


def _lines(manifest: dict[str, Any], root: Path, data_root: str | Path | None) -> Iterator[str]:
    """Yield the summary of an import, and the next commands with the given option ``--data-root``."""
    from segbench.datasets.importing.store import folder_of
    from segbench.datasets.preprocess import SIDE

    name, tasks = manifest["name"], manifest["tasks"]
    yield (
        f"{name}: {count_of(len(tasks), 'task')}, {count_of(manifest['pictures'], 'picture')} of "
        f"{count_of(len(manifest['subjects']), 'subject')}, in {folder_of(root, name)}"
    )
    for task, counts in tasks.items():
        dice = manifest["resolution"][task]
        yield (
            f"  {task}  {', '.join(f'{count} {split}' for split, count in counts.items())}; "
            f"Dice kept at {SIDE} x {SIDE}: {dice['mean']}, worst {dice['worst']}"
        )
    yield f"  subjects: {manifest['subjects_from']}"
    yield f"  split: {manifest['split_from']}"
    yield from _lines_of_unused(manifest)
    yield from _warnings(manifest)
    yield f"content {manifest['content']}"
    yield f"split   {manifest['split']}"
    yield f"next: {render_command('data', {'data_root': data_root}, 'preview', name)}"
    split = None if any(counts["test"] for counts in tasks.values()) else "all"
    yield f"      {render_command('run', {'datasets': name, 'data_root': data_root, 'split': split})}"


def _lines_of_unused(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield lines about what was not used, each list shortened; the manifest has all."""
    from segbench.datasets.preprocess import SIDE

    columns = manifest["unused_columns"]
    if columns:
        noun = "column" if len(columns) == 1 else "columns"
        yield f"  not used: {noun} {join_names(columns, MAX_SHOWN)}"
    values = sorted(manifest["unused_values"].items(), key=lambda item: -item[1])
    if values[MAX_SHOWN:]:
        few = ", ".join(value for value, _ in values[:MAX_SHOWN])
        files = count_of(values[0][1], "mask file")
        yield f"  not used: {len(values)} values belong to no label, such as {few}, in up to {files}"
    else:
        for value, count in values:
            yield f"  not used: value {value} belongs to no label, in {count_of(count, 'mask file')}"
    for key, what in (("empty", "is empty"), ("vanished", f"vanishes at {SIDE} x {SIDE}")):
        labels = list(manifest[key].items())
        for label, count in labels[:MAX_SHOWN]:
            yield f"  left out: {label} {what} in {count_of(count, 'picture')}"
        if labels[MAX_SHOWN:]:
            rest = count_of(len(labels) - MAX_SHOWN, "more label")
            yield f"  left out: {rest} in some pictures"


def _warnings(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence about the first task of each weakness that measurements would share."""
    from segbench.datasets.preprocess import SIDE
    from segbench.protocols.config import Config

    if public := _public(manifest["name"]):
        yield f"  warning: {manifest['name']} is read as your own data; {public}"
    if dominant := manifest["dominant"]:
        task, most = next(iter(dominant.items()))
        images = f"{most['images']} of {manifest['tasks'][task]['train']} train images"
        yield (
            f"  warning: {_and_more(task, dominant)}: {images} are of subject {most['subject']}, of "
            f"{count_of(most['subjects'], 'subject')}, which fills the contexts; name the subjects "
            "(subjects.csv, --subject-pattern), or take one slice of each (--rule)"
        )
    target = Config.target_dice
    coarse = {task: dice["mean"] for task, dice in manifest["resolution"].items() if dice["mean"] < target}
    if coarse:
        task = min(coarse, key=lambda each: coarse[each])
        yield (
            f"  warning: {_and_more(task, coarse)}: the labels keep a mean Dice of {coarse[task]} at "
            f"{SIDE} x {SIDE}, below the target {target}; no mask of this size reaches the target on the "
            "original images; crop the images if the structure is small"
        )


def _and_more(task: str, tasks: Collection[str]) -> str:
    return f"{task} and {count_of(len(tasks) - 1, 'more task')}" if len(tasks) > 1 else task


command = command_of(
    "import",
    import_data,
    "Import a data set, also your own.\n\nThe command reads it once into the compact store of the data "
    "folder: a public data set NAME (`list datasets`) from PATH as its authors released it, or your own data "
    "under a NAME that you choose.",
    "python -m benchmark data import mydata ~/mydata --labels 1=liver,2=spleen --modality CT",
    click.Argument(["name"]),
    click.Argument(["path"], type=click.Path(path_type=Path)),
    click.Option(
        ["--format"],
        metavar="FORMAT",
        help="Layout of your data: folder, nnunet, nifti or table.  [default: the first that fits]",
    ),
    click.Option(
        ["--labels"],
        metavar="LABELS",
        help="Names of mask values: 1=liver,2=spleen, or a CSV file with columns value,label.  [default: "
        "from the data]",
    ),
    click.Option(["--modality"], help="Modality of the images, such as CT.  [default: from the data]"),
    click.Option(
        ["--subject-pattern"],
        metavar="REGEX",
        help="Regular expression whose group, found in the name of an image, is its subject.  [default: each "
        "image is a subject]",
    ),
    click.Option(
        ["--mask-suffix"],
        metavar="TEXT",
        help="What names of masks have after the names of their images: _lesion for a.png and a_lesion.png.  "
        "[default: _mask, _seg, _label, _gt and the like]",
    ),
    click.Option(
        ["--axes"],
        metavar="NAMES",
        help="Axes along which volumes are sliced: axial, coronal, sagittal, all, or stored (does not turn "
        "them).  [default: all]",
    ),
    click.Option(
        ["--rule"],
        type=Choice(["maxslice", "midslice"]),
        help="Slice of a volume, or of a subject's pictures: the one with the largest label, or the middle "
        "one.  [default: maxslice of volumes, all pictures]",
    ),
    click.Option(
        ["--split"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Split of the subjects: the manifest.json of another import, or a CSV file subject,split.  "
        "[default: the data's own, or 60/20/20 by subject]",
    ),
    click.Option(["--replace"], is_flag=True, help="Replace an earlier import of the same name."),
    DATA_ROOT,
    click.Option(["--workers"], type=POSITIVE, help="Files read at once.  [default: one per core]"),
)
