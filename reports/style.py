"""One look for every figure: theme, names, and a fixed colour, marker and line per model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow, which is too light for lines on white.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, GREY, BLACK = "#56B4E9", "#D55E00", "#7F7F7F", "#000000"


@dataclass(frozen=True)
class Look:
    """How a model is named and drawn; marker and line tell models apart without colour too."""

    title: str
    color: str
    marker: str
    line: str | tuple[int, tuple[float, ...]]


MODELS: dict[str, Look] = {
    "scribbleprompt": Look("ScribblePrompt", BLUE, "o", "--"),
    "sp-uvs": Look("SP+UVS", ORANGE, "s", "-."),
    "multiverseg": Look("MultiverSeg", GREEN, "D", "-"),
    "random-walker": Look("Random walker", GREY, "^", ":"),
    "universeg": Look("UniverSeg", SKY, "v", (0, (5, 1))),
    "universeg-oracle": Look("UniverSeg (oracle)", PURPLE, "P", (0, (3, 1, 1, 1))),
    "nnunet": Look("nnU-Net", BLACK, "X", (0, (1, 1))),
}
# For models that this list does not know, in this order.
_SPARE: tuple[tuple[str, str, tuple[int, tuple[float, ...]]], ...] = (
    (VERMILION, "p", (0, (6, 2))),
    ("#882255", "<", (0, (6, 2, 1, 2))),
    ("#999933", ">", (0, (4, 1, 1, 1, 1, 1))),
    ("#332288", "h", (0, (2, 2))),
    ("#AA4499", "*", (0, (8, 2))),
    ("#44AA99", "d", (0, (3, 3))),
)


@dataclass(frozen=True)
class Wording:
    """How a protocol and one of its steps are called."""

    title: str
    unit: str


PROTOCOLS: dict[str, Wording] = {
    "center-clicks": Wording("Center clicks", "clicks"),
    "centerline-scribbles": Wording("Centerline scribbles", "scribble steps"),
}

PNG_DPI = 200
_METADATA = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}


def looks(models: Iterable[str]) -> dict[str, Look]:
    """The look of each model, known ones first; unknown names take the spare looks in alphabetical order."""
    names = set(models)
    known = {name: look for name, look in MODELS.items() if name in names}
    others = enumerate(sorted(names - set(MODELS)))
    unknown = {name: Look(name, *_SPARE[index % len(_SPARE)]) for index, name in others}
    return known | unknown


def wording(protocol: str) -> Wording:
    """Title and unit of a protocol; an unknown one is called by its name and counts interactions."""
    return PROTOCOLS.get(protocol, Wording(protocol, "interactions"))


def protocols_in_order(protocols: Iterable[str]) -> list[str]:
    """Known protocols in the papers' order, then the others by name."""
    names = set(protocols)
    return [name for name in PROTOCOLS if name in names] + sorted(names - set(PROTOCOLS))


def theme() -> dict:
    """Matplotlib settings: seaborn's white grid, sizes legible in print, fonts embedded as text."""
    import seaborn

    return (
        seaborn.axes_style("whitegrid")
        | seaborn.plotting_context("paper", font_scale=1.15)
        | {
            "font.family": ["DejaVu Sans"],  # comes with Matplotlib, so figures look the same everywhere
            "axes.edgecolor": "#444444",
            "axes.titleweight": "bold",
            "grid.color": "#E4E4E4",
            "grid.linewidth": 0.7,
            "lines.linewidth": 1.8,
            "lines.markersize": 4.5,
            "pdf.fonttype": 42,
        }
    )


def themed(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Run a drawing function under the theme and settle its layout there; global settings stay untouched."""

    @wraps(draw)
    def under_theme(*args, **kwargs) -> Figure:
        import matplotlib

        with matplotlib.rc_context(theme()):
            figure = draw(*args, **kwargs)
            figure.draw_without_rendering()
        return figure

    return under_theme


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write ``stem.png`` and ``stem.pdf`` without dates, so that equal figures are equal files."""
    import matplotlib

    paths = [stem.with_suffix(f".{kind}") for kind in _METADATA]
    with matplotlib.rc_context(theme()):
        for path in paths:
            figure.savefig(path, dpi=PNG_DPI, metadata=_METADATA[path.suffix[1:]])
    return paths
