"""Theme of the figures, and a fixed colour, marker and line for every model."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.files import write_file
from segbench.registry import PluginError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow, which is too light for lines on white.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, GREY, BLACK = "#56B4E9", "#D55E00", "#7F7F7F", "#000000"

Dashes = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class LineStyle:
    """Title and appearance of a line; markers and dashes distinguish models without colour too."""

    title: str
    color: str
    marker: str
    line: Dashes


# Colour, marker and dashes of the built-in models, in the order of legends and tables.
MODELS: dict[str, tuple[str, str, Dashes]] = {
    "scribbleprompt": (BLUE, "o", "--"),
    "sp-uvs-1": ("#882255", "v", (0, (1, 1))),
    "sp-uvs-2": (VERMILION, "^", (0, (3, 1))),
    "sp-uvs": (ORANGE, "s", "-."),
    "sp-uvs-10": ("#6B4A00", "D", "-"),
    "multiverseg-2": ("#66C2A4", "^", (0, (3, 1))),
    "multiverseg-5": ("#41AE76", "v", (0, (1, 1))),
    "multiverseg-dummy": ("#00441B", "d", "--"),
    "multiverseg": (GREEN, "D", "-"),
    "random-walker": (GREY, "^", ":"),
    "universeg": (SKY, "v", (0, (5, 1))),
    "universeg-ensemble": ("#2C7FB8", "^", (0, (4, 1, 1, 1))),
    "universeg-oracle": (PURPLE, "P", (0, (3, 1, 1, 1))),
    "nnunet": (BLACK, "X", (0, (1, 1))),
    "scribbleprompt-finetuned": ("#00E0E0", "P", (0, (2, 1))),
    "multiverseg-finetuned": ("#A6D854", "X", (0, (2, 1))),
    # Models of others.
    "sam": (VERMILION, "s", "-"),
    "sam-points": ("#FFB48F", "s", ":"),
    "medsam": ("#8B1A1A", "P", "--"),
    "medsam-points": ("#C98A8A", "P", ":"),
    "sam-hq": ("#F768A1", "p", "-"),
    "sam-hq-points": ("#F9B4CF", "p", ":"),
    "sam2": ("#332288", "h", "-"),
    "sam2-points": ("#8A84B8", "h", ":"),
    "sam2-memory": ("#8E6BD8", "h", "--"),
    "sam2-memory-points": ("#C4B2EE", "H", ":"),
    "seggpt": ("#AA3399", "*", "-."),
    "nninteractive": (BLACK, "8", "-."),
    "grabcut": ("#999933", "<", ":"),
    "geodesic": ("#8C5A2B", ">", ":"),
    "registration": ("#B9C4B0", "d", ":"),
    # InterConv's pairs: each baseline has a greyer shade of the colour of its variant.
    "scribbleprompt-matched": ("#A3838C", "o", "--"),
    "scribbleprompt-interconv": ("#C2185B", "p", "-"),
    "simpleunet": ("#83A39C", "s", "--"),
    "simpleunet-interconv": ("#00796B", "s", "-"),
    "nnunet2d": ("#8490A8", "X", "--"),
    "nnunet2d-interconv": ("#1F4FC4", "X", "-"),
    "swinunet": ("#9888A6", "d", "--"),
    "swinunet-interconv": ("#7B2CBF", "d", "-"),
}
# For other models, in alphabetical order.
OTHER_MODELS: tuple[tuple[str, str, Dashes], ...] = (
    (VERMILION, "p", (0, (6, 2))),
    ("#3A5F0B", "o", (0, (3, 1, 3, 1, 1, 1))),
    ("#00C8D7", "H", (0, (2, 1, 1, 1))),
    ("#882255", "<", (0, (6, 2, 1, 2))),
    ("#999933", ">", (0, (4, 1, 1, 1, 1, 1))),
    ("#332288", "h", (0, (2, 2))),
    ("#F768A1", "*", (0, (8, 2))),
    ("#8C5A2B", "X", (0, (8, 2, 2, 2))),
    ("#D4C9FF", "D", (0, (6, 1, 3, 1))),
    ("#B9C4B0", "8", (0, (5, 3))),
    ("#FFB48F", "v", (0, (10, 2))),
    ("#A6D854", "^", (0, (4, 2, 4, 2, 1, 2))),
    ("#44AA99", "d", (0, (3, 3))),
    ("#7B5CE0", "P", (0, (1, 2))),
    ("#5A0000", "s", (0, (1, 3))),
)


# Content of the context: title, share of white (black, if negative) mixed into the colour of the model,
# marker and dashes.
CONTEXTS: dict[str, tuple[str, float, str, str]] = {
    "binary": ("binary predictions", 0.0, "o", "-"),
    "soft": ("soft predictions", 0.45, "s", "--"),
    "ground-truth": ("ground truth", -0.5, "^", ":"),
}

MARKERS = "ov^sD<>"
PNG_DPI = 160
PICTURE_DPI = 320  # of figures with images, whose pixels and thin lines are small
_METADATA = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}
FORMATS = tuple(_METADATA)


def line_styles(models: Iterable[str]) -> dict[str, LineStyle]:
    """Return the style of each model, built-in models first, then the others by name.

    The others get colours that no built-in model among them has.
    """
    names = {str(name) for name in models}
    others = sorted(names - set(MODELS))
    styles = {name: style for name, style in MODELS.items() if name in names}
    used = {color for color, *_ in styles.values()}
    free = [style for style in OTHER_MODELS if style[0] not in used]
    styles |= {name: free[index % len(free)] for index, name in enumerate(others)}
    return {name: LineStyle(model_title(name), *style) for name, style in styles.items()}


def _environment(interpreter: Path) -> str:
    return interpreter.parents[1].name if interpreter.parent.name == "bin" else interpreter.name


def model_title(name: str) -> str:
    """Return the title that a model's adapter declares; its name if it is not installed here.

    Of ``NAME@TARGET`` the target follows: of a Python interpreter the folder of its environment.
    """
    from segbench.models.registry import MODELS as ADAPTERS
    from segbench.models.registry import title

    model, at, target = name.partition("@")
    if at:
        command = target.startswith(("cmd:", "tcp:"))
        place = target.partition(":")[2].strip("/") if command else _environment(Path(target))
        return f"{model_title(model)} @ {textwrap.shorten(place, 30)}"
    try:  # a name such as module:Class from a record is not imported
        return title(name) if ":" not in name and name in ADAPTERS else name
    except PluginError:
        return name


def context_style(style: LineStyle, context: str) -> LineStyle:
    """Return the style of a model with that content of the context: its colour, in another shade."""
    from matplotlib.colors import to_hex, to_rgb

    title, share, marker, line = CONTEXTS[context]
    red, green, blue = ((1 - abs(share)) * channel + max(share, 0) for channel in to_rgb(style.color))
    return LineStyle(f"{style.title}, {title}", to_hex((red, green, blue)), marker, line)


def size_styles(sizes: Iterable[int]) -> dict[int, LineStyle]:
    """Return the style of each context size, from light to dark with growing size."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    ordered = sorted(set(sizes))
    # The palest end of the map is left out because its lines are hard to see on white.
    shades = [0.82 - 0.82 * index / max(len(ordered) - 1, 1) for index in range(len(ordered))]
    return {
        size: LineStyle(str(size), to_hex(colormaps["viridis"](shade)), MARKERS[index % len(MARKERS)], "-")
        for index, (size, shade) in enumerate(zip(ordered, shades, strict=True))
    }


