"""The commands ``run`` and ``report``, and the images of a data set, for notebooks and scripts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from segbench.errors import Failure, UsageError
from segbench.paths import RUNS
from segbench.protocols.adapter import ModelAdapter

if TYPE_CHECKING:
    from segbench.benchmark.plan import RunPlan

Names = str | Sequence[str]
Model = str | type | ModelAdapter
Models = Model | Sequence[Model]

BUILD = Path("reports/build")


def run(
    *,
    protocol: Names | None = None,
    models: Models = "all",
    datasets: Names | None = None,
    tasks: Names | None = None,
    data_root: str | Path | None = None,
    preset: Literal["smoke", "quick", "full", "paper", "check"] = "quick",
    simulations: int | None = None,
    images: int | str | None = None,
    target_dice: float = 0.9,
    max_steps: int | None = None,
    context: Literal["binary", "soft", "ground-truth"] = "binary",
    seed_image: Literal["keep", "redraw"] = "keep",
    split: Literal["test", "val", "all"] = "test",
    split_from: Literal["scribbleprompt", "universeg"] | None = None,
    weights: str | Path | Mapping[str, str | Path] = "bundled",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    workers: int | None = None,
    backend: Literal["local", "dask"] = "local",
    scheduler: str | None = None,
    seed: int = 0,
    output: str | Path | None = None,
    dry_run: bool = False,
) -> Path | str:
    """Measure models on tasks; the same call continues an interrupted run.

    Parameters
    ----------
    protocol : str or sequence of str
        Protocols, comma-separated, or all for the whole study of both papers.  [default:
        center-clicks,centerline-scribbles; all with --preset paper]
    models : str, class, object, or sequence of these
        Models, comma-separated, or all that the protocol can use; NAME@/path/to/python runs one in that
        environment.

        A class or an object needs ``capabilities`` and ``predict``. Its attribute ``name``, or else the name
        of its class, is its name in the records.
    datasets : str or sequence of str
        Data sets, comma-separated.  [default: all installed ones, else the embedded phantoms]
    tasks : str or sequence of str
        Tasks, comma-separated patterns of names or of their parts: nucleus, '*ventricle', 'acdc/*'.
    data_root : path
        Folder that contains the data sets.  [default: $SEGBENCH_DATA, else the user's cache]
    preset : {"smoke", "quick", "full", "paper", "check"}
        Size of the run: smoke takes seconds, quick minutes, full longer, paper as in the papers; check is
        that of the bundled baseline.
    simulations : int
        Seeded passes over each task.  [default: from the preset]
    images : int or "all"
        Images of each simulation.  [default: from the preset; all of a task that has fewer]
    target_dice : float in (0, 1]
        Dice at which an image is finished.
    max_steps : int
        Maximum of interactions per image.  [default: from the protocol]
    context : {"binary", "soft", "ground-truth"}
        Mask of a finished image that joins the context: thresholded, probabilities, or the label.
    seed_image : {"keep", "redraw"}
        Keep a seed image that misses the target Dice, or redraw it from the train split.
    split : {"test", "val", "all"}
        Split of the images that are segmented; all counts every image as test.
    split_from : {"scribbleprompt", "universeg"}
        Divide the images as public code does: ScribblePrompt's release (60/20/20) or UniverSeg's example
        (70/30, no val split).  [default: our 60/20/20 by subject, or the data's own]
    weights : {"bundled", "official"}, path, address, or mapping of these by name
        Weights of the models: bundled, official, a file, a folder, or hf://OWNER/NAME[@REVISION]. Or by name,
        as sam=official,medsam=FOLDER; models without a name take the bundled ones.

        In Python the names are also keys of a mapping: ``{"sam": "official"}``.
    device : {"auto", "cpu", "cuda"}
        Device of the models; auto takes a GPU if there is one.
    precision : {"auto", "float32", "bfloat16"}
        Precision of the models; auto takes bfloat16 if the device computes in it.
    workers : int
        Number of worker processes.  [default: one per core, or per GPU]

        With 1, this process computes.
    backend : {"local", "dask"}
        Start the workers as processes of this machine, or on a Dask cluster.
    scheduler : str
        Address of an existing Dask cluster, such as tcp://host:8786.  [default: a cluster of this machine]
    seed : int
        Root seed of all random draws.
    output : path or address
        Folder or address (s3://...) of the run.  [default: a folder in results/runs]

        The name of the default folder depends on all units: the same call finds it again.
    dry_run : bool
        Print the plan, the number of finished units, and how much time and memory the rest takes; then stop.

    Returns
    -------
    Path, or str of an object store
        The address of the run, for `segbench.load`.

    Raises
    ------
    UsageError
        If an option has a value that it cannot have.
    SegbenchError
        If the run cannot go on; the message is one sentence.

    Examples
    --------
    >>> run(protocol="center-clicks", datasets="phantoms", preset="smoke")  # doctest: +SKIP
    PosixPath('results/runs/smoke-1b2d3c4a')
    """
    options = dict(locals())
    from segbench.benchmark.changed import changed_lines
    from segbench.benchmark.execution import Backend, estimate_lines, resume, unfinished
    from segbench.benchmark.local_models import as_names
    from segbench.benchmark.provenance import manifest
    from segbench.benchmark.summary import plan_lines, result_lines
    from segbench.models.named_weights import as_text
    from segbench.models.remote import forget

    forget()  # models of other environments may have been edited since an earlier run
    options |= {"models": as_names(models), "weights": as_text(weights)}
    processes = Backend(workers, backend, scheduler).validated(connect=not dry_run)
    plan = _plan(options)
    for line in plan_lines(plan, all_names=dry_run):
        click.echo(line)
    for line in changed_lines(plan):
        click.echo(line)
    if dry_run:
        missing = unfinished(plan.units, plan.output)
        click.echo(f"{len(plan.units) - len(missing)} of {len(plan.units)} units are finished")
        for line in estimate_lines(plan, missing, processes):
            click.echo(line)
    else:
        results = resume(plan, manifest(plan, _given(options)), processes)
        for line in result_lines(results):
            click.echo(line)
    return plan.output


def _plan(options: Mapping[str, Any]) -> RunPlan:
    """Resolve the keyword arguments of `run`."""
    from segbench.benchmark.dataset_choice import choose_datasets, names
    from segbench.benchmark.plan import RunPlan, compute_checksums, digest, plan_units
    from segbench.benchmark.selection import data_kinds, plan_experiments, select
    from segbench.benchmark.settings import Settings, resolve_preset, resolve_root
    from segbench.benchmark.study import ALL, EXPERIMENT_1, experiments
    from segbench.results.storage import open_storage

    if options["output"] == "":
        raise UsageError("--output is empty; give a folder or an address, or leave it out")
    size = {name: options[name] for name in ("simulations", "max_steps")}
    preset = resolve_preset(options["preset"], options["images"], **size)
    all_test = options["split"] == "all"
    if options["split"] not in ("test", "val", "all"):
        raise UsageError(f"the split must be test, val or all, not {options['split']!r}")
    if all_test and options["split_from"]:
        raise UsageError("--split all counts every image as test; leave out --split-from")
    chosen = ("seed", "target_dice", "context", "seed_image")
    split = "test" if all_test else options["split"]
    config = preset.config(**{name: options[name] for name in chosen}, split=split)
    settings = Settings.resolve(config, preset.simulations, options)
    root = resolve_root(options["data_root"])
    protocols = names(options["protocol"] or (ALL if options["preset"] == "paper" else EXPERIMENT_1))
    planned = plan_experiments(
        experiments(protocols, config, preset.longer_images), options["images"] is None
    )
    datasets, line = choose_datasets(options["datasets"], root, data_kinds(planned), options["split_from"])
    click.echo(line)
    models = names(options["models"])
    selection = select(
        planned,
        models,
        datasets,
        root,
        preset.tasks,
        preset.phantoms,
        settings.weights,
        names(options["tasks"]) if options["tasks"] is not None else (),
        all_test,
    )
    checksums = compute_checksums(selection, settings)
    units = plan_units(selection, settings, checksums)
    key = digest(sorted(unit.key for unit in units))[:8]  # the same command then finds its folder again
    output = open_storage(options["output"] or RUNS / f"{options['preset']}-{key}").address
    return RunPlan(options["preset"], selection, settings, root, checksums, units, output)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a run that differ from the defaults, as values for JSON."""
    from segbench.benchmark.local_models import in_commands

    def plain(value: Any) -> Any:
        if isinstance(value, str | int | float):
            return value
        return str(value) if isinstance(value, Path) else ",".join(value)

    defaults = inspect.signature(run).parameters
    changed = {name: value for name, value in options.items() if value != defaults[name].default}
    if "models" in changed:
        changed["models"] = in_commands(changed["models"])
    return {name: plain(value) for name, value in changed.items() if name != "dry_run"}


def report(
    runs: str | Path | Sequence[str | Path] = (),
    *,
    only: Names | None = None,
    data_root: str | Path | None = None,
    output: str | Path | None = None,
    papers: bool = False,
) -> Path:
    """Draw every figure and table for which the runs have records.

    Parameters
    ----------
    runs : path or sequence of paths
        Folders of runs with the same settings, or addresses of an object store. Without any: the newest run
        under ``results/runs``, or none if `only` names tables of the papers that need no records.
    only : str or sequence of str, optional
        Names of figures and tables.
    data_root : path, optional
        Folder of the data sets, for pictures of the segmented images.
    output : path, optional
        Folder of the report; without it, one under ``reports/build``.
    papers : bool
        Whether the papers' numbers, figures and tables stand beside the results. They always do if a data set
        of the runs is one on which the papers evaluate.

    Returns
    -------
    Path
        The page, ``index.html``.

    Examples
    --------
    >>> report("results/runs/smoke-1b2d3c4a", only="fig3")  # doctest: +SKIP
    PosixPath('reports/build/smoke-1b2d3c4a/index.html')
    """
    from segbench.benchmark.dataset_choice import names
    from segbench.benchmark.settings import resolve_root
    from segbench.reports.build import build
    from segbench.reports.registry import PAPER_FACTS
    from segbench.results import load
    from segbench.results.reading import empty_results
    from segbench.results.storage import open_storage

    chosen = names(only) if only is not None else None
    root = resolve_root(data_root)
    folders = [open_storage(run).address for run in ([runs] if isinstance(runs, str | Path) else runs)]
    if not folders and chosen is not None and set(chosen) <= set(PAPER_FACTS):
        return build(empty_results(root), Path(output or BUILD / "no-run"), chosen)
    folders = folders or [_newest_run()]
    target = Path(output or BUILD / "+".join(Path(folder).resolve().name for folder in folders))
    if target.exists() and not target.is_dir():
        raise Failure(f"{target} is a file; give another folder for the report")
    results = load(folders, root)
    results.papers = papers
    for sentence in results.unfinished_sentences():
        click.echo(f"Note: {sentence}", err=True)
    return build(results, target, chosen)


def _newest_run() -> Path:
    """Return the folder of the run that was started or continued last."""
    manifests = sorted(RUNS.glob("*/manifest.json"), key=lambda file: file.stat().st_mtime)
    if not manifests:
        raise Failure(f"there is no run in {RUNS}; start one with python -m benchmark run")
    return manifests[-1].parent


def load_dataset(name: str, root: str | Path | None = None) -> list[Any]:
    """Load all tasks of a data set; errors as of `segbench.datasets.load_dataset`.

    Parameters
    ----------
    name : str
        A registered or imported data set, ``folder:PATH`` or ``module:Class``.
    root : path, optional
        Folder that contains the data sets.  [default: $SEGBENCH_DATA, else the user's cache]

    Returns
    -------
    list of TaskData, ScanData or ScribbledData

    Examples
    --------
    >>> [data.task.label for data in load_dataset("phantoms")][:3]
    ['left-ventricle', 'right-ventricle', 'lesion']
    """
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets import registry

    return registry.load_dataset(name, resolve_root(root))
