"""The simulated annotator: clicks, scribbles and the randomness behind them."""

from protocols.adapter import Click
from protocols.interactions.clicks import (
    border_click,
    center_click,
    center_clicks,
    random_click,
    ritm_click,
)
from protocols.interactions.randomness import keyed_generator
from protocols.interactions.scribbles import (
    centerline_scribble,
    centerline_scribbles,
    contour_scribble,
    line_scribble,
    line_scribbles,
)

__all__ = [
    "Click",
    "border_click",
    "center_click",
    "center_clicks",
    "centerline_scribble",
    "centerline_scribbles",
    "contour_scribble",
    "keyed_generator",
    "line_scribble",
    "line_scribbles",
    "random_click",
    "ritm_click",
]
