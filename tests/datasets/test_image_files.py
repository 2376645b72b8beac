from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from segbench.datasets.files.images import open_image, pair, read_image, read_mask
from segbench.datasets.task import DataError

pytestmark = pytest.mark.filterwarnings("error")  # which would end up between the lines of a progress bar
MASK = np.array([[0, 128, 255], [255, 0, 128]], np.uint8)


@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.tiff", "m.bmp", "m.gif", "m.npy", "M.PNG"])
def test_every_mask_format_keeps_its_labels(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    np.save(path, MASK) if path.suffix == ".npy" else Image.fromarray(MASK).save(path)
    np.testing.assert_array_equal(read_mask(path), MASK)


def test_gray_stored_as_colour_is_a_mask(tmp_path: Path) -> None:
    for mode in ("RGB", "RGBA", "LA"):
        Image.fromarray(MASK).convert(mode).save(tmp_path / f"{mode}.png")
        np.testing.assert_array_equal(read_mask(tmp_path / f"{mode}.png"), MASK)


def test_coloured_palette_yields_its_indices(tmp_path: Path) -> None:
    indices = np.array([[0, 1, 2]], np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "p.png"), indices)
    np.testing.assert_array_equal(read_image(tmp_path / "p.png")[0], [[0, 0, 0], [255, 0, 0], [0, 255, 0]])


@pytest.mark.parametrize("name", ["p.png", "p.tif", "p.bmp"])
def test_gray_entry_of_a_coloured_palette_yields_its_index(tmp_path: Path, name: str) -> None:
    indices = np.array(
        [[0, 7, 7]], np.uint8
    )  # both used entries are gray, as in the colour map of PASCAL VOC
    image = Image.fromarray(indices, "P")
    image.putpalette([0, 0, 0, 128, 0, 0, *[0] * 15, 128, 128, 128])
    image.save(tmp_path / name)
    np.testing.assert_array_equal(read_mask(tmp_path / name), indices)


@pytest.mark.parametrize("name", ["p.png", "p.tif", "p.gif"])
def test_gray_palette_yields_its_values(tmp_path: Path, name: str) -> None:
    image = Image.fromarray(np.array([[0, 1, 2, 1]], np.uint8), "P")
    image.putpalette([10, 10, 10, 255, 255, 255, 70, 70, 70])
    image.save(tmp_path / name)
    np.testing.assert_array_equal(read_mask(tmp_path / name), [[10, 255, 70, 255]])


def test_boolean_and_whole_float_masks_are_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", MASK > 0)
    np.save(tmp_path / "f.npy", MASK.astype(np.float32))
    np.testing.assert_array_equal(read_mask(tmp_path / "b.npy"), MASK > 0)
    np.testing.assert_array_equal(read_mask(tmp_path / "f.npy"), MASK)


@pytest.mark.parametrize(
    "kind",
    [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float16, np.float32, np.float64],
)
def test_tiff_keeps_its_numbers(tmp_path: Path, kind: type) -> None:
    top = np.iinfo(kind).max if np.issubdtype(kind, np.integer) else 1000
    values = np.array([[0, 1, 100], [3, 2, top]], kind)
    tifffile.imwrite(tmp_path / "i.tif", values)
    np.testing.assert_array_equal(read_image(tmp_path / "i.tif"), values)


@pytest.mark.parametrize("name", ["i.tif", "i.png"])
def test_16_bit_colour_keeps_its_numbers(tmp_path: Path, name: str) -> None:
    values = np.arange(60, dtype=np.uint16).reshape(4, 5, 3) * 1000
    cv2.imwrite(str(tmp_path / name), values[..., ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / name), values)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_tiff_with_separate_channels(tmp_path: Path, kind: type) -> None:
    values = np.arange(60, dtype=kind).reshape(4, 5, 3)
    channels = np.moveaxis(values, -1, 0)
    tifffile.imwrite(tmp_path / "i.tif", channels, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "i.tif"), values)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff(tmp_path: Path, compression: str) -> None:
    Image.fromarray(MASK).save(tmp_path / "m.tif", compression=compression)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), MASK)


@pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr"])
def test_jpeg_in_tiff(tmp_path: Path, mode: str) -> None:
    colour = (90, 90, 90) if mode == "L" else (200, 90, 30)
    image = Image.new("RGB", (32, 16), colour)
    image.convert(mode).save(tmp_path / "i.tif", compression="jpeg")
    pixels = read_image(tmp_path / "i.tif").reshape(16, 32, -1).astype(int)
    np.testing.assert_allclose(pixels, np.broadcast_to(colour[: pixels.shape[2]], pixels.shape), atol=4)


def test_tiff_with_fax_compression(tmp_path: Path) -> None:
    Image.fromarray(MASK > 0).save(tmp_path / "m.tif", compression="group4")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), MASK > 0)


