"""``run``: measure models, resumably."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from segbench.benchmark.cli.options import IMAGES, POSITIVE, SHARE, option
from segbench.errors import UsageError
from segbench.paths import RUNS
from segbench.text import render_command

if TYPE_CHECKING:
    from segbench.benchmark.execution.cluster import Backend
    from segbench.benchmark.plan import Checksums, Unit
    from segbench.benchmark.selection import ExperimentPlan, Selection
    from segbench.benchmark.settings import Preset, Settings
    from segbench.protocols.config import Config
    from segbench.results import Results

Names = str | Sequence[str]


def run(
    *,
    protocol: Names | None = None,
    models: Names = "all",
    datasets: Names | None = None,
    data_root: str | Path | None = None,
    preset: str = "quick",
    simulations: int | None = None,
    images: int | str | None = None,
    target_dice: float = 0.9,
    max_steps: int | None = None,
    context: Any = "binary",
    split: Any = "test",
    weights: str | Path = "bundled",
    device: str = "auto",
    precision: str = "auto",
    workers: int | None = None,
    backend: str = "local",
    scheduler: str | None = None,
    seed: int = 0,
    output: str | Path | None = None,
    dry_run: bool = False,
) -> Path | str:
    """Measure models on tasks; the same call continues an interrupted run.

    Parameters
    ----------
    protocol, models, datasets : str or sequence of str
        Names; ``models="all"`` takes every model that a protocol can use, ``protocol="all"`` the whole study
        of both papers with all variants. Without it the two protocols of experiment 1, or with the preset
        ``paper`` the whole study.
    preset : {"smoke", "quick", "paper"}
        Sets `simulations`, `images` and the like where these are not given.
    backend : {"local", "dask"}
        Processes here, or a Dask cluster: that at the address `scheduler`, else one of `workers` processes.
    output : path or address, optional
        A folder, or an address of an object store such as ``s3://bucket/run``. Without it, a folder under
        ``results/runs`` that belongs to exactly this plan.
    others : as the options of ``python -m benchmark run``

    Returns
    -------
    Path, or str of an object store
        Where the run is, for `results.load`.
    """
    arguments = _arguments(dict(locals()))
    from segbench.benchmark.execution.cluster import Backend
    from segbench.benchmark.settings import resolve_preset, resolve_settings

    crew = Backend(workers, backend, scheduler).checked(reach=not dry_run)
    much = resolve_preset(preset, images, simulations=simulations, max_steps=max_steps)
    config = much.config(seed, target_dice, context, split)
    settings = resolve_settings(config, much.simulations, weights, device, precision, bool(scheduler))
    planned = _plan(protocol, models, datasets, data_root, output, preset, much, settings)
    _describe(planned, dry_run)
    if not dry_run:
        _measure(planned, crew, preset, arguments)
    return planned.where


class _Planned(NamedTuple):
    """All that a call means, and where it is kept."""

    selection: Selection
    settings: Settings
    root: Path
    sums: Checksums
    units: list[Unit]
    where: Path | str


def _plan(
    protocol: Names | None,
    models: Names,
    datasets: Names | None,
    data_root: str | Path | None,
    output: str | Path | None,
    preset: str,
    much: Preset,
    settings: Settings,
) -> _Planned:
    from segbench.benchmark.plan import checksums, plan
    from segbench.benchmark.selection import choose_datasets, kinds_of, names, select
    from segbench.benchmark.settings import resolve_root
    from segbench.benchmark.study import ALL, SEQUENTIAL, experiments
    from segbench.results.storage import place

    if output == "":
        raise UsageError("--output is empty; name a folder or an address, or leave it out")
    root = resolve_root(data_root)
    protocols = names(protocol or (ALL if preset == "paper" else SEQUENTIAL))
    parts = experiments(protocols, settings.config, much.longer)
    chosen, line = choose_datasets(datasets, root, kinds_of(parts))
    click.echo(line)
    selection = select(parts, names(models), chosen, root, much.tasks, settings.weights)
    sums = checksums(selection, settings)
    units = plan(selection, settings, sums)
    where = place(output or _default_output(preset, units)).address
    return _Planned(selection, settings, root, sums, units, where)


def _measure(planned: _Planned, crew: Backend, preset: str, arguments: dict[str, Any]) -> None:
    from segbench.benchmark.execution.resume import resume
    from segbench.benchmark.provenance import manifest

    selection, settings, root, sums, units, where = planned
    record = manifest(selection, settings, sums, preset, arguments)
    _summarise(resume(units, settings, root, where, record, crew))


def _default_output(preset: str, units: list[Unit]) -> Path:
    """A folder that belongs to exactly these units, so that the same command finds it again."""
    from segbench.benchmark.plan import digest

    return RUNS / f"{preset}-{digest(sorted(unit.key for unit in units))[:8]}"


def _describe(planned: _Planned, dry_run: bool) -> None:
    """What would run; what of it is finished is said by a dry run only, as another goes on from there."""
    from segbench.benchmark.execution.resume import finished

    selection, settings, _, _, units, where = planned
    for left in selection.left_out:
        click.echo(f"Left out: {left.kind} {left.name}: {left.reason}")
    people = all(part.kind == "scribbles" for part in selection.parts)  # who drew as often as they did
    much = (
        "" if people else f", {settings.simulations} simulations of {settings.config.images or 'all'} images"
    )
    click.echo(
        f"{len(selection.all_protocols())} protocols, {len(selection.all_models())} models, "
        f"{len(selection.all_tasks())} tasks{much}: {len(units)} units, "
        f"{settings.precision} on {settings.device}"
    )
    for part in selection.parts:
        click.echo(f"  {_named(part, settings.config)}: {', '.join(part.models)}")
    click.echo(f"Output: {where}")
    if dry_run:
        click.echo(f"{finished(units, where)} of {len(units)} units are finished")


def _named(part: ExperimentPlan, usual: Config) -> str:
    """A part's protocol, and how its settings differ from those of the run."""
    own = part.experiment.config
    differing = [
        f"{name} {getattr(own, name) or 'all'}"
        for name in ("split", "context", "images")
        if getattr(own, name) != getattr(usual, name)
    ]
    return " ".join([part.experiment.protocol, *([f"({', '.join(differing)})"] if differing else [])])


