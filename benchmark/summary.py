"""Lines that ``run`` prints: its plan, and a short table of its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from segbench.text import count_of, render_command

if TYPE_CHECKING:
    from segbench.benchmark.plan import RunPlan
    from segbench.benchmark.selection import ExperimentPlan
    from segbench.protocols.config import Config
    from segbench.results import Results


def plan_lines(plan: RunPlan) -> Iterator[str]:
    """Yield what is excluded and why, the size of the run, its experiments and its output."""
    selection, settings = plan.selection, plan.settings
    for excluded in selection.excluded:
        yield f"Left out: {excluded.kind} {excluded.name}: {excluded.reason}"
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
    yield f"Output: {plan.output}"


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
    """Yield the table of results, what to consider about them, and the command of the report."""
    from segbench.reports.catalogue import trainings
    from segbench.reports.cautions import missed_seeds
    from segbench.reports.selection import in_standard_sets
    from segbench.results.overview import mean_table

    images = results.images[in_standard_sets(results, results.images)]  # longer ones have their own figures
    yield f"\n{mean_table(images).to_string(index=False)}\n"
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
