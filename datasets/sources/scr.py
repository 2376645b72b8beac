"""SCR, organs in the chest X-rays of JSRT (van Ginneken et al., Medical Image Analysis 10(1), 2006)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segbench.datasets.examples import Example, Facts, FileCase, wrong_layout
from segbench.datasets.files.finding import find_files, match_files
from segbench.datasets.files.images import Image, read_region
from segbench.datasets.importing import PublicDataset
from segbench.datasets.task import DataError

LABELS = ("heart", "left lung", "right lung", "left clavicle", "right clavicle")  # names of folders
SIDE, FACTOR, BLACK = 2048, 2, 4095
OUTLINES = "points"
POINT = re.compile(r"\{\s*([\d.]+)\s*,\s*([\d.]+)\s*\}")


class SCR(PublicDataset):
    """247 X-rays of the chest with heart, lungs and clavicles.

    The images are JSRT's (Shiraishi et al., AJR 174(1), 2000), ``All247images/JPCLNNNN.IMG`` with a lung
    nodule and ``JPCNNNNN.IMG`` without: 2048 x 2048 big-endian numbers of 16 bits, 0 to 4095, without a
    header. They hold the density of the film, large where it is black, and are inverted here: bones are
    bright (radiological convention).

    The labels are SCR's: ``fold1/masks/LABEL/NAME.gif`` and ``fold2`` likewise, 1024 x 1024, as first
    released; or the outlines of the later ``points.zip``, ``NAME.pfs``, as documented by a public reader: x
    and y of 1024 x 1024 pixels after ``[Label=LABEL]``. (``masks.zip`` on the same page has one structure
    only.) Blocks of 2 x 2 pixels of an image are averaged to that size. Every image is a subject of its own.
    """

    name = "scr"
    facts = Facts("each image")

    def cases(self, folder: Path) -> list[FileCase]:
        images = find_files(folder, "JPC[LN]N[0-9][0-9][0-9].IMG")
        if not images:
            raise wrong_layout(folder, "SCR", "JPCLN001.IMG")
        labels = {label: find_files(folder, f"fold[12]/masks/{label}/JPC*.gif") for label in LABELS}
        if not any(labels.values()):
            labels = {OUTLINES: find_files(folder, "JPC*.pfs")}
            if not labels[OUTLINES]:
                raise DataError(
                    f"{folder} has JSRT's images but not SCR's labels, fold1/masks/heart/JPCLN001.gif or "
                    "JPCLN001.pfs; add them"
                )
        return match_files(lambda file: file.stem, {"image": images} | labels)

    def examples(self, case: FileCase) -> Iterator[Example]:
        name, files = case
        image = _read_film(files["image"])
        if OUTLINES in files:
            masks = _fill_outlines(files[OUTLINES], image.shape)
        else:
            film = Image(files["image"], image)
            masks = {label: read_region(files[label], film) for label in LABELS}
        masks = {label.replace(" ", "-"): mask for label, mask in masks.items()}
        yield Example(files["image"], name, image, masks, modality="X-Ray")


def _fill_outlines(file: Path, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Masks of the outlines in a file; its other lines are ignored."""
    from skimage.draw import polygon2mask

    masks: dict[str, np.ndarray] = {}
    for block in file.read_text(encoding="utf-8", errors="replace").split("[Label=")[1:]:
        label, _, rest = block.partition("]")
        points = np.array(POINT.findall(rest), float)
        if label.lower() in LABELS and len(points) > 2:
            masks[label.lower()] = polygon2mask(shape, points[:, ::-1])
    for label in LABELS:
        if label not in masks:
            raise DataError(
                f"{file} has no outline of the {label}; replace the file, or remove it and its image"
            )
    return masks


def _read_film(file: Path) -> np.ndarray:
    """Read an image at the size of the masks, float64 in [0, 4095], bones bright."""
    try:
        values = np.fromfile(file, ">u2")
    except OSError as error:
        raise DataError(
            f"{file} cannot be read ({error.strerror}); replace it, or remove it and its labels"
        ) from error
    size, expected = file.stat().st_size, 2 * SIDE**2
    if size != expected:
        raise DataError(
            f"{file} has {size} bytes instead of {expected}, 2048 x 2048 pixels; replace it, or remove it "
            "and its labels"
        )
    small = SIDE // FACTOR
    bright = BLACK - np.minimum(values, BLACK).astype(np.float64)
    return bright.reshape(small, FACTOR, small, FACTOR).mean(axis=(1, 3))
