"""Run the commands of docs/results.md, from which the page's numbers come.

Usage: python tests/performance/documented_runs.py OUTPUT [--section WBC] [--list] [OPTIONS]

Each command gets the folder OUTPUT/NUMBER, and OPTIONS of ``run`` such as ``--data-root DIR``. Its answer is
printed, and stands in OUTPUT/NUMBER.txt. The same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results.md"
RUN = "python -m benchmark run "


def commands() -> Iterator[tuple[str, str]]:
    """The second-level section and the text of each run of the page."""
    section = ""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith(RUN):
            yield section, line


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("--section", default="", help="Beginning of the name of a section.")
    parser.add_argument("--list", action="store_true", help="Print the commands only.")
    options, more = parser.parse_known_args()
    for number, (section, command) in enumerate(commands(), start=1):
        if not section.startswith(options.section):
            continue
        print(f"{number} {section}: {command}", flush=True)
        if options.list:
            continue
        words = shlex.split(command.removeprefix("python "))
        call = [sys.executable, *words, "--output", str(options.output / str(number)), *more]
        answer = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout
        (options.output / f"{number}.txt").write_text(answer, "utf-8")
        print(answer, flush=True)


if __name__ == "__main__":
    main()
