"""SCR, organs in the chest X-rays of JSRT (van Ginneken et al., Medical Image Analysis 10(1), 2006)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.importing import PublicDataset
from segbench.datasets.sources.files import files, matched, region
from segbench.datasets.task import DataError

LABELS = ("heart", "left lung", "right lung", "left clavicle", "right clavicle")  # names of folders
SIDE, FACTOR, DARKEST = 2048, 2, 4095
POINTS = "points"
POINT = re.compile(r"\{\s*([\d.]+)\s*,\s*([\d.]+)\s*\}")


class SCR(PublicDataset):
    """247 X-rays of the chest with heart, lungs and clavicles, evaluation data of MultiverSeg.

    The pictures are JSRT's (Shiraishi et al., AJR 174(1), 2000), ``All247images/JPCLNNNN.IMG`` with a lung
    nodule and ``JPCNNNNN.IMG`` without: 2048 x 2048 big-endian numbers of 16 bits, 0 to 4095, without a
    header. They are the film's density, large where it is black, and are turned round here: bones are bright,
    as radiologists look at them.

    The labels are SCR's: ``fold1/masks/LABEL/NAME.gif`` and ``fold2`` likewise, 1024 x 1024, as first
    released; or the outlines of the later ``points.zip``, ``NAME.pfs``, as documented by a public reader: x
    and y of 1024 x 1024 pixels after ``[Label=LABEL]``. (``masks.zip`` beside it has one structure only.) A
    picture's 2 x 2 pixels are averaged to that size. Every picture is a subject of its own.
    """

    name = "scr"

    def cases(self, folder: Path) -> list[tuple[str, dict[str, Path]]]:
        """The name and the files of each picture."""
        images = files(folder, "JPC[LN]N[0-9][0-9][0-9].IMG")
        if not images:
            raise DataError(f"{folder} is not SCR; there is no JPCLN001.IMG in it")
        truth = {label: files(folder, f"fold[12]/masks/{label}/JPC*.gif") for label in LABELS}
        if not any(truth.values()):
            truth = {POINTS: files(folder, "JPC*.pfs")}
            if not truth[POINTS]:
                raise DataError(
                    f"{folder} has JSRT's pictures but not SCR's labels, fold1/masks/heart/JPCLN001.gif or "
                    "JPCLN001.pfs; add them"
                )
        return matched(lambda file: file.stem, {"image": images} | truth)

    def examples(self, case: tuple[str, dict[str, Path]]) -> Iterator[Example]:
        name, found = case
        file = found["image"]
        image = _read(file)
        if POINTS in found:
            shown = _outlined(found[POINTS], image.shape)
        else:
            shown = {label: region(found[label], file, image.shape) for label in LABELS}
        masks = {label.replace(" ", "-"): mask for label, mask in shown.items()}
        yield Example(file, name, image, masks, modality="X-Ray")


def _outlined(file: Path, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """What the outlines of a file enclose; it has other lines, too."""
    from skimage.draw import polygon2mask

    masks: dict[str, np.ndarray] = {}
    for part in file.read_text(encoding="utf-8", errors="replace").split("[Label=")[1:]:
        label, _, rest = part.partition("]")
        points = np.array(POINT.findall(rest), float)
        if label.lower() in LABELS and len(points) > 2:
            masks[label.lower()] = polygon2mask(shape, points[:, ::-1])
    for label in LABELS:
        if label not in masks:
            raise DataError(f"{file} has no outline of the {label}; unpack it again")
    return masks


def _read(file: Path) -> np.ndarray:
    """The picture at the masks' size, float64 in [0, 4095], bones bright."""
    try:
        values = np.fromfile(file, ">u2")
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror}); unpack it again") from error
    bytes_, wanted = file.stat().st_size, 2 * SIDE**2
    if bytes_ != wanted:
        raise DataError(f"{file} has {bytes_} bytes instead of {wanted}, 2048 x 2048 pixels; unpack it again")
    small = SIDE // FACTOR
    bright = DARKEST - np.minimum(values, DARKEST).astype(np.float64)
    return bright.reshape(small, FACTOR, small, FACTOR).mean(axis=(1, 3))
