"""Odd files of pictures; see `odd.Odd`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import tifffile
from odd import Odd, has_areas
from PIL import Image

from segbench.datasets.registry import open_dataset

SIDE = 32
IMPORT = "data import own own --data-root root"
NOISE = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
LARGE, SMALL = np.zeros((2, SIDE, SIDE), bool)
LARGE[4:20, 4:28], SMALL[22:30, 4:20] = True, True
SHARES = {"large": float(LARGE.mean()), "small": float(SMALL.mean())}
FOREGROUND = has_areas(foreground=SHARES["large"])
BLACK, WHITE, RED, BLUE = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255)

Write = Callable[[Path], object]


def mask(large: int = 1, small: int = 0, kind: type = np.uint8) -> np.ndarray:
    return (LARGE * large + SMALL * small).astype(kind)


def save(values: np.ndarray, **options: object) -> Write:
    """Save an array in the format that the file's name says."""

    def write(path: Path) -> None:
        if path.suffix == ".npy":
            np.save(path, values)
        elif path.suffix == ".tif":
            tifffile.imwrite(path, values, **options)
        else:
            Image.fromarray(values).save(path, **options)

    return write


def pillow(image: Image.Image, **options: object) -> Write:
    return lambda path: image.save(path, **options)


def pictures(*masks: tuple[str, Write], options: str = "", image: Write | None = None, **files: str):
    """Pictures with these masks, by name; `files` are further files, with _ for the dot of their names."""

    def make(folder: Path) -> str:
        for kind in ("images", "masks"):
            (folder / "own" / kind).mkdir(parents=True)
        for name, write in masks:
            (image or save(NOISE))(folder / "own" / "images" / f"{Path(name).stem}.png")
            write(folder / "own" / "masks" / name)
        for name, content in files.items():
            (folder / "own" / name.replace("_", ".")).write_text(content)
        return f"{IMPORT} {options}"

    return make


def palette(indices: np.ndarray, *colours: tuple[int, ...], **options: object) -> Write:
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette([number for colour in colours for number in colour])
    return pillow(image, **options)


def quantized(*coloured: tuple[np.ndarray, tuple[int, ...]]) -> Write:
    """A picture with a palette that Pillow chooses for it."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    for region, colour in coloured:
        picture[region] = colour
    image = Image.fromarray(picture).quantize(8)
    return pillow(image)


def nnunet(mask_values: np.ndarray, labels: dict[str, object]) -> Callable[[Path], str]:
    """A data set of nnU-Net with one PNG image."""

    def make(folder: Path) -> str:
        for name, values in (("imagesTr/a_0000", NOISE), ("labelsTr/a", mask_values)):
            (folder / "own" / name).parent.mkdir(parents=True)
            Image.fromarray(values).save(folder / "own" / f"{name}.png")
        content = {"channel_names": {"0": "US"}, "labels": labels, "file_ending": ".png"}
        (folder / "own" / "dataset.json").write_text(json.dumps(content))
        return IMPORT

    return make


def in_jpeg(**options: object) -> Write:
    return pillow(Image.fromarray(mask(255)), format="JPEG", **options)


def turned(values: np.ndarray, tag: int) -> Write:
    exif = Image.Exif()
    exif[0x0112] = tag
    return pillow(Image.fromarray(values), exif=exif)


def smooth(values: np.ndarray) -> np.ndarray:
    """The mask as saved after a change of size with smoothing."""
    large = cv2.resize(values, (3 * SIDE, 3 * SIDE), interpolation=cv2.INTER_NEAREST)
    return cv2.GaussianBlur(large, (0, 0), 1)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def keeps_grays(count: int) -> Callable[[Path], None]:
    """Check that an image of SIDE x SIDE different grays, magnified, has as many again."""

    def check(root: Path) -> None:
        data = open_dataset("own", root).load(open_dataset("own", root).tasks()[0])
        assert len(np.unique(data.images)) > count

    return check


RAMP = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
BLURRED = smooth(mask(255))
TWICE = cv2.resize(mask(255), (64, 64), interpolation=cv2.INTER_LINEAR)[1:, 1:]
FREESURFER = mask(2) + np.uint8(251) * SMALL + np.eye(SIDE, dtype=np.uint8) * np.uint8(1)
STRAY = mask(255, 128)
STRAY[0, :7] = 2, 3, 7, 9, 25, 37, 42
SMOOTH_SHARES = {"foreground": SHARES["large"]}


def big(write_values: np.ndarray = BLURRED, **more: object):
    """Pictures with a smoothed mask, of the mask's size."""
    noise = np.random.default_rng(0).integers(0, 255, write_values.shape, dtype=np.uint8)
    return pictures(("a.png", save(write_values)), image=save(noise), **more)


