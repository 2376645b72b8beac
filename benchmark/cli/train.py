"""``train``: train a model on synthetic tasks."""

from __future__ import annotations

from pathlib import Path

import click

TRAINING = Path("results/training")


def _train(model: str, preset: str, output: str | None, seed: int, device: str, precision: str) -> None:
    from benchmark.settings import resolve_device, resolve_precision
    from datasets.lookup import UnknownName
    from models.training.loop import train
    from models.training.presets import PRESETS

    if preset in PRESETS and model not in PRESETS[preset]:
        raise UnknownName("model to train", model, list(PRESETS[preset]))
    device = resolve_device(device)
    where = Path(output or TRAINING / f"{model}-{preset}")
    click.echo(train(model, preset, where, seed, device, resolve_precision(precision, device)))


command = click.Command(
    "train",
    callback=_train,
    help="Train a model on synthetic tasks only. The same command continues an interrupted training.",
    params=[
        click.Argument(["model"]),
        click.Option(["--preset"], default="small", help="Schedule: small, or smoke to see that it runs."),
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
