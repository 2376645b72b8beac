"""Where the package lies, and where runs, trainings and downloads go by default."""

from __future__ import annotations

from pathlib import Path

from segbench.errors import Failure

PACKAGE = Path(__file__).parent
"""Holds the six packages: links in a clone, folders of an installed wheel."""

RUNS = Path("results/runs")
TRAINING = Path("results/training")  # `run` looks here for models that are trained on each task


def expanded(path: Path) -> Path:
    """Replace ``~`` at the beginning of a path; Failure if the home directory is unknown."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise Failure(f"{path} begins with a home directory that is unknown; give the full path") from error


def user_cache(instead: str) -> Path:
    """Return this program's folder in the user's cache, which may not exist yet.

    Parameters
    ----------
    instead : str
        What to do instead of setting HOME, for the message.

    Raises
    ------
    Failure
        If the user has no home directory, as in a container with an unknown user.
    """
    import platformdirs

    try:
        folder = platformdirs.user_cache_path("segbench")
    except RuntimeError:
        folder = Path()
    if not folder.is_absolute():
        raise Failure(f"this user has no home directory for a cache; set HOME to a folder, or {instead}")
    return folder
