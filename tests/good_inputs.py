"""A small folder of valid inputs, for tests that then break one of them."""

from __future__ import annotations

import locale
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file

from segbench.benchmark.cli import cli
from segbench.models.networks import UniverSeg

sys.path.append(str(Path(__file__).parent / "benchmark"))  # for the module `toys`, from any working directory
COUNT, SIDE = 10, 24
FAST = "--images 2 --simulations 1 --max-steps 2 --device cpu --precision float32 --workers 1"
RUN = f"run --datasets toys:Toys --models toys:Brush --output new --data-root root {FAST} "


def make(here: Path) -> None:
    """Fill a folder, which must be the working directory.

    ``mine``: 2D images and masks; ``table``: the same with ``metadata.csv``; ``scans``: volumes, one of them
    a DICOM series; ``universeg.safetensors`` and ``.pt``; ``pack.zip``; ``root``: a data folder into which
    ``mine`` is imported as ``known``; ``old``: a run.
    """
    make_images(here / "mine", "masks")
    make_images(here / "table", "labels")
    rows = "".join(f"images/p{i}.png,labels/p{i}.png,s{i}\n" for i in range(COUNT))
    (here / "table" / "metadata.csv").write_text(f"image,mask,subject\n{rows}")
    _make_volumes(here / "scans")
    state = {name: tensor.contiguous() for name, tensor in UniverSeg(4).state_dict().items()}
    save_file(state, here / "universeg.safetensors")
    torch.save(state, here / "universeg.pt")
    with zipfile.ZipFile(here / "pack.zip", "w") as file:
        file.writestr("pack/readme.txt", "nothing")
    for words in (
        "data import known mine --data-root root",
        f"run --models toys:Brush --datasets toys:Toys --output old --data-root root {FAST}",
    ):
        result = CliRunner().invoke(cli, words.split())
        assert result.exit_code == 0, result.output


def make_images(folder: Path, masks: str) -> None:
    for kind in ("images", masks):
        (folder / kind).mkdir(parents=True)
    for i in range(COUNT):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[4 : 12 + i % 3, 5:15] = 1
        Image.fromarray(mask).save(folder / masks / f"p{i}.png")
        Image.fromarray(mask * 150 + np.arange(SIDE, dtype=np.uint8)).save(folder / "images" / f"p{i}.png")


def _make_volumes(folder: Path) -> None:
    """Two NIfTI volumes, one MetaImage, one NRRD and one DICOM series, each with its label map."""
    import SimpleITK as sitk

    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    labels = np.zeros((6, 12, 12), np.uint8)
    labels[1:5, 3:9, 2:7] = 1
    values = (labels * 100 + np.arange(12)).astype(np.int16)
    for name in ("a.nii.gz", "b.nii", "c.mha", "d.nrrd"):
        sitk.WriteImage(sitk.GetImageFromArray(values), folder / "images" / name)
        sitk.WriteImage(sitk.GetImageFromArray(labels), folder / "labels" / name)
    series = folder / "images" / "e"
    series.mkdir()
    for i, plane in enumerate(values):
        _write_slice(series / f"{i}.dcm", plane, i)
    sitk.WriteImage(sitk.GetImageFromArray(labels), folder / "labels" / "e.nii.gz")


def _write_slice(file: Path, plane: np.ndarray, number: int) -> None:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(plane[None])
    tags = {
        "0008|0060": "MR",
        "0020|000d": "1.2.826.0.1.3680043.2.1125.1",
        "0020|000e": "1.2.826.0.1.3680043.2.1125.2",
        "0020|0013": str(number),
        "0020|0032": f"0\\0\\{number}",
        "0020|0037": "1\\0\\0\\0\\1\\0",
    }
    for tag, value in tags.items():
        image.SetMetaData(tag, value)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.SetFileName(str(file))
    before = locale.setlocale(locale.LC_ALL)
    writer.Execute(image)
    locale.setlocale(locale.LC_ALL, before)  # writing DICOM sets the locale to C
