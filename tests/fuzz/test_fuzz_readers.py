"""Damaged files are read, or refused by an error of this project."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import strategies as st
from mutants import attempt, campaigns, damaged, damaged_files
from PIL import Image
from safetensors.torch import save_file

from segbench.datasets.download import unpack
from segbench.datasets.files.images import read_image, read_mask
from segbench.datasets.files.slices import AXES, cut_slices
from segbench.datasets.files.volumes import read_label_map, read_volume, reorient
from segbench.datasets.folder import Folder
from segbench.datasets.importing import ImportedDataset, read_split
from segbench.datasets.importing.formats import find_reader
from segbench.datasets.preprocess import prepare_image
from segbench.datasets.task import DataError
from segbench.models.networks import UniverSeg
from segbench.models.weights import WeightsError, load_state, training_metadata
from segbench.results import load
from segbench.results.store import StoreError

ROOT = Path(__file__).resolve().parents[2]
MASK = (np.arange(40).reshape(5, 8) % 3).astype(np.uint8)
LIMIT = 50_000  # bytes that an archive may unpack to


def ends_well(*steps: Callable[[], object], errors: type[Exception]) -> None:
    """Each step succeeds, or fails with this kind of error and a message."""
    for step in steps:
        try:
            step()
        except errors as error:
            assert str(error).strip()


def written_images(folder: Path) -> list[str]:
    """Write small files of every image format."""
    image = Image.fromarray(MASK)
    palette = image.convert("P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    for ending in ("png", "bmp", "gif", "jpg"):
        image.save(folder / f"gray.{ending}")
        palette.convert("RGB" if ending == "jpg" else "P").save(folder / f"colours.{ending}")
    deep = np.dstack([MASK.astype(np.uint16) * 999] * 3)
    import cv2

    cv2.imwrite(str(folder / "deep.png"), deep)
    tifffile.imwrite(folder / "plain.tif", MASK)
    tifffile.imwrite(folder / "packed.tif", np.tile(MASK, (4, 4)), compression="zlib", tile=(16, 16))
    tifffile.imwrite(folder / "big.tif", deep, photometric="rgb", bigtiff=True)
    np.save(folder / "array.npy", MASK.astype(np.float32))
    return sorted(path.name for path in folder.iterdir())


@campaigns(400)
def test_images(examples: int, tmp_path: Path) -> None:
    names = written_images(tmp_path)

    def read(file: tuple[str, bytes]) -> None:
        path = tmp_path / f"damaged{Path(file[0]).suffix}"
        path.write_bytes(file[1])
        ends_well(lambda: prepare_image(read_image(path), "it"), lambda: read_mask(path), errors=DataError)

    attempt(damaged_files(tmp_path, names), examples, read)


@pytest.mark.parametrize("dicom", [False, True])
@campaigns(150)
def test_volumes(examples: int, dicom: bool, good: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(good / "scans" / "images", images)
    volume = read_volume(images / "b.nii")
    nibabel.save(nibabel.MGHImage(volume.values.astype(np.float32), volume.affine), images / "f.mgz")
    names = [str(path.relative_to(images)) for path in sorted(images.rglob("*.*"))]
    names = [name for name in names if name.endswith(".dcm") == dicom]
    examples //= 10 if dicom else 1  # a damaged length makes its library take gigabytes and seconds

    def read(file: tuple[str, bytes]) -> None:
        name, content = file
        before = (images / name).read_bytes()
        (images / name).write_bytes(content)
        path = images / Path(name).parts[0]

        def cut() -> None:
            damaged_volume = reorient(read_volume(path))
            list(cut_slices(damaged_volume, damaged_volume, {"label": 1}, "subject", AXES))

        ends_well(cut, lambda: read_label_map(path, volume), errors=DataError)
        (images / name).write_bytes(before)

    attempt(damaged_files(images, names), examples, read)


@campaigns(250)
def test_tables_and_settings(examples: int, good: Path, tmp_path: Path) -> None:
    import pandas as pd

    folder = tmp_path / "table"
    shutil.copytree(good / "table", folder)
    shutil.copytree(good / "mine", tmp_path / "mine")
    rows = pd.read_csv(folder / "metadata.csv")
    rows.to_parquet(folder / "rows.parquet")
    rows.to_json(folder / "rows.jsonl", orient="records", lines=True)
    (tmp_path / "mine" / "subjects.csv").write_text("file,subject\n" + "p0.png,a\n" * 9)
    (tmp_path / "mine" / "dataset.toml").write_text('name = "x"\nlabels = {1 = "a"}\ncohort = "c"\n')
    (tmp_path / "split.csv").write_text("subject,split\na,train\nb,test\n")
    shutil.copy(good / "root" / "imported" / "known" / "manifest.json", tmp_path / "split.json")
    (tmp_path / "raw" / "imagesTr").mkdir(parents=True)
    shutil.copytree(good / "scans" / "labels", tmp_path / "raw" / "labelsTr")
    (tmp_path / "raw" / "dataset.json").write_text(
        '{"channel_names": {"0": "MR"}, "labels": {"background": 0, "a": [1, 2]}, "file_ending": ".nii"}'
    )
    names = ["table/metadata.csv", "table/rows.parquet", "table/rows.jsonl", "mine/subjects.csv"]
    names += ["mine/dataset.toml", "split.csv", "split.json", "raw/dataset.json"]

    def read(file: tuple[str, bytes]) -> None:
        path = tmp_path / file[0]
        before = path.read_bytes()
        path.write_bytes(file[1])
        steps: dict[str, Callable[[], object]] = {
            "table": lambda: find_reader(path, "table").cases(path),
            "mine": lambda: Folder(tmp_path / "mine").tasks(None),
            "raw": lambda: find_reader(tmp_path / "raw", "nnunet").cases(tmp_path / "raw"),
        }
        ends_well(steps.get(Path(file[0]).parts[0], lambda: read_split(path)), errors=DataError)
        path.write_bytes(before)

    attempt(damaged_files(tmp_path, names), examples, read)


@campaigns(250)
def test_archives(examples: int, tmp_path: Path) -> None:
    files = {"a/1.txt": b"one" * 40, "a/b/2": os.urandom(50), "c": b"0" * 3000}
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    for ending, mode in (("tar", "w"), ("tgz", "w:gz"), ("txz", "w:xz")):
        with tarfile.open(tmp_path / f"a.{ending}", mode) as tar:  # type: ignore[call-overload]
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    names = ["a.zip", "a.tar", "a.tgz", "a.txz"]
    strategy = damaged_files(tmp_path, names)
    place = tmp_path / "place"

    def read(file: tuple[str, bytes]) -> None:
        path, target = place / "archive", place / "target"
        target.mkdir(parents=True)
        path.write_bytes(file[1])
        ends_well(lambda: unpack(path, target, file[0], "link", LIMIT), errors=DataError)
        assert sorted(path.name for path in place.iterdir()) == ["archive", "target"]
        unpacked = [path for path in target.rglob("*") if not path.is_dir()]
        assert all(path.is_file() and not path.is_symlink() for path in unpacked)
        assert sum(path.stat().st_size for path in unpacked) <= LIMIT
        shutil.rmtree(place)

    attempt(strategy, examples, read)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


@campaigns(200)
def test_weights(examples: int, good: Path, tmp_path: Path) -> None:
    state = {name: tensor.contiguous() for name, tensor in UniverSeg(2).state_dict().items()}
    save_file(state, tmp_path / "a.safetensors", {"training": '{"schedule": "short", "plans": [1, 2]}'})
    torch.save({"model": state}, tmp_path / "b.pt")
    torch.save(state, tmp_path / "c.pt", _use_new_zipfile_serialization=False)
    strategy = damaged_files(tmp_path, ["a.safetensors", "b.pt", "c.pt"])

    def read(file: tuple[str, bytes]) -> None:
        path = tmp_path / f"damaged{Path(file[0]).suffix}"
        path.write_bytes(file[1])
        ends_well(lambda: load_state(UniverSeg, path), lambda: training_metadata(path), errors=WeightsError)

    attempt(strategy, examples, read)


@campaigns(150)
def test_imported_data(examples: int, good: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(good / "root", root)
    folder = root / "imported" / "known"
    names = sorted(path.name for path in folder.iterdir())

    def read(file: tuple[str, bytes]) -> None:
        before = (folder / file[0]).read_bytes()
        (folder / file[0]).write_bytes(file[1])
        data = ImportedDataset("known")
        ends_well(lambda: [data.load(task, root) for task in data.tasks(root)], errors=DataError)
        (folder / file[0]).write_bytes(before)

    attempt(damaged_files(folder, names), examples, read)


@campaigns(150)
def test_runs(examples: int, good: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(good / "old", run)
    unit = min((run / "units").iterdir())
    names = ["manifest.json", *(f"units/{unit.name}/{path.name}" for path in sorted(unit.iterdir()))]

    def read(file: tuple[str, bytes]) -> None:
        before = (run / file[0]).read_bytes()
        (run / file[0]).write_bytes(file[1])
        ends_well(lambda: load(run).steps, errors=StoreError)
        (run / file[0]).write_bytes(before)

    attempt(damaged_files(run, names), examples, read)


TEXT = b'{"a": [1, -2e5, null, true], "b": {"c": "\\u00e9"}}'


@campaigns(100)
def test_a_manifest_of_any_json(examples: int, good: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(good / "old", run)
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
        max_leaves=6,
    )
    import json

    from segbench.results.store import FORMAT

    settings = st.dictionaries(st.text(max_size=5), anything, max_size=2)
    plans = st.lists(st.fixed_dictionaries({"arguments": anything, "units": anything}), max_size=2) | anything
    entries = {"format": st.just(FORMAT), "settings": settings, "plans": plans}

    def read(content: str | bytes) -> None:
        (run / "manifest.json").write_bytes(content if isinstance(content, bytes) else content.encode())
        ends_well(lambda: load(run), errors=StoreError)

    whole = st.fixed_dictionaries(entries).map(json.dumps)
    attempt(anything.map(json.dumps) | whole | damaged(TEXT), examples, read)


CLAIMS = """
import resource, sys
from pathlib import Path
import numpy, cv2, PIL.Image, tifffile, nibabel, SimpleITK, torch, safetensors.torch
from segbench.datasets.files.images import read_image
from segbench.datasets.files.volumes import read_volume
from segbench.datasets.task import DataError
from segbench.models.networks import UniverSeg
from segbench.models.weights import WeightsError, load_state
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
for name in sys.argv[1:]:
    read = read_volume if name.startswith("volume") else read_image
    if name.startswith("weights"):
        read = lambda path: load_state(UniverSeg, path)
    try:
        read(Path(name))
    except (DataError, WeightsError) as error:
        print(name, "refused")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_what_claims_to_be_gigantic_is_refused_and_not_allocated(tmp_path: Path) -> None:
    from spoiling import gigantic_nifti, gigantic_npy, gigantic_png, meta_image

    (tmp_path / "image.png").write_bytes(gigantic_png())
    (tmp_path / "image.npy").write_bytes(gigantic_npy())
    (tmp_path / "volume.nii").write_bytes(gigantic_nifti())
    (tmp_path / "volume.mha").write_text(meta_image("1000000000 1000000000 1", "LOCAL"))
    nrrd = "NRRD0004\ntype: double\ndimension: 3\nsizes: 100000 100000 100000\nencoding: raw\n\n"
    (tmp_path / "volume.nrrd").write_text(nrrd)
    for ending in ("bmp", "tif"):
        Image.fromarray(MASK).save(tmp_path / f"image.{ending}")
        content = (tmp_path / f"image.{ending}").read_bytes()
        wide = np.int32(8).tobytes(), np.int32(2**30).tobytes()
        (tmp_path / f"image.{ending}").write_bytes(content.replace(*wide).replace(b"\5\0\0\0", wide[1]))
    shapes = {name: tensor.shape for name, tensor in UniverSeg(2).state_dict().items()}
    wide_state = {name: torch.zeros(1).expand([n * 10**4 for n in shape]) for name, shape in shapes.items()}
    torch.save(wide_state, tmp_path / "weights.pt")
    empty = {name: torch.zeros([0, *([10**6] * (len(shape) - 1))]) for name, shape in shapes.items()}
    save_file(empty, tmp_path / "weights.safetensors")
    names = sorted(path.name for path in tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", CLAIMS, *names],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [f"{name} refused" for name in names], done.stderr
