"""``weights``: see, fetch and verify checkpoints."""

from __future__ import annotations

import click


@click.group(help="See, fetch and verify the authors' checkpoints.")
def command() -> None:
    pass


def _known(name: str) -> str:
    from segbench.models.weights import OFFICIAL
    from segbench.registry import UnknownName

    if name not in OFFICIAL:
        raise UnknownName("checkpoint", name, list(OFFICIAL))
    return name


@command.command("list", help="List bundled and official checkpoints.")
def list_() -> None:
    from segbench.models.weights import OFFICIAL, WeightsError, checksum, verify

    for name, checkpoint in OFFICIAL.items():
        for kind, look in (("bundled", lambda: checksum(name)), ("official", lambda: verify(name))):  # noqa: B023
            try:
                state = f"sha256 {look()}"
            except WeightsError as error:
                state = str(error)
            click.echo(f"{name:<16} {kind:<9} {state}")
        click.echo(f"{'':<16} {'':<9} {checkpoint.url}")


@command.command(help="Download an official checkpoint.")
@click.argument("name")
def fetch(name: str) -> None:
    from segbench.models.weights import fetch as fetch_weights

    click.echo(fetch_weights(_known(name)))


@command.command(help="Compare a downloaded checkpoint with its recorded checksum.")
@click.argument("name")
def verify(name: str) -> None:
    from segbench.models.weights import verify as verify_weights

    click.echo(f"{name}: sha256 {verify_weights(_known(name))}")