def _summarise(results: Results) -> None:
    from segbench.benchmark.summary import shortened, summary
    from segbench.reports.catalogue import trainings
    from segbench.reports.estimates import in_standard_sets

    images = results.images[in_standard_sets(results, results.images)]  # longer sets have their own figures
    click.echo(f"\n{summary(images)}\n")
    for line in shortened(trainings(results)):
        click.echo(line)
    click.echo(f"Report: {render_command('report', {}, results.folders[0])}")


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call that differ from the defaults, as plain values; names are joined by commas."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(run).parameters.items()}
    return {
        name: value
        if isinstance(value, str | int | float)
        else str(value)
        if isinstance(value, Path)
        else ",".join(value)
        for name, value in given.items()
        if value != defaults[name] and name != "dry_run"
    }


command = click.Command(
    "run",
    callback=run,
    help="Measure models on tasks. The same command continues an interrupted run.",
    params=[
        option(
            run,
            "--protocol",
            "Protocols, comma-separated, or all: the whole study of both papers.  "
            "[default: those of experiment 1; all with --preset paper]",
            metavar="NAMES",
        ),
        option(run, "--models", "Models, comma-separated, or all.", metavar="NAMES"),
        option(run, "--datasets", "Data sets.  [default: the installed ones, or embedded]", metavar="NAMES"),
        option(run, "--data-root", "Where they are.  [default: $SEGBENCH_DATA or the cache]", metavar="DIR"),
        option(run, "--preset", "How much.", type=click.Choice(["smoke", "quick", "paper"])),
        option(run, "--simulations", "Passes over a task.  [default: the preset's]", type=POSITIVE),
        option(run, "--images", "Images of a pass.  [default: the preset's]", type=IMAGES, metavar="N|all"),
        option(run, "--target-dice", "Dice of a finished image.", type=SHARE),
        option(run, "--max-steps", "Interactions at most.  [default: the protocol's]", type=POSITIVE),
        option(
            run,
            "--context",
            "What of a finished image joins the context.",
            type=click.Choice(["binary", "soft", "ground-truth"]),
        ),
        option(run, "--split", "Which images are segmented.", type=click.Choice(["test", "val"])),
        option(run, "--weights", "Weights of the models.", metavar="bundled|official|PATH"),
        option(run, "--device", "Where models compute.", type=click.Choice(["auto", "cpu", "cuda"])),
        option(run, "--precision", "How models compute.", type=click.Choice(["auto", "float32", "bfloat16"])),
        option(run, "--workers", "Processes.  [default: one per core, or per GPU]", type=POSITIVE),
        option(
            run, "--backend", "Who starts them; see docs/cluster.md.", type=click.Choice(["local", "dask"])
        ),
        option(
            run, "--scheduler", "Of an existing Dask cluster, which has its own workers.", metavar="ADDRESS"
        ),
        option(run, "--seed", "Root of all randomness.", type=int),
        option(run, "--output", f"Where the run is kept.  [default: one in {RUNS}]", metavar="DIR|URL"),
        option(run, "--dry-run", "Only say what would run.", is_flag=True),
    ],
)
