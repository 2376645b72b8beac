"""How much of a run is finished: its units, compared with what its commands planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.text import count_of, render_command

DIGITS = 12  # of a key in the manifest, where a study may have a hundred thousand


@dataclass(frozen=True)
class Progress:
    """The finished units of a run.

    Attributes
    ----------
    finished, planned : int
        Units that the commands of the run planned, and how many of these are finished.
    commands : tuple of str
        Commands that compute the others; empty if the run is finished.
    """

    finished: int
    planned: int
    commands: tuple[str, ...] = ()

    @property
    def share(self) -> str:
        """The numbers as a sentence."""
        verb = "is" if self.planned == 1 else "are"
        return f"{self.finished} of {count_of(self.planned, 'unit')} {verb} finished"


def abbreviated(keys: Iterable[str]) -> str:
    """Return the keys of planned units as the manifest holds them: shortened, in one text."""
    return " ".join(sorted(key[:DIGITS] for key in keys))


def progress(manifest: Mapping[str, Any], keys: Iterable[str], address: Path | str) -> Progress:
    """Compare the plans in a manifest with the finished units.

    Parameters
    ----------
    manifest : mapping
        Its entry ``plans`` has the ``arguments`` of each command and the `abbreviated` keys of its
        ``units``.
    keys : iterable of str
        Keys of the finished units.
    address : Path or str
        Where the run is; the commands write there, also if it was started elsewhere.
    """
    stored = {key[:DIGITS] for key in keys}
    planned = {
        render_command("run", plan["arguments"] | {"output": address}): set(plan["units"].split())
        for plan in manifest.get("plans") or ()
    }
    everything = set().union(*planned.values())
    left, needed = everything - stored, []
    for command in sorted(planned, key=lambda name: -len(planned[name] & left)):
        if planned[command] & left:
            needed.append(command)
            left -= planned[command]
    return Progress(len(everything & stored), len(everything), tuple(needed))
