"""STARE, retinal vessels (Hoover et al., IEEE TMI 19(3), 2000), training data of both papers."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segbench.datasets.download import Archive
from segbench.datasets.examples import Example
from segbench.datasets.importing import PublicDataset
from segbench.datasets.sources.files import files, matched
from segbench.datasets.task import DataError

PROBING = "http://cecas.clemson.edu/~ahoover/stare/probing"
LIMIT = 100_000_000  # bytes; an image takes a megabyte
OBSERVERS = ("ah", "vk")  # Adam Hoover, Valentina Kouznetsova


class STARE(PublicDataset):
    """20 photographs of the eye's background, in which two people drew the vessels: a label for each.

    The archives ``stare-images.tar``, ``labels-ah.tar`` and ``labels-vk.tar`` hold ``imNNNN.ppm.gz``,
    ``imNNNN.ah.ppm.gz`` and ``imNNNN.vk.ppm.gz``, 255 where a vessel is. They may lie in one folder or in
    several, and be unpacked to ``.ppm``. The rest of STARE's photographs has no drawn vessels and must not
    lie with them. Every picture is a subject of its own.
    """

    name = "stare"
    # The checksums are those that torch-em, a public library, records. With them http is safe; the host's
    # certificate is refused by many clients.
    archives = (
        Archive(
            f"{PROBING}/stare-images.tar",
            LIMIT,
            "5f7b509b6067cad4f1be84933145d783de9ec087b3eaaf4db0103dd0144dd433",
        ),
        Archive(
            f"{PROBING}/labels-ah.tar",
            LIMIT,
            "ebf2f1e17ca955f24579d9edd990e2dae79a5c82def69f0985d8e24f826ddd2f",
        ),
        Archive(
            f"{PROBING}/labels-vk.tar",
            LIMIT,
            "47474a701536b0cfdb369fdce012be36141e9f44d80387f0179446b5cb0f5576",
        ),
    )

    def cases(self, folder: Path) -> list[tuple[str, dict[str, Path]]]:
        """The name and the files of each picture."""
        plain = files(folder, "im[0-9]*.ppm")
        packed = files(folder, "im[0-9]*.ppm.gz")
        found = [*plain, *(file for file in packed if file.with_suffix("") not in plain)]
        kinds = {kind: [f for f in found if f.name.split(".")[1] == kind] for kind in ("ppm", *OBSERVERS)}
        if not found:
            raise DataError(f"{folder} is not STARE; there is no im0001.ppm.gz in it")
        named = {"image" if kind == "ppm" else f"{kind} label": paths for kind, paths in kinds.items()}
        return matched(lambda file: file.name.split(".")[0], named)

    def examples(self, case: tuple[str, dict[str, Path]]) -> Iterator[Example]:
        name, found = case
        masks = {f"vessels-{who}": _vessels(found[f"{who} label"]) for who in OBSERVERS}
        yield Example(found["image"], name, _pixels(found["image"]), masks, modality="Optical camera")


def _vessels(file: Path) -> np.ndarray:
    pixels = _pixels(file)
    return np.any(pixels, axis=2) if pixels.ndim == 3 else pixels > 0


def _pixels(file: Path) -> np.ndarray:
    """A picture in the format PPM or PGM, compressed or not."""
    from PIL import Image

    try:
        content = file.read_bytes()
        plain = gzip.decompress(content) if file.suffix == ".gz" else content
        return np.array(Image.open(io.BytesIO(plain), formats=["PPM"]))
    except Exception as error:  # damage shows as errors of gzip, zlib and Pillow alike
        raise DataError(f"{file} cannot be read ({error}); unpack or fetch it again") from error