@pytest.mark.parametrize(
    ("kind", "stored", "shown"),
    [
        (np.bool_, [[0, 1]], [[1, 0]]),  # in a mask, white is the foreground
        (np.uint8, [[0, 254, 255]], [[255, 1, 0]]),
        (np.uint16, [[0, 1, 65535]], [[65535, 65534, 0]]),
        (np.int16, [[-32768, -1, 32767]], [[32767, 0, -32768]]),
        (np.float32, [[0, 2]], [[0, -2]]),
    ],
)
def test_tiff_whose_lowest_value_is_white_is_inverted(
    tmp_path: Path, kind: type, stored: list[list[int]], shown: list[list[int]]
) -> None:
    tifffile.imwrite(tmp_path / "i.tif", np.array(stored, kind), photometric="miniswhite", software=False)
    np.testing.assert_array_equal(read_image(tmp_path / "i.tif"), shown)
    np.testing.assert_array_equal(read_mask(tmp_path / "i.tif"), shown)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colours_of_tiff_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (8, 8), (200, 90, 30)).convert(mode).save(tmp_path / "i.tif")
    with pytest.raises(DataError, match=r"i\.tif is neither gray nor RGB"):
        read_image(tmp_path / "i.tif")


@pytest.mark.parametrize("name", ["i.jpg", "i.png", "i.tif"])
def test_the_orientation_tag_turns_no_image(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.new("L", (32, 16)).save(tmp_path / name, exif=exif)
    image = open_image(tmp_path / name)
    assert image.pixels.shape == (16, 32) and image.orientation == 6


def test_damaged_exif_says_nothing(tmp_path: Path) -> None:
    Image.new("L", (32, 16)).save(tmp_path / "i.png", exif=b"Exif\0\0garbage")
    assert open_image(tmp_path / "i.png").orientation == 1


def test_16_bit_gray_with_alpha_keeps_its_numbers(tmp_path: Path) -> None:
    values = np.array([[0, 1], [300, 40000]], ">u2")
    rows = np.dstack([values, np.full_like(values, 65535)]).astype(">u2")
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 2, 2, 16, 4, 0, 0, 0),
        b"IDAT": zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)),
        b"IEND": b"",
    }
    content = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), values)


@pytest.mark.parametrize("name", ["i.png", "i.jpg", "i.bmp", "i.gif", "i.tif"])
def test_only_our_limit_of_pixels_counts(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (40, 30), 9).save(tmp_path / name)
    for most in (1000, 100):  # 1200 pixels: where Pillow warns, and where it refuses
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        assert read_image(tmp_path / name).shape[:2] == (30, 40)
    monkeypatch.setattr("segbench.datasets.files.decoding.MAX_PIXELS", 1199)
    with pytest.raises(DataError, match="has 40x30 pixels, more than 1199"):
        read_image(tmp_path / name)


def test_16_bit_png_keeps_its_numbers(tmp_path: Path) -> None:
    values = np.array([[0, 40000], [65535, 7]], np.uint16)
    Image.fromarray(values).save(tmp_path / "i.png")
    np.testing.assert_array_equal(read_image(tmp_path / "i.png"), values)


@pytest.mark.parametrize("name", ["i.png", "i.jpg", "i.tif", "i.npy", "i.gif"])
def test_a_broken_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(DataError, match=f"{name} cannot be read"):
        read_image(tmp_path / name)


@pytest.mark.parametrize(("name", "compression"), [("i.png", None), ("i.tif", "jpeg"), ("i.tif", "zlib")])
def test_a_truncated_image_is_refused(tmp_path: Path, name: str, compression: str | None) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    if compression:  # its directory stands before the pixels, so that it opens
        tifffile.imwrite(tmp_path / name, noise, compression=compression)
    else:
        Image.fromarray(noise).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 9 // 10])
    with pytest.raises(DataError, match=rf"{name} (cannot be read|is cut short)"):
        read_image(tmp_path / name)


def test_a_tiff_without_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "i.tif").write_bytes(b"II*\0\xff\0\0\0")
    with pytest.raises(DataError, match=r"i\.tif is cut short"):
        read_image(tmp_path / "i.tif")


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"o\.npy cannot be read"):
        read_image(tmp_path / "o.npy")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0, 0.4]]), "fractions"),
        (np.array([[0, np.nan]]), "NaN"),
        (np.zeros((2, 3, 4, 5)), "not a mask"),
        (np.array([["a"]]), "save numbers"),
    ],
)
def test_arrays_that_are_not_masks_are_refused(tmp_path: Path, values: np.ndarray, message: str) -> None:
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(DataError, match=rf"m\.npy.*{message}"):
        read_mask(tmp_path / "m.npy")


def test_several_pages_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 8, 8), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match="contains 5 images"):
        read_image(tmp_path / "stack.tif")


def test_a_tiff_volume_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.zeros((16, 32, 48), np.uint8), volumetric=True, tile=(16, 16, 16))
    with pytest.raises(DataError, match="contains 16 images"):
        read_image(tmp_path / "v.tif")


def test_pairs_are_by_stem_and_sorted() -> None:
    images, masks = [Path("b.png"), Path("a.jpg")], [Path("m/a.png"), Path("m/b.tif")]
    assert pair(images, masks) == [(Path("a.jpg"), masks[0]), (Path("b.png"), masks[1])]


@pytest.mark.parametrize(
    ("images", "masks", "message"),
    [
        (["a.png", "b.png"], ["a.png"], r"b\.png has no mask"),
        (["a.png"], ["a.png", "b.png"], r"b\.png has no image"),
        (["a.png", "a.tif"], ["a.png"], "both belong to a"),
    ],
)
def test_incomplete_pairs_are_refused(images: list[str], masks: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        pair(map(Path, images), map(Path, masks))
