from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from datasets.images import pair, read_image, read_mask
from datasets.task import DataError

MASK = np.array([[0, 128, 255], [255, 0, 128]], np.uint8)


@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.tiff", "m.bmp", "m.gif", "m.npy", "M.PNG"])
def test_every_mask_format_gives_back_its_labels(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    np.save(path, MASK) if path.suffix == ".npy" else Image.fromarray(MASK).save(path)
    np.testing.assert_array_equal(read_mask(path), MASK)


def test_gray_stored_as_colour_is_a_mask(tmp_path: Path) -> None:
    for mode in ("RGB", "RGBA", "LA"):
        Image.fromarray(MASK).convert(mode).save(tmp_path / f"{mode}.png")
        np.testing.assert_array_equal(read_mask(tmp_path / f"{mode}.png"), MASK)


def test_coloured_palette_stands_for_its_indices(tmp_path: Path) -> None:
    indices = np.array([[0, 1, 2]], np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "p.png"), indices)
    np.testing.assert_array_equal(read_image(tmp_path / "p.png")[0], [[0, 0, 0], [255, 0, 0], [0, 255, 0]])


def test_boolean_and_whole_float_masks_are_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", MASK > 0)
    np.save(tmp_path / "f.npy", MASK.astype(np.float32))
    np.testing.assert_array_equal(read_mask(tmp_path / "b.npy"), MASK > 0)
    np.testing.assert_array_equal(read_mask(tmp_path / "f.npy"), MASK)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
def test_tiff_keeps_its_numbers(tmp_path: Path, kind: type) -> None:
    values = np.array([[0, 1, 100], [3, 2, 1]], kind)
    tifffile.imwrite(tmp_path / "i.tif", values)
    np.testing.assert_array_equal(read_image(tmp_path / "i.tif"), values)


@pytest.mark.parametrize("name", ["i.tif", "i.png"])
def test_16_bit_colour_keeps_its_numbers(tmp_path: Path, name: str) -> None:
    values = np.arange(60, dtype=np.uint16).reshape(4, 5, 3) * 1000
    cv2.imwrite(str(tmp_path / name), values[..., ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / name), values)


def test_compressed_tiff(tmp_path: Path) -> None:
    Image.fromarray(MASK).save(tmp_path / "m.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), MASK)


def test_16_bit_png_keeps_its_numbers(tmp_path: Path) -> None:
    values = np.array([[0, 40000], [65535, 7]], np.uint16)
    Image.fromarray(values).save(tmp_path / "i.png")
    np.testing.assert_array_equal(read_image(tmp_path / "i.png"), values)


@pytest.mark.parametrize("name", ["i.png", "i.jpg", "i.tif", "i.npy", "i.gif"])
def test_a_broken_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(DataError, match=f"{name} cannot be read"):
        read_image(tmp_path / name)


def test_a_truncated_image_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "i.png")
    whole = (tmp_path / "i.png").read_bytes()
    (tmp_path / "i.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"i\.png cannot be read"):
        read_image(tmp_path / "i.png")


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"o\.npy cannot be read"):
        read_image(tmp_path / "o.npy")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.array([[0, 0.4]]), "between the labels"),
        (np.array([[0, np.nan]]), "NaN"),
        (np.zeros((2, 3, 4, 5)), "no mask"),
        (np.array([["a"]]), "save numbers"),
    ],
)
def test_arrays_that_are_no_mask_are_named(tmp_path: Path, values: np.ndarray, says: str) -> None:
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(DataError, match=rf"m\.npy.*{says}"):
        read_mask(tmp_path / "m.npy")


def test_several_pages_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 8, 8), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match="holds 5 images"):
        read_image(tmp_path / "stack.tif")


def test_pairs_are_by_stem_and_sorted() -> None:
    images, masks = [Path("b.png"), Path("a.jpg")], [Path("m/a.png"), Path("m/b.tif")]
    assert pair(images, masks) == [(Path("a.jpg"), masks[0]), (Path("b.png"), masks[1])]


@pytest.mark.parametrize(
    ("images", "masks", "says"),
    [
        (["a.png", "b.png"], ["a.png"], r"b\.png has no mask"),
        (["a.png"], ["a.png", "b.png"], r"b\.png is a mask without an image"),
        (["a.png", "a.tif"], ["a.png"], "share a name"),
    ],
)
def test_incomplete_pairs_are_named(images: list[str], masks: list[str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        pair(map(Path, images), map(Path, masks))
