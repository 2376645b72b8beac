"""One look for every figure: theme, names, and a fixed colour, marker and line per model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow, which is too light for lines on white.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, GREY, BLACK = "#56B4E9", "#D55E00", "#7F7F7F", "#000000"


@dataclass(frozen=True)
class LineStyle:
    """How a model is named and drawn; marker and line tell models apart without colour too."""

    title: str
    color: str
    marker: str
    line: str | tuple[int, tuple[float, ...]]


MODELS: dict[str, LineStyle] = {
    "scribbleprompt": LineStyle("ScribblePrompt", BLUE, "o", "--"),
    "sp-uvs-1": LineStyle("SP+UVS, min. 1", "#882255", "v", (0, (1, 1))),
    "sp-uvs-2": LineStyle("SP+UVS, min. 2", VERMILION, "^", (0, (3, 1))),
    "sp-uvs": LineStyle("SP+UVS", ORANGE, "s", "-."),
    "sp-uvs-10": LineStyle("SP+UVS, min. 10", "#6B4A00", "D", "-"),
    "multiverseg": LineStyle("MultiverSeg", GREEN, "D", "-"),
    "random-walker": LineStyle("Random walker", GREY, "^", ":"),
    "universeg": LineStyle("UniverSeg", SKY, "v", (0, (5, 1))),
    "universeg-oracle": LineStyle("UniverSeg (oracle)", PURPLE, "P", (0, (3, 1, 1, 1))),
    "nnunet": LineStyle("nnU-Net", BLACK, "X", (0, (1, 1))),
    # InterConv's pairs: the baseline in a grey of the family of its variant's colour.
    "scribbleprompt-matched": LineStyle("ScribblePrompt (matched)", "#A3838C", "o", "--"),
    "scribbleprompt-interconv": LineStyle("ScribblePrompt-InterConv", "#C2185B", "p", "-"),
    "simpleunet": LineStyle("SimpleUNet", "#83A39C", "s", "--"),
    "simpleunet-interconv": LineStyle("SimpleUNet-InterConv", "#00796B", "s", "-"),
    "nnunet2d": LineStyle("nnU-Net 2D", "#8490A8", "X", "--"),
    "nnunet2d-interconv": LineStyle("nnU-Net 2D-InterConv", "#1F4FC4", "X", "-"),
    "swinunet": LineStyle("SwinUNet", "#9888A6", "d", "--"),
    "swinunet-interconv": LineStyle("SwinUNet-InterConv", "#7B2CBF", "d", "-"),
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


# What a context holds: its title, the share of white (black, if negative) mixed into the colour of the model,
# marker and line.
CONTEXTS: dict[str, tuple[str, float, str, str]] = {
    "binary": ("binary predictions", 0.0, "o", "-"),
    "soft": ("soft predictions", 0.45, "s", "--"),
    "ground-truth": ("ground truth", -0.5, "^", ":"),
}


@dataclass(frozen=True)
class ProtocolLabels:
    """How a protocol and one of its steps are called."""

    title: str
    unit: str


PROTOCOLS: dict[str, ProtocolLabels] = {
    "center-clicks": ProtocolLabels("Center clicks", "clicks"),
    "centerline-scribbles": ProtocolLabels("Centerline scribbles", "scribble steps"),
    "bootstrapped-in-context": ProtocolLabels("Bootstrapped in context", "predictions"),
    "in-context": ProtocolLabels("In context", "predictions"),
    "interactive-in-context-clicks": ProtocolLabels("Center clicks in context", "clicks"),
    "interactive-in-context-scribbles": ProtocolLabels("Centerline scribbles in context", "scribble steps"),
    "supervised": ProtocolLabels("Supervised (no interactions)", "predictions"),
    "set-scribbles": ProtocolLabels("Line scribbles on sets", "scribbles"),
    "set-clicks": ProtocolLabels("Random clicks on sets", "clicks"),
    "set-automatic": ProtocolLabels("Automatic segmentation of sets", "predictions"),
    "manual-scribbles": ProtocolLabels("People's scribbles", "scribble steps"),
}

MARKERS = "ov^sD<>"
PNG_DPI = 160
_METADATA = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}


def line_styles(models: Iterable[str]) -> dict[str, LineStyle]:
    """The look of each model, known ones first; unknown names take the spare looks in alphabetical order."""
    names = set(models)
    known = {name: look for name, look in MODELS.items() if name in names}
    others = enumerate(sorted(names - set(MODELS)))
    unknown = {name: LineStyle(name, *_SPARE[index % len(_SPARE)]) for index, name in others}
    return known | unknown


def context_style(look: LineStyle, context: str) -> LineStyle:
    """The look of a model whose context holds ``context``; a model has one colour, in several shades."""
    from matplotlib.colors import to_hex, to_rgb

    title, share, marker, line = CONTEXTS[context]
    red, green, blue = ((1 - abs(share)) * part + max(share, 0) for part in to_rgb(look.color))
    return LineStyle(f"{look.title}, {title}", to_hex((red, green, blue)), marker, line)


def size_styles(sizes: Iterable[int]) -> dict[int, LineStyle]:
    """The look of each context size, from light to dark with growing context."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    ordered = sorted(set(sizes))
    # The palest end is left out, as lines of it are hard to see on white.
    places = [0.82 - 0.82 * index / max(len(ordered) - 1, 1) for index in range(len(ordered))]
    return {
        size: LineStyle(str(size), to_hex(colormaps["viridis"](place)), MARKERS[index % len(MARKERS)], "-")
        for index, (size, place) in enumerate(zip(ordered, places, strict=True))
    }


def wording(protocol: str) -> ProtocolLabels:
    """Title and unit of a protocol; an unknown one is called by its name and counts interactions."""
    return PROTOCOLS.get(protocol, ProtocolLabels(protocol, "interactions"))


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
            "text.parse_math": False,  # a dollar sign in a name is no formula
            "svg.fonttype": "path",  # legible where the font is not installed
            "svg.hashsalt": "segbench",  # names inside the file would be random otherwise
        }
    )


@contextmanager
def themed() -> Iterator[None]:
    """Draw under the theme; Matplotlib's global settings stay as they are."""
    import matplotlib

    with matplotlib.rc_context(theme()):
        yield


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write ``stem.png``, ``.pdf`` and ``.svg`` without dates, so that equal figures are equal files."""
    import matplotlib

    paths = [stem.with_suffix(f".{kind}") for kind in _METADATA]
    with matplotlib.rc_context(theme()):
        for path in paths:
            figure.savefig(path, dpi=PNG_DPI, metadata=_METADATA[path.suffix[1:]])
    if not any(axes.images for axes in figure.axes):  # pictures keep all their colours
        _reduce(paths[0])
    return paths


def _reduce(png: Path) -> None:
    """Write a drawing with a palette of 256 colours, which takes a third of the space."""
    from PIL import Image

    with Image.open(png) as drawing:
        palette = drawing.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette.save(png, optimize=True, dpi=(PNG_DPI, PNG_DPI))