PALETTES = [
    Odd(
        "colours of a palette",
        "red is index 0",
        pictures(("a.png", palette(~LARGE, RED, BLACK))),
        check=FOREGROUND,
    ),
    Odd(
        "colours of a palette",
        "a palette chosen for the picture",
        pictures(("a.png", quantized((LARGE, RED)))),
        check=FOREGROUND,
    ),
    Odd(
        "colours of a palette",
        "blue is index 0 in GIF",
        pictures(("a.gif", palette(~LARGE, BLUE, BLACK))),
        check=FOREGROUND,
    ),
    Odd(
        "colours of a palette",
        "white is index 0",
        pictures(("a.png", palette(~LARGE, WHITE, BLACK))),
        check=FOREGROUND,
    ),
    Odd(
        "colours of a palette",
        "the same colours in all files",
        pictures(
            ("a.png", palette(mask(1, 2), BLACK, RED, BLUE)), ("b.png", palette(mask(1, 2), BLACK, RED, BLUE))
        ),
        check=has_areas(**{"1": SHARES["large"], "2": SHARES["small"]}),
    ),
    Odd(
        "colours of a palette",
        "one index with two colours",
        pictures(("a.png", palette(LARGE, BLACK, RED)), ("b.png", palette(SMALL, BLACK, BLUE))),
        refused="value 1 is the colour (0, 0, 255) in own/masks/b.png and (255, 0, 0) in own/masks/a.png",
    ),
    Odd(
        "colours of a palette",
        "palettes chosen for each picture",
        pictures(
            ("a.png", quantized((LARGE, RED))),
            ("b.png", quantized((LARGE, RED), (SMALL, BLUE))),
            ("c.png", quantized((LARGE, BLUE))),
        ),
        refused="save all masks with one palette",
    ),
    Odd(
        "colours of a palette",
        "one colour at two indices",
        pictures(
            ("a.png", palette(LARGE, BLACK, RED, BLUE)), ("b.png", palette(mask(2), BLACK, BLUE, RED, BLUE))
        ),
        refused="is value 2 in own/masks/b.png and 1 in own/masks/a.png",
    ),
]

LOSSY_WEBP = {"compression": "webp", "compressionargs": {"lossless": False}}
LOSSY = [
    Odd("losses", "JPEG under .png", pictures(("a.png", in_jpeg())), refused="compressed with losses"),
    Odd(
        "losses",
        "JPEG in TIFF",
        pictures(("a.tif", save(mask(255), compression="jpeg"))),
        refused="own/masks/a.tif was compressed with losses",
    ),
    Odd(
        "losses",
        "WebP under .png",
        pictures(("a.png", pillow(Image.fromarray(mask(255)), format="WEBP"))),
        refused="compressed with losses",
    ),
    Odd(
        "losses",
        "WebP with alpha under .bmp",
        pictures(("a.bmp", pillow(Image.fromarray(mask(255)).convert("RGBA"), format="WEBP", exact=True))),
        refused="compressed with losses",
    ),
    Odd(
        "losses",
        "AVIF under .png",
        pictures(("a.png", pillow(Image.fromarray(mask(255)), format="AVIF"))),
        refused="compressed with losses",
    ),
    Odd(
        "losses",
        "JPEG 2000 under .png",
        pictures(("a.png", pillow(Image.fromarray(mask(255)), format="JPEG2000", irreversible=True))),
        refused="compressed with losses",
    ),
    Odd(
        "losses",
        "WebP in TIFF",
        pictures(
            (
                "a.tif",
                save(np.dstack([mask(255)] * 3), compression="webp", compressionargs={"lossless": False}),
            )
        ),
        refused="compressed with losses",
    ),
    Odd(
        "losses",
        "WebP without losses",
        pictures(("a.png", pillow(Image.fromarray(mask(255)), format="WEBP", lossless=True))),
        check=FOREGROUND,
    ),
    Odd(
        "losses",
        "JPEG 2000 without losses",
        pictures(("a.png", pillow(Image.fromarray(mask(255)), format="JPEG2000"))),
        check=FOREGROUND,
    ),
    Odd("losses", "an image", pictures(("a.png", save(mask())), image=in_jpeg()), check=FOREGROUND),
]

