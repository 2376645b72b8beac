"""Simulated boxes, clicks and scribbles, which annotators and training use."""

from segbench.protocols.adapter import Box, Click
from segbench.protocols.interactions.boxes import box_map, label_box
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
    "Box",
    "Click",
    "border_click",
    "box_map",
    "center_click",
    "center_clicks",
    "centerline_scribble",
    "centerline_scribbles",
    "contour_scribble",
    "keyed_generator",
    "label_box",
    "line_scribble",
    "line_scribbles",
    "random_click",
    "ritm_click",
]
