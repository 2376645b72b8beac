"""SCR, organs in the chest X-rays of JSRT (van Ginneken et al., Medical Image Analysis 10(1), 2006)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.examples import Example
from datasets.imported import Released
from datasets.sources.files import files, matched, region
from datasets.task import DataError

LABELS = ("heart", "left lung", "right lung", "left clavicle", "right clavicle")  # names of folders
SIDE, FACTOR, DARKEST = 2048, 2, 4095


class SCR(Released):
    """247 X-rays of the chest with heart, lungs and clavicles, evaluation data of MultiverSeg.

    The pictures are JSRT's (Shiraishi et al., AJR 174(1), 2000), ``All247images/JPCLNNNN.IMG`` with a lung
    nodule and ``JPCNNNNN.IMG`` without: 2048 x 2048 big-endian numbers of 16 bits, 0 to 4095, without a
    header. They are the film's density, large where it is black, and are turned round here: bones are bright,
    as radiologists look at them. The masks are SCR's, ``fold1/masks/LABEL/NAME.gif`` and ``fold2`` likewise,
    1024 x 1024; a picture's 2 x 2 pixels are averaged to their size. The release's points and its folds are
    not used. Every picture is a subject of its own.
    """

    name = "scr"

    def cases(self, folder: Path) -> list[tuple[str, dict[str, Path]]]:
        """The name and the files of each picture."""
        images = files(folder, "JPC[LN]N[0-9][0-9][0-9].IMG")
        if not images:
            raise DataError(f"{folder} is not SCR; there is no JPCLN001.IMG in it")
        masks = {label: files(folder, f"fold[12]/masks/{label}/JPC*.gif") for label in LABELS}
        return matched(lambda file: file.stem, {"image": images} | masks)

    def examples(self, case: tuple[str, dict[str, Path]]) -> Iterator[Example]:
        name, found = case
        file = found["image"]
        image = _read(file)
        masks = {label.replace(" ", "-"): region(found[label], file, image.shape) for label in LABELS}
        yield Example(file, name, image, masks, modality="X-Ray")


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
