"""Lines that ``run`` prints: its plan, and a short table of its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from segbench.benchmark.excluded import MOST_NAMES, excluded_lines
from segbench.datasets.all_test import is_all_test
from segbench.datasets.catalogue import trained_on_by
from segbench.models.hub import has_official
from segbench.text import count_of, join_names, render_command

if TYPE_CHECKING:
    from segbench.benchmark.plan import RunPlan
    from segbench.benchmark.selection import ExperimentPlan, Selection
    from segbench.protocols.config import Config
    from segbench.results import Results


def plan_lines(plan: RunPlan, all_names: bool = False) -> Iterator[str]:
    """Yield what is excluded and why, the size of the run, its experiments and its output.

    Parameters
    ----------
    plan : RunPlan
    all_names : bool
        Whether lines about more than a few tasks or models name all of them.
    """
    selection, settings = plan.selection, plan.settings
    yield from excluded_lines(selection.excluded, all_names)
    yield from _image_lines(selection, settings.config, all_names)
    sizes = [
        count_of(len(selection.protocols()), "protocol"),
        count_of(len(selection.models()), "model"),
        count_of(len(selection.tasks()), "task"),
    ]
    if any(protocol.data_kind != "scribbles" for protocol in selection.protocols().values()):
        simulations = count_of(settings.simulations, "simulation")
        images = settings.config.images
        sizes.append(f"{simulations} of {count_of(images, 'image') if images else 'all images'}")
    yield (
        f"{', '.join(sizes)}: {count_of(len(plan.units), 'unit')}, {settings.precision} on {settings.device}"
    )
    for experiment in selection.experiments:
        yield f"  {_experiment(experiment, settings.config)}: {', '.join(experiment.models)}"
    yield from _seen_lines(selection, settings.weights)
    yield f"Output: {plan.output}"


def _seen_lines(selection: Selection, weights: str) -> Iterator[str]:
    """Yield a line for each data set on which official weights of the run were trained."""
    for dataset in sorted({task.task.dataset for task in selection.tasks()}):
        seen = trained_on_by(dataset)
        models = [name for name in selection.models() if has_official(name, weights, seen)]
        if models:
            yield f"Not held out: the official weights of {join_names(models)} were trained on {dataset}"


def _image_lines(selection: Selection, common: Config, all_names: bool) -> Iterator[str]:
    """Yield what is particular about the images: all are test, or a task has fewer than a simulation."""
    of_splits = [task.counts for task in selection.tasks() if is_all_test(task.task.dataset)]
    if of_splits:
        train, test = (sum(counts[split] for counts in of_splits) for split in ("train", "test"))
        kept = f", except those of one subject of each task ({train}), with which contexts begin"
        tasks = f" in {len(of_splits)} tasks" if len(of_splits) > 1 else ""
        yield f"All images count as test ({test}{tasks}){kept if train else ''}"
    fewer = {
        task.task.name: task.counts[common.split]
        for plan in selection.experiments
        for task in plan.tasks
        if plan.experiment.config.images == common.images != plan.config_for(task).images
    }
    if fewer:
        listed = ", ".join(f"{name} {count}" for name, count in fewer.items())
        if len(fewer) > MOST_NAMES and not all_names:
            listed = f"{min(fewer.values())} to {max(fewer.values())}"
        yield (
            f"{count_of(len(fewer), 'task')} {'has' if len(fewer) == 1 else 'have'} fewer than "
            f"{common.images} {common.split} images, and all of them are used: {listed}"
        )


def _experiment(plan: ExperimentPlan, common: Config) -> str:
    """Return the protocol of an experiment, and its settings that differ from those of the run."""
    config = plan.experiment.config
    differing = [
        f"{name} {getattr(config, name) or 'all'}"
        for name in ("split", "context", "images")
        if getattr(config, name) != getattr(common, name)
    ]
    return plan.experiment.protocol + (f" ({', '.join(differing)})" if differing else "")


def result_lines(results: Results) -> Iterator[str]:
    """Yield the table of results, the answer, what to consider about it, and the command of the report."""
    from segbench.benchmark.result_table import result_table
    from segbench.reports.answer import plain_lines
    from segbench.reports.catalogue import trainings
    from segbench.reports.cautions import missed_seeds
    from segbench.reports.selection import in_standard_sets

    images = results.images[in_standard_sets(results, results.images)]  # longer ones have their own figures
    yield f"\n{result_table(images)}\n"
    yield from plain_lines(results)
    yield from shortened_trainings(trainings(results))
    if seeds := missed_seeds(results):
        yield f"Seed images: {seeds}"
    yield from results.unfinished_sentences()
    yield f"Report: {render_command('report', {}, results.folders[0])}"


def shortened_trainings(trainings: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Yield a line for each model whose training was shorter than its authors have it.

    Parameters
    ----------
    trainings : mapping
        As `segbench.reports.catalogue.trainings` returns them.
    """
    for model, tasks in trainings.items():
        schedules = dict.fromkeys(facts["schedule"] for facts in tasks.values() if facts["shortened"])
        if schedules:
            yield (
                f"{model} was trained for {' or '.join(schedules)} only (shortened); its results are not the "
                "upper bound of a full training"
            )