SMOOTHED = [
    Odd("smoothed masks", "no label is named", big(), refused='--labels "128-255=foreground"'),
    Odd(
        "smoothed masks",
        "twice the size",
        big(TWICE),
        refused='--labels "128-255=foreground"',
    ),
    Odd(
        "smoothed masks",
        "16 bits",
        pictures(
            ("a.png", save(np.full((SIDE, SIDE), 40000, np.uint16) * LARGE + RAMP.astype(np.uint16) * SMALL))
        ),
        refused='--labels "20001-40000=foreground"',
    ),
    Odd(
        "smoothed masks",
        "the largest value only is named",
        big(options="--labels 255=polyp"),
        refused='--labels "128-255=polyp"',
    ),
    Odd(
        "smoothed masks",
        "the largest value only is named in dataset.toml",
        big(dataset_toml='labels = {255 = "polyp"}'),
        refused='--labels "128-255=polyp"',
    ),
    Odd(
        "smoothed masks",
        "a threshold",
        big(options="--labels 128-255=foreground"),
        check=has_areas(0.002, **SMOOTH_SHARES),
    ),
    Odd(
        "smoothed masks",
        "a threshold in dataset.toml",
        big(dataset_toml='labels = {128-255 = "foreground"}'),
        check=has_areas(0.002, **SMOOTH_SHARES),
    ),
    Odd(
        "smoothed masks",
        "a threshold in a table of labels",
        big(options="--labels own/labels.csv", labels_csv="value,label\n128.0-255.0,foreground\n"),
        check=has_areas(0.002, **SMOOTH_SHARES),
    ),
    Odd(
        "smoothed masks",
        "a range of one value",
        big(options="--labels 255-255=polyp"),
        tells=("polyp", "belong"),
    ),
    Odd(
        "smoothed masks",
        "an atlas is none",
        pictures(("a.png", save(FREESURFER))),
        check=has_areas(1, **{"1": 0, "2": 0, "3": 0, "251": 0}),
    ),
    Odd(
        "smoothed masks",
        "stray values beside named ones are none",
        pictures(("a.png", save(STRAY)), options="--labels 255=large,128=small"),
        tells=("7 values belong to no label, such as 2, 3, 7, 9, 25, in up to 1 mask file",),
        check=has_areas(**SHARES),
    ),
    Odd(
        "ranges of values",
        "two share a value",
        pictures(("a.png", save(STRAY)), options="--labels 1-200=x,128=y"),
        refused="names value 128 twice",
    ),
    Odd(
        "ranges of values",
        "the second is smaller",
        pictures(("a.png", save(STRAY)), options="--labels 200-100=x"),
        refused="give each value from 1 on, or a range",
    ),
    Odd(
        "ranges of values",
        "255.0 in a table of labels",
        pictures(
            ("a.png", save(mask(255, 7))),
            options="--labels own/labels.csv",
            labels_csv="value,label\n255.0,large\n7,small\n",
        ),
        check=has_areas(**SHARES),
    ),
]

