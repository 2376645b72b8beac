"""Entry point of ``python -m benchmark`` and of the command ``segbench``."""

from __future__ import annotations

from segbench.benchmark.cli import cli


def main() -> None:
    cli(prog_name="python -m benchmark")


if __name__ == "__main__":
    main()
