"""``weights``: list, fetch and verify checkpoints."""

from __future__ import annotations

import click

from segbench.benchmark.cli.options import command_of


@click.group(
    help="List, fetch and verify checkpoints.",
    epilog="\b\nExample:\n  python -m benchmark weights fetch multiverseg",
)
def command() -> None:
    pass


def _addresses() -> dict[str, str]:
    """Return the models whose official weights are on a hub, with their addresses."""
    from segbench.models.hub import official_address
    from segbench.models.registry import MODELS, networks

    addresses = {name: official_address(name) for name in MODELS.names() if networks(name) == (name,)}
    return {name: address for name, address in addresses.items() if address}


def _require_official(name: str) -> None:
    from segbench.models.weights import OFFICIAL
    from segbench.registry import UnknownName

    if name not in (known := [*OFFICIAL, *_addresses()]):
        raise UnknownName("checkpoint", name, known)


def _list() -> None:
    from segbench.errors import SegbenchError
    from segbench.models.hub import checksum
    from segbench.models.weights import OFFICIAL, verify

    for name, checkpoint in OFFICIAL.items():
        for kind, find in (("bundled", checksum), ("official", verify)):
            try:
                state = f"sha256 {find(name)}"
            except SegbenchError as error:
                state = str(error)
            click.echo(f"{name:<16} {kind:<9} {state}")
        click.echo(f"{'':<16} {'':<9} {checkpoint.url}")
    for name, address in _addresses().items():
        click.echo(f"{name:<16} official  {address}")


def _fetch(name: str) -> None:
    from segbench.models.hub import model_folder
    from segbench.models.weights import fetch

    _require_official(name)
    click.echo(model_folder(name, "official") if name in _addresses() else fetch(name))


def _verify(name: str) -> None:
    from segbench.errors import UsageError
    from segbench.models.weights import verify

    _require_official(name)
    if name in _addresses():
        raise UsageError(f"the weights of {name} are on a hub and verified at every use; fetch them instead")
    click.echo(f"{name}: sha256 {verify(name)}")


NAME = click.Argument(["name"])
for subcommand in (
    command_of("list", _list, "List bundled and official checkpoints.", "python -m benchmark weights list"),
    command_of(
        "fetch",
        _fetch,
        "Download a checkpoint that the authors published.",
        "python -m benchmark weights fetch multiverseg",
        NAME,
    ),
    command_of(
        "verify",
        _verify,
        "Compare a downloaded checkpoint with its recorded checksum.",
        "python -m benchmark weights verify multiverseg",
        NAME,
    ),
):
    command.add_command(subcommand)