BITS = [
    Odd(
        "1 bit a pixel",
        "beside 0 and 255",
        pictures(("a.png", save(LARGE)), ("b.png", save(mask(255)))),
        check=FOREGROUND,
    ),
    Odd(
        "1 bit a pixel",
        "beside 0 and 1",
        pictures(("a.tif", save(LARGE, photometric="minisblack")), ("b.png", save(mask(1)))),
        check=FOREGROUND,
    ),
    Odd(
        "1 bit a pixel",
        "255 is named",
        pictures(("a.png", save(LARGE)), ("b.png", save(mask(255, 7))), options="--labels 255=large,7=small"),
        check=has_areas(**SHARES),
    ),
    Odd(
        "1 bit a pixel",
        "a range that ends at 255 is named",
        pictures(("a.npy", save(LARGE)), options="--labels 128-255=foreground"),
        check=FOREGROUND,
    ),
    Odd(
        "1 bit a pixel",
        "a bool array as tifffile saves it",
        pictures(("a.tif", save(LARGE))),
        refused="programs disagree about its foreground",
    ),
    Odd("1 bit a pixel", "nnU-Net", nnunet(LARGE, {"background": 0, "foreground": 1}), check=FOREGROUND),
]

CHANNELS = [
    Odd(
        "channels that are no alpha",
        f"one-hot {shape}",
        pictures(("a.npy", save(values))),
        refused="save one integer label per pixel",
    )
    for shape, values in {
        "(H, W, 2)": np.stack([~LARGE, LARGE], -1).astype(np.uint8),
        "(2, H, W)": np.stack([~LARGE, LARGE]).astype(np.uint8),
        "(H, W, 4)": np.stack([~LARGE, LARGE, SMALL, SMALL], -1).astype(np.float32),
        "(H, W, 3)": np.stack([~LARGE, LARGE, SMALL], -1).astype(np.uint8),
    }.items()
] + [
    Odd(
        "channels that are no alpha",
        "one-hot TIFF",
        pictures(("a.tif", save(np.stack([~LARGE, LARGE], -1).astype(np.uint8), planarconfig="contig"))),
        refused="save one integer label per pixel",
    ),
    Odd(
        "channels that are no alpha",
        "an image of two modalities",
        lambda folder: pair_of(folder, np.stack([NOISE, NOISE], -1)),
        refused="own/images/a.npy has 2 channels, none of them alpha",
    ),
    Odd(
        "a mask in alpha only",
        "white everywhere",
        pictures(("a.png", save(np.dstack([np.full((SIDE, SIDE, 3), 255), mask(255)]).astype(np.uint8)))),
        refused="own/masks/a.png shows its mask by transparency",
    ),
    Odd(
        "a mask in alpha only",
        "black everywhere",
        pictures(("a.png", save(np.dstack([mask(0), mask(200)])))),
        refused="shows its mask by transparency",
    ),
    Odd(
        "a mask in alpha only",
        "values below transparent pixels",
        pictures(("a.png", save(np.dstack([mask(1, 1), mask(255)])))),
        refused="shows its mask by transparency",
    ),
    Odd(
        "a mask in alpha only",
        "a palette with transparent entries",
        pictures(("a.png", palette(LARGE, WHITE, WHITE, transparency=b"\x00\xff"))),
        refused="shows its mask by transparency",
    ),
    Odd(
        "a mask in alpha only",
        "transparent background",
        pictures(("a.png", save(np.dstack([mask(1), mask(255)])))),
        check=FOREGROUND,
    ),
]


def pair_of(folder: Path, image: np.ndarray, values: np.ndarray | None = None) -> str:
    """One NPY image and its mask."""
    for kind, array in (("images", image), ("masks", mask() if values is None else values)):
        (folder / "own" / kind).mkdir(parents=True)
        np.save(folder / "own" / kind / "a.npy", array)
    return IMPORT