def theme() -> dict:
    """Return Matplotlib settings: seaborn's white grid, sizes legible in print, fonts embedded as text."""
    import seaborn

    return (
        seaborn.axes_style("whitegrid")
        | seaborn.plotting_context("paper", font_scale=1.15)
        | {
            "font.family": ["DejaVu Sans"],  # comes with Matplotlib: figures look the same everywhere
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


def save(figure: Figure, stem: Path, formats: Iterable[str] = FORMATS) -> list[Path]:
    """Write a figure without dates, which makes the files of equal figures equal.

    Parameters
    ----------
    figure : Figure
    stem : Path
        Path of the files without suffix.
    formats : iterable of {"png", "pdf", "svg"}

    Returns
    -------
    list of Path
        The files, in the order of ``formats``.

    Raises
    ------
    Failure
        If a file cannot be written.
    """
    with themed():
        return [write_file(stem.with_suffix(f".{kind}"), _rendered(figure, kind)) for kind in formats]


def _rendered(figure: Figure, kind: str) -> bytes:
    """Return the content of a figure's file."""
    content = BytesIO()
    images = any(axes.images for axes in figure.axes)  # they keep all their colours
    figure.savefig(content, format=kind, dpi=PICTURE_DPI if images else PNG_DPI, metadata=_METADATA[kind])
    return _reduced(content) if kind == "png" and not images else content.getvalue()


def _reduced(png: BytesIO) -> bytes:
    """Return a drawing with a palette of 256 colours, which takes a third of the space."""
    from PIL import Image

    content = BytesIO()
    with Image.open(png) as drawing:
        palette = drawing.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette.save(content, "PNG", optimize=True, dpi=(PNG_DPI, PNG_DPI))
    return content.getvalue()
