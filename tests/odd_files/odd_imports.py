"""What an import tells, and what `data verify` finds in data sets imported before; see `odd.Odd`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from odd import Odd
from PIL import Image

from segbench.datasets.examples import Example
from segbench.datasets.importing import import_dataset

SIDE = 64
IMPORT, VERIFY = "data import own own --data-root root", "data verify own --data-root root"
Change = Callable[[int, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def save(file: Path, values: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(file)


def pictures(*masks: np.ndarray, label: str = "", options: str = "", **files: str) -> Callable[[Path], str]:
    """Pictures p0, p1, ... with these masks, in masks/LABEL if named; `files` have _ for the dot of names."""

    def make(folder: Path) -> str:
        for i, mask in enumerate(masks):
            noise = np.random.default_rng(i).integers(0, 255, mask.shape)
            save(folder / "own" / "images" / f"p{i}.png", noise)
            save(folder / "own" / "masks" / label / f"p{i}.png", 255 * mask)
        for name, text in files.items():
            (folder / "own" / name.replace("_", ".")).write_text(text)
        return f"{IMPORT} {options}"

    return make


def mask(side: int = SIDE, width: int = 1) -> np.ndarray:
    """A square of a width in the middle of an image."""
    values = np.zeros((side, side), bool)
    middle = slice(side // 2, side // 2 + width)
    values[middle, middle] = True
    return values


def line(side: int) -> np.ndarray:
    """A line of one pixel across an image."""
    values = np.zeros((side, side), bool)
    values[:, side // 2] = True
    return values


def earlier(change: Change, count: int = 12, names: Callable[[int], str] = "s{}".format) -> Callable:
    """A data set imported before: images of two rectangles with labels 1 and 2, changed by a function."""

    class Made:
        def cases(self, folder: Path) -> list[int]:
            return [*range(count)]

        def examples(self, case: int):
            rng = np.random.default_rng(case)
            numbers = np.zeros((128, 128), np.uint8)
            row, column = rng.integers(20, 50, 2)
            numbers[row : row + 45, column : column + 30 + case % 5] = 1
            numbers[row + 52 : row + 66, column + 20 : column + 40 + case % 3] = 2
            image = rng.normal(0, 5, numbers.shape) + 40 * numbers
            image, numbers = change(case, image, numbers)
            values = sorted(set(numbers.flat) - {0})
            masks = {str(value): numbers == value for value in values}
            yield Example(Path(f"{case}.png"), names(case), image, masks)

    def make(folder: Path) -> str:
        split = {names(case): ("train", "val", "test")[case % 3] for case in range(count)}
        import_dataset("own", Made(), folder, folder / "root", split=split)
        return VERIFY

    return make


def moved(down: int, right: int, only: tuple[int, ...] | None = None) -> Change:
    def change(case: int, image: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if only is not None and case not in only:
            return image, numbers
        return image, np.roll(numbers, (down, right), (0, 1))

    return change


def shades(*values: int) -> Change:
    """A mask of 0 and 255 whose columns have values beside these, as after a compression."""

    def change(case: int, image: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        white = np.where(numbers > 0, 255, 0)
        for i, value in enumerate(values):
            here = white[:, i + 3 :: 16]
            here[(here > 127) == (value > 127)] = value
        return image, white

    return change


def swapped(*cases: int) -> Change:
    return lambda case, image, numbers: (image, np.array([0, 2, 1])[numbers] if case in cases else numbers)


IMPORTS = [
    Odd(
        "a structure that vanishes at 128 x 128",
        "one of 600 x 600 pixels",
        pictures(mask(600), mask(600, 0), mask(600, 90), mask(600)),
        tells=(
            "foreground is empty in 1 picture\n",
            "foreground vanishes at 128 x 128 in 2 pictures\n",
            "1 picture of 1 subject",
        ),
    ),
    Odd(
        "a structure that vanishes at 128 x 128",
        "in the folder of its label",
        pictures(mask(400, 80), mask(400), label="polyp"),
        tells=("  left out: polyp vanishes at 128 x 128 in 1 picture\n",),
    ),
    Odd(
        "a structure that vanishes at 128 x 128",
        "in all images",
        pictures(mask(400), mask(500)),
        refused="every label vanishes at 128 x 128, so own would be empty; crop the images",
    ),
    Odd(
        "a structure that is coarse at 128 x 128",
        "a line of one pixel among 256, which becomes two pixels wide",
        pictures(*[line(256)] * 3),
        tells=(
            "1 train, 1 val, 1 test; Dice kept at 128 x 128: 0.667, worst 0.667\n",
            "  warning: own/all/unknown/0/foreground: the labels keep a mean Dice of 0.667 at 128 x 128, "
            "below the target 0.9; no mask of this size reaches the target on the original images",
        ),
    ),
    Odd(
        "an import says how it understood the data",
        "drawn split, each image a subject",
        pictures(*[mask(width=20)] * 3),
        tells=("  subjects: each image\n", "  split: 60/20/20 of the subjects, drawn for the name own\n"),
    ),
    Odd(
        "an import says how it understood the data",
        "given split",
        pictures(
            mask(width=20),
            mask(width=20),
            options="--split own/s.csv",
            s_csv="subject,split\np0,train\n p1 ,test\n",
        ),
        tells=("  split: --split s.csv\n",),
    ),
    Odd(
        "an import says how it understood the data",
        "columns that nobody reads",
        pictures(
            mask(width=20),
            options="",
            metadata_csv="image,mask,age,site,a,b,c,d,e\nimages/p0.png,masks/p0.png,,,,,,,\n",
        ),
        tells=(
            "  not used: columns age, site, a, b, c and 2 more\n",
            "  split: all train, as ",
        ),
    ),
    *(
        Odd(
            "a subject that the split file writes otherwise",
            repr(name),
            pictures(mask(width=20), options="--split own/s.csv", s_csv=f"subject,split\n{name},train\n"),
            refused=f"no split is given for subject 'p0' (images/p0.png), only for '{name}' by --split s.csv",
        )
        for name in ("P0", "p 0", "p-0")
    ),
    Odd(
        "masks that were shifted before an import",
        "all, down and to the left",
        earlier(moved(5, -3)),
        tells=(
            "0 errors",
            "warning: labels may be shifted: compare",
            "own/all/unknown/0/1; fits better 5 pixels up and 3 pixels to the right; share of images 1.0\n",
        ),
    ),
    Odd(
        "masks that were shifted before an import",
        "all, by 3 pixels",
        earlier(moved(0, 3)),
        tells=("own/all/unknown/0/1; fits better 3 pixels to the left; share of images 1.0\n",),
    ),
    Odd(
        "masks that were shifted before an import",
        "one of them",
        earlier(moved(-6, 0, only=(7,))),
        tells=("warning: label may be shifted: ", "s7 (image 7, 7.png); fits better 6 pixels down\n"),
    ),
    *(
        Odd(
            "compressed masks that were imported before",
            f"labels {values}",
            earlier(shades(*values)),
            tells=(
                "warning: labels that are shades of white and black: ",
                '--labels "128-255=NAME"',
                f"labels {', '.join(map(str, sorted((*values, 255))))}\n",
            ),
        )
        for values in ((1, 2, 253, 254), (254,), (3, 250))
    ),
    *(
        Odd(
            "labels that were exchanged in some files before an import",
            f"in images {cases}",
            earlier(swapped(*cases)),
            tells=(
                "warning: two labels may be exchanged: ",
                *(f"own/all/unknown/0/1; s{case} (image {case}, {case}.png); other 2\n" for case in cases),
            ),
        )
        for cases in ((4,), (0, 3, 8, 11))
    ),
    Odd(
        "one subject under several names",
        "imported before, in one split",
        earlier(moved(0, 0), names=lambda case: "A " if case == 3 else "a" if case == 0 else f"s{case}"),
        tells=(
            "warning: subjects whose names differ in blanks or capitals only: ",
            "    'a' and 'A '; splits train\n",
        ),
    ),
]