def of_label(folder: Path) -> str:
    """A mask in the folder of its label."""
    command = pair_of(folder, NOISE, mask(1, -1, np.int16))
    (folder / "own/masks/large").mkdir()
    (folder / "own/masks/a.npy").rename(folder / "own/masks/large/a.npy")
    return command


UNNAMED = [
    Odd(
        "values that nobody named",
        "one of three",
        pictures(("a.png", save(mask(1, 4))), options="--labels 1=large"),
        tells=("value 4 belongs to no label, in 1 mask file",),
        check=has_areas(large=SHARES["large"]),
    ),
    Odd(
        "values that nobody named",
        "negative ones",
        pictures(("a.tif", save(mask(1, -1, np.int16)))),
        tells=("value -1 belongs to no label",),
        check=FOREGROUND,
    ),
    Odd(
        "values that nobody named",
        "negative ones in the folder of a label",
        of_label,
        tells=("value -1 belongs to no label",),
        check=has_areas(large=SHARES["large"]),
    ),
    Odd(
        "values that nobody named",
        "all of them",
        pictures(("a.png", save(mask(255))), options="--labels 1=large"),
        refused="the masks contain 255, which belong to none; name these values",
    ),
    Odd(
        "values that nobody named",
        "nnU-Net does not declare one",
        nnunet(mask(1, 4), {"background": 0, "large": 1}),
        refused="own/labelsTr/a.png contains the value 4, which dataset.json does not declare",
    ),
    Odd(
        "values that nobody named",
        "nnU-Net declares 1 for 255",
        nnunet(mask(255), {"background": 0, "large": 1}),
        refused="own/labelsTr/a.png contains the value 255, which dataset.json does not declare",
    ),
    Odd(
        "values that nobody named",
        "nnU-Net ignores one",
        nnunet(mask(1, 2), {"background": 0, "large": 1, "ignore": 2}),
        check=has_areas(large=SHARES["large"]),
    ),
]


TURNED = [
    Odd(
        "orientation tags",
        "of the image only, 180 degrees",
        pictures(("a.png", save(mask())), image=turned(NOISE, 3)),
        refused="own/images/a.png has the orientation tag 3 and own/masks/a.png 1",
    ),
    Odd(
        "orientation tags",
        "of the mask only, mirrored TIFF",
        pictures(("a.tif", save(mask(), extratags=[(274, "H", 1, 2)]))),
        refused="own/images/a.png has the orientation tag 1 and own/masks/a.tif 2",
    ),
    Odd(
        "orientation tags",
        "0, which has no meaning",
        pictures(("a.png", save(mask())), image=turned(NOISE, 0)),
        check=FOREGROUND,
    ),
    Odd(
        "orientation tags",
        "the same of both",
        pictures(("a.png", turned(mask(), 6)), image=turned(NOISE, 6)),
        check=FOREGROUND,
    ),
]

OFFSETS = [
    Odd(
        "large offsets",
        f"{np.dtype(kind)} near {offset:.0e}",
        lambda folder, kind=kind, offset=offset: pair_of(folder, RAMP.astype(kind) + kind(offset)),
        check=keeps_grays(SIDE * SIDE),
    )
    for kind, offset in (
        (np.uint32, 4e9),
        (np.int32, 2e9),
        (np.float64, 1e12),
        (np.uint64, 2**64 - 2**12),
        (np.int64, -(2**62)),
    )
]

OTHERS = [
    Odd(
        "no regular files",
        "a mask is a pipe",
        pictures(("a.png", pipe)),
        refused="own/masks/a.png cannot be read",
    ),
    Odd(
        "no regular files",
        "an image is a pipe",
        pictures(("a.png", save(mask())), image=pipe),
        refused="own/images/a.png cannot be read",
    ),
]

PICTURES: list[Odd] = [
    *PALETTES, *LOSSY, *SMOOTHED, *BITS, *CHANNELS, *UNNAMED, *TURNED, *OFFSETS, *OTHERS,
]  # fmt: skip
