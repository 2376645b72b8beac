"""Text for people: command lines that a shell reads back."""

from __future__ import annotations

import doctest
import shlex
from pathlib import Path

import pytest

import segbench.text
from segbench.text import render_command, significant


def test_the_examples_of_the_module():
    tested = doctest.testmod(segbench.text)
    assert tested.attempted and not tested.failed


def test_a_shell_reads_back_what_is_rendered():
    arguments = {"output": "a folder/it's", "datasets": ["one", "two"], "target_dice": 0.85, "seed": 0}
    line = render_command("run", arguments, Path("here and there"))
    assert shlex.split(line)[3:] == [
        *("run", "here and there", "--output", "a folder/it's", "--datasets", "one,two"),
        *("--target-dice", "0.85", "--seed", "0"),
    ]


def test_flags_and_absent_values():
    assert render_command("run", {"dry_run": True, "images": None, "update": False}).endswith("run --dry-run")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (99.95, 2, "100"),
        (100, 2, "100"),
        (0.5, 2, "0.5"),
        (0.00004567, 2, "0.000046"),
        (12345.678, 3, "12346"),
        (18_903_297.0, 6, "18903297"),
        (-2.50, 6, "-2.5"),
        (0, 6, "0"),
        (3e-9, 2, "3e-09"),
        (float("nan"), 2, "nan"),
    ],
)
def test_numbers_for_people_have_no_exponent(value, digits, text):
    assert significant(value, digits) == text
