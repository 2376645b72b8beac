"""Run the commands of docs/results.md, from which the page's numbers come.

Usage: python tests/performance/documented_runs.py OUTPUT [--section WBC] [--list] [-- OPTIONS]

Each command gets the folder OUTPUT/NUMBER, and OPTIONS such as ``--data-root DIR``. Its answer is printed,
and stands in OUTPUT/NUMBER.txt. The same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results.md"
RUN = "python -m benchmark run "


def commands() -> Iterator[tuple[str, str]]:
    """The second-level section and the text of each run of the page."""
    for text in re.split(r"(?m)^## ", PAGE.read_text("utf-8"))[1:]:
        section = text.partition("\n")[0]
        for block in re.findall(r"(?ms)^```\w*\n(.*?)^```$", text):
            yield from ((section, line) for line in block.splitlines() if line.startswith(RUN))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("--section", default="", help="Beginning of the name of a section.")
    parser.add_argument("--list", action="store_true", help="Print the commands only.")
    parser.add_argument("options", nargs="*")
    options = parser.parse_args()
    for number, (section, command) in enumerate(commands(), start=1):
        if not section.startswith(options.section):
            continue
        print(f"{number} {section}: {command}", flush=True)
        if options.list:
            continue
        words = shlex.split(command.removeprefix("python "))
        options.output.mkdir(parents=True, exist_ok=True)
        folder = options.output / str(number)
        with (options.output / f"{number}.txt").open("w") as answer:
            call = [sys.executable, *words, "--output", str(folder), *options.options]
            subprocess.run(call, stdout=answer, check=True)
        print((options.output / f"{number}.txt").read_text(), flush=True)


if __name__ == "__main__":
    main()
