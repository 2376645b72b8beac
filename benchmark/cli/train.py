"""``train``: train a model on synthetic tasks, or on real ones."""

from __future__ import annotations

from pathlib import Path

import click

TRAINING = Path("results/training")


def _train(
    model: str,
    preset: str,
    start: str | None,
    datasets: str | None,
    data_root: str | None,
    output: str | None,
    seed: int,
    device: str,
    precision: str,
) -> None:
    from benchmark.selection import names
    from benchmark.settings import resolve_device, resolve_precision, resolve_root
    from datasets.lookup import UnknownName
    from datasets.registry import load
    from models.training.loop import train
    from models.training.presets import PRESETS

    if preset in PRESETS and model not in PRESETS[preset]:
        raise UnknownName("model to train", model, list(PRESETS[preset]))
    device = resolve_device(device)
    where = Path(output or TRAINING / f"{model}-{preset}")
    root = resolve_root(data_root)
    tasks = [data for name in names(datasets) for data in load(name, root)] if datasets else []
    click.echo(train(model, preset, where, seed, device, resolve_precision(precision, device), start, tasks))


command = click.Command(
    "train",
    callback=_train,
    help="Train a model on synthetic tasks. The same command continues an interrupted training.",
    params=[
        click.Argument(["model"]),
        click.Option(
            ["--preset"], default="small", help="Schedule: small, paper, or smoke to see that it runs."
        ),
        click.Option(
            ["--start"],
            metavar="WEIGHTS",
            help="Begin with weights: bundled, official or a file; those of a narrower network are widened.",
        ),
        click.Option(
            ["--datasets"], metavar="NAMES", help="Learn from the train splits of real tasks instead."
        ),
        click.Option(["--data-root"], metavar="DIR", help="Folder that holds the data sets."),
        click.Option(["--output"], metavar="DIR", help=f"[default: one in {TRAINING}]"),
        click.Option(["--seed"], type=int, default=0, help="Root of all randomness."),
        click.Option(
            ["--device"], type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to compute."
        ),
        click.Option(
            ["--precision"],
            type=click.Choice(["auto", "float32", "bfloat16"]),
            default="auto",
            help="How to compute.",
        ),
    ],
)
