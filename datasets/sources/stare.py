"""STARE, retinal vessels (Hoover et al., IEEE TMI 19(3), 2000)."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segbench.datasets.download import Archive
from segbench.datasets.examples import Example, Facts, FileCase, wrong_layout
from segbench.datasets.files.finding import find_files, match_files
from segbench.datasets.files.images import require_shape
from segbench.datasets.importing import PublicDataset, SecondReader
from segbench.datasets.task import DataError

OBSERVERS = ("ah", "vk")  # Adam Hoover, Valentina Kouznetsova
SHA256 = {  # recorded by torch-em, a public library
    "stare-images": "5f7b509b6067cad4f1be84933145d783de9ec087b3eaaf4db0103dd0144dd433",
    "labels-ah": "ebf2f1e17ca955f24579d9edd990e2dae79a5c82def69f0985d8e24f826ddd2f",
    "labels-vk": "47474a701536b0cfdb369fdce012be36141e9f44d80387f0179446b5cb0f5576",
}


class STARE(PublicDataset):
    """20 fundus photographs with the vessels drawn by two observers, one label each: ``ah`` and ``vk``.

    The archives ``stare-images.tar``, ``labels-ah.tar`` and ``labels-vk.tar`` hold ``imNNNN.ppm.gz``,
    ``imNNNN.ah.ppm.gz`` and ``imNNNN.vk.ppm.gz``, 255 in vessels. They may lie in one folder or in several,
    and be decompressed to ``.ppm``. STARE's other photographs have no vessels and must lie elsewhere. Every
    image is a subject of its own. The first observer's labels are the usual reference; the second's are the
    task of `second_reader`.
    """

    name = "stare"
    facts = Facts("each image")
    second_reader = ("vessels-vk",)
    # Many clients reject the certificate of the host; the checksums make http safe.
    archives = tuple(
        Archive(f"http://cecas.clemson.edu/~ahoover/stare/probing/{name}.tar", 100_000_000, sha256)
        for name, sha256 in SHA256.items()
    )

    def cases(self, folder: Path) -> list[FileCase]:
        plain = find_files(folder, "im[0-9]*.ppm")
        packed = find_files(folder, "im[0-9]*.ppm.gz")
        files = [*plain, *(file for file in packed if file.with_suffix("") not in plain)]
        if not files:
            raise wrong_layout(folder, "STARE", "im0001.ppm.gz")
        names = {"image": "ppm"} | {f"{observer} label": observer for observer in OBSERVERS}
        kinds = {kind: [f for f in files if f.name.split(".")[1] == name] for kind, name in names.items()}
        return match_files(lambda file: file.name.split(".")[0], kinds)

    def examples(self, case: FileCase) -> Iterator[Example]:
        name, files = case
        image = _read_ppm(files["image"])
        masks = {
            f"vessels-{observer}": _read_vessels(files[f"{observer} label"], files["image"], image.shape[:2])
            for observer in OBSERVERS
        }
        yield Example(files["image"], name, image, masks, modality="Optical camera")


def second_reader() -> SecondReader:
    """Create ``stare@second-reader``: the vessels as the second observer drew them."""
    return SecondReader(STARE())


def _read_vessels(file: Path, image: Path, shape: tuple[int, ...]) -> np.ndarray:
    pixels = _read_ppm(file)
    vessels = np.any(pixels, axis=2) if pixels.ndim == 3 else pixels > 0
    return require_shape(vessels, file, image, shape)


def _read_ppm(file: Path) -> np.ndarray:
    """Read an image in the format PPM or PGM, compressed or not."""
    from PIL import Image

    try:
        content = file.read_bytes()
        plain = gzip.decompress(content) if file.suffix == ".gz" else content
        return np.array(Image.open(io.BytesIO(plain), formats=["PPM"]))
    except Exception as error:  # gzip, zlib and Pillow raise many types for damaged files
        raise DataError(
            f"{file} cannot be read ({error}); fetch it again, or remove all files of its image"
        ) from error
