"""How long `data import` takes for slices of 512 x 512, and how much memory it needs.

Usage: python tests/performance/import_speed.py [--slices 1000] [--workers 2] [--folder DIR]

Imports, each in a process of its own that begins anew, N slices and then 2 N, from two kinds of files:

- ``pictures``: an 8-bit PNG image and its PNG mask for each slice (``folder``);
- ``volumes``: gzipped NIfTI volumes of 512 x 512 x 20 in 16 bits, each with a label map of 20 labels, one
  largest in each slice (``nifti --axes axial``), so that the rule maxslice takes every slice of every volume.

``seconds`` are those of the import on the clock, without the making of the files and the start of Python,
``CPU`` the processor's over all threads; ``peak`` is the largest resident memory of the process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

SIDE, DEPTH = 512, 20


def slice_of(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A disc on a gradient with noise, 12 bits, and its mask."""
    rng = np.random.default_rng(number)
    rows, columns = np.indices((SIDE, SIDE), np.int32)
    row, column = rng.integers(150, 362, 2)
    disc = (rows - row) ** 2 + (columns - column) ** 2 < rng.integers(30, 120) ** 2
    return (rows + columns + 1500 * disc + rng.normal(0, 60, disc.shape)).clip(0, 4095).astype(np.int16), disc


def make_pictures(folder: Path, first: int, last: int) -> None:
    from PIL import Image

    for number in range(first, last):
        image, disc = slice_of(number)
        for kind, values in (("images", image // 16), ("masks", 255 * disc)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(folder / kind / f"{number:05d}.png")


def make_volumes(folder: Path, first: int, last: int) -> None:
    import nibabel

    for volume in range(first // DEPTH, last // DEPTH):
        slices = [slice_of(volume * DEPTH + index) for index in range(DEPTH)]
        image = np.stack([image for image, _ in slices], axis=2)
        labels = np.stack([disc * (i + 1) for i, (_, disc) in enumerate(slices)], axis=2).astype(np.uint8)
        for kind, values in (("images", image), ("labels", labels)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / kind / f"{volume:05d}.nii.gz")


def imported(folder: Path, kind: str, workers: int) -> tuple[int, float, float, float]:
    """Pictures, seconds on the clock and of the processor, and MiB of memory at most."""
    from segbench.datasets.importing import ImportOptions, find_reader, import_dataset

    given = ImportOptions(axes={"axial": 2}) if kind == "volumes" else ImportOptions()
    begun, computed = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as root:
        reader = find_reader(folder, options=given)
        manifest = import_dataset("made", reader, folder, Path(root), workers=workers)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return manifest["pictures"], time.perf_counter() - begun, time.process_time() - computed, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--slices", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the files are made, and removed again")
    args = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    print(f"{'files':10}{'slices':>8}{'seconds':>10}{'CPU':>8}{'peak MiB':>10}")
    for kind, make in (("pictures", make_pictures), ("volumes", make_volumes)):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            for first, last in ((0, args.slices), (args.slices, 2 * args.slices)):
                make(Path(folder), first, last)
                with ProcessPoolExecutor(1, mp_context=spawn) as process:
                    found = process.submit(imported, Path(folder), kind, args.workers).result()
                print(f"{kind:10}{found[0]:8}{found[1]:10.1f}{found[2]:8.1f}{found[3]:10.0f}", flush=True)


if __name__ == "__main__":
    main()
