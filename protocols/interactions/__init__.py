"""Simulated clicks and scribbles, which annotators and training use."""

from segbench.protocols.adapter import Click
from segbench.protocols.interactions.clicks import (
    border_click,
    center_click,
    center_clicks,
    random_click,
    ritm_click,
)
from segbench.protocols.interactions.scribbles import (
    centerline_scribble,
    centerline_scribbles,
    contour_scribble,
    line_scribble,
    line_scribbles,
)
from segbench.randomness import keyed_generator

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
