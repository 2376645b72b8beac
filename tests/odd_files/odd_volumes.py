"""Odd files of volumes; see `odd.Odd`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dicom_files as dicom
import imagecodecs
import nibabel
import numpy as np
import SimpleITK as sitk
from odd import Odd, has_areas
from PIL import Image
from pydicom import uid

from segbench.datasets.registry import open_dataset

IMPORT = "data import own scans --data-root root "
SHAPE = Z, H, W = 4, 16, 16
LPS = np.diag([-1.0, -1, 1, 1])
ONE, SEG, PACKED = "volume of one slice", "DICOM segmentation", "compressed DICOM"
REST, NEGATIVE, OFFSET = "values that nobody named", "negative values in a label map", "large offsets"
RAMP = np.arange(H * W, dtype=np.uint16).reshape(H, W) * 4  # 0 to 1020


def nifti(file: Path, values: np.ndarray, affine: np.ndarray = LPS) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), file)
    return file


def box(value: int = 1, z: int = 2, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """A label map (Z, H, W): a quarter of one slice."""
    labels = np.zeros(shape, np.uint8)
    labels[z, : shape[1] // 2, : shape[2] // 2] = value
    return labels


def scan(
    here: Path,
    image: np.ndarray | Callable[[Path], Any],
    labels: np.ndarray | None = None,
    affine: np.ndarray = LPS,
    labels_affine: np.ndarray | None = None,
) -> str:
    """A case of the layout ``nifti``; arrays are (Z, H, W). Returns the command."""
    images, maps = here / "scans" / "images", here / "scans" / "labels"
    if callable(image):
        image(images / "s")
    else:
        nifti(images / "s.nii", image.T, affine)
    values = box() if labels is None else labels
    nifti(maps / "s.nii", values.T, affine if labels_affine is None else labels_affine)
    return IMPORT


def pictures(root: Path, axis: str) -> np.ndarray:
    """The images (N, 128, 128) of the first task of an axis."""
    dataset = open_dataset("own", root)
    return dataset.load(next(task for task in dataset.tasks() if task.axis == axis)).images[:, 0]


def has_grays(axis: str, least: int) -> Callable[[Path], None]:
    """Check that the first image of an axis rises along its first column, in many steps."""

    def check(root: Path) -> None:
        image = pictures(root, axis)[0]
        assert (np.diff(image[:, 64]) >= 0).all() and image[-1, 64] > image[0, 64] + 0.8
        assert len(np.unique(image)) >= least

    return check


AXIAL, RISING = has_grays("axial", 100), has_grays("0", 100)


def has_tasks(*names: str) -> Callable[[Path], None]:
    """Check axes and labels of all tasks, each with one image."""

    def check(root: Path) -> None:
        dataset = open_dataset("own", root)
        assert {
            f"{task.axis}/{task.label}": len(dataset.load(task)) for task in dataset.tasks()
        } == dict.fromkeys(names, 1)

    return check


def scaled(
    *slopes: float, intercepts: Sequence[float] = (0, 0, 0, 0), **others: Any
) -> Callable[[Path], str]:
    """A series of equal slices with scales of their own, the label in the third."""

    def attributes(z: int) -> dict[str, Any]:
        return {"RescaleSlope": slopes[z], "RescaleIntercept": intercepts[z], **others}

    return lambda here: scan(here, lambda file: dicom.series(file, np.stack([RAMP] * Z), attributes))


def brightness_follows(*slopes: float) -> Callable[[Path], None]:
    """Check that slices are as bright in sagittal images, 8 rows each, as their slopes say."""

    def check(root: Path) -> None:
        image = pictures(root, "sagittal")[0]
        bright = image[48:80].reshape(Z, 8, -1)[::-1, 3:5].mean(1).max(1)
        np.testing.assert_allclose(bright / bright.max(), np.array(slopes) / max(slopes), atol=0.05)

    return check


SLOPES = [
    Odd("slopes of slices", "a smaller one than the first", scaled(1, 1, 0.001, 100),
        check=AXIAL),
    Odd("slopes of slices", "a larger one than the first", scaled(1, 1, 100, 1),
        check=AXIAL),
    Odd("slopes of slices", "a negative intercept of unsigned slices",
        scaled(1, 1, 1, 1, intercepts=(0, 0, -500, 0)), check=AXIAL),
    Odd("slopes of slices", "SUV whose first slice is air", scaled(1, 3e-5, 2e-5, 1e-5),
        check=AXIAL),
    Odd("slopes of slices", "slices are compared", scaled(1, 2, 4, 3), check=brightness_follows(1, 2, 4, 3)),
]  # fmt: skip


def series_as_labels(here: Path) -> str:
    scan(here, lambda file: dicom.series(file, np.stack([RAMP] * Z)))
    (here / "scans" / "labels" / "s.nii").unlink()
    dicom.series(here / "scans" / "labels" / "s", box(7).astype(np.uint16), lambda z: {"RescaleSlope": 1})
    return IMPORT + "--axes axial"


def resized(here: Path) -> str:
    values = np.stack([RAMP] * Z)
    scan(here, lambda file: dicom.series(file, values))
    dicom.write(here / "scans/images/s/003.dcm", dicom.slice_of(RAMP[:12], 1))
    return IMPORT


def series_with(attributes: Callable[[int], dict[str, Any]]) -> Callable[[Path], str]:
    return lambda here: scan(here, lambda file: dicom.series(file, np.stack([RAMP] * Z), attributes))


def frames(places: Sequence[float], slopes: Sequence[float] = ()) -> Callable[[Path], str]:
    """A multi-frame file whose frames rise in brightness, with its label in the frame at 2 mm."""
    values = np.stack([RAMP + np.uint16(1000 * place) for place in places])

    def make(here: Path) -> str:
        scan(here, lambda file: dicom.multi_frame(file.with_suffix(".dcm"), values, places, slopes))
        return IMPORT + "--axes axial"

    return make


def cine(here: Path) -> str:
    for kind in ("images", "masks"):
        dicom.write(here / "scans" / kind / "a.dcm", dicom.slice_of(np.stack([RAMP] * 3)))
    return IMPORT


def no_positions(here: Path) -> str:
    folder = here / "scans" / "images" / "s"
    dicom.write(folder / "a.dcm", dicom.slice_of(np.stack([RAMP] * Z)))
    nifti(here / "scans" / "labels" / "s.nii", box().T)
    return IMPORT


def structures(here: Path) -> str:
    scan(here, lambda file: dicom.series(file, np.stack([RAMP] * Z)))
    data = dicom.slice_of(RAMP, kind=uid.RTStructureSetStorage)
    del data.Rows, data.PixelData
    (here / "scans" / "labels" / "s.nii").unlink()
    dicom.write(here / "scans" / "labels" / "s.dcm", data)
    return IMPORT


SERIES = [
    Odd("DICOM series", "as a label map", series_as_labels, check=has_areas(foreground=0.25)),
    Odd("DICOM series", "one slice of another size", resized,
        refused="003.dcm is 16 x 12 and"),
    Odd("DICOM series", "slices of two orientations",
        series_with(lambda z: {"ImageOrientationPatient": [1, 0, 0, 0, 0.8, 0.6]} if z == 3 else {}),
        refused="001.dcm has another orientation or pixel spacing than"),
    Odd("DICOM series", "slices of two pixel spacings",
        series_with(lambda z: {"PixelSpacing": [0.5, 0.5]} if z == 0 else {}),
        refused="004.dcm has another orientation or pixel spacing than"),
    Odd("DICOM series", "a slice beside the others",
        series_with(lambda z: {"ImagePositionPatient": [5 * (z == 1), 0, z]}),
        refused="003.dcm lies 5 mm beside the line of the other slices"),
    Odd("multi-frame DICOM", "frames in another order", frames((3, 1, 0, 2)),
        check=AXIAL),
    Odd("multi-frame DICOM", "slopes of frames", frames((0, 1, 2, 3), (1, 1, 0.001, 1)),
        check=AXIAL),
    Odd("multi-frame DICOM", "two frames at one place", frames((0, 1, 1, 2)),
        refused="have the same position in a DICOM series"),
    Odd("multi-frame DICOM", "a film as picture", cine, refused="a.dcm contains 3 images"),
    Odd("multi-frame DICOM", "frames without positions", no_positions,
        refused="a.dcm contains 4 frames without positions; convert it with dcm2niix"),
    Odd("structures in DICOM", "contours as label map", structures,
        refused="s.dcm is a DICOM file without an image (RT Structure Set Storage)"),
]  # fmt: skip


def tilted(degrees: float, **attributes: Any) -> Callable[[Path], str]:
    slope = np.tan(np.radians(degrees))
    return series_with(lambda z: {"ImagePositionPatient": [0, round(slope * z, 6), z], **attributes})


def sheared_nifti(here: Path) -> str:
    space = LPS.copy()
    space[1, 2] = 0.3
    return scan(here, np.stack([RAMP] * Z), affine=space)


def sheared_nrrd(here: Path) -> str:
    header = (
        "NRRD0004\ntype: uint16\ndimension: 3\nspace: left-posterior-superior\nsizes: 16 16 4\n"
        "space directions: (1,0,0) (0,1,0) (0,0.3,1)\nspace origin: (0,0,0)\nendian: little\n"
        "encoding: raw\n\n"
    )
    content = header.encode() + np.stack([RAMP] * Z).tobytes()

    def write(path: Path) -> None:
        path.parent.mkdir(parents=True)
        path.with_suffix(".nrrd").write_bytes(content)

    return scan(here, write) + "--labels 1=a"


TILTED = [
    Odd("tilted gantry", "20 degrees", tilted(20), refused="axes 20 degrees off right angles"),
    Odd("tilted gantry", "-7 degrees, with the tag", tilted(-7, GantryDetectorTilt=-7),
        refused="resample it to right angles, for example with dcm2niix"),
    Odd("tilted gantry", "the tag alone", series_with(lambda z: {"GantryDetectorTilt": 0}),
        check=AXIAL),
    Odd("tilted gantry", "a sheared NIfTI file", sheared_nifti, refused="off right angles"),
    Odd("tilted gantry", "a sheared NRRD file", sheared_nrrd, refused="s.nrrd has axes 16.7 degrees"),
]  # fmt: skip


def spaces(image: np.ndarray, labels: np.ndarray, length: int = W) -> Callable[[Path], str]:
    """A volume and a label map of two affine maps; `length` voxels along the first axis."""
    values = np.zeros((Z, H, length), np.uint16) + RAMP[:, :1]
    shape = (Z, H, length)
    return lambda here: (
        scan(here, values, box(shape=shape), affine=image, labels_affine=labels) + "--axes axial"
    )


def sides(x: float, y: float, z: float, origin: tuple[float, ...] = (0, 0, 0)) -> np.ndarray:
    affine = np.diag([-x, -y, z, 1.0])
    affine[:3, 3] = origin
    return affine


def turned(degrees: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cos, -sin, 0, 0], [sin, cos, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return turn @ LPS


APART = "in different spaces: corners lie"
GEOMETRY = [
    Odd("geometry", "0.700 and 0.708 mm", spaces(sides(0.7, 0.7, 3), sides(0.708, 0.708, 3), 512),
        refused=f"{APART} 5.8"),
    Odd("geometry", "0.005 and 0.010 mm", spaces(sides(0.005, 0.005, 0.01), sides(0.01, 0.01, 0.01), 110),
        refused=f"{APART} 110 voxels apart"),
    Odd("geometry", "turned by half a degree", spaces(turned(0), turned(0.5), 512), refused=f"{APART} 4.4"),
    Odd("geometry", "half a voxel off", spaces(sides(1, 1, 3), sides(1, 1, 3, (0.5, 0, 0))),
        refused=f"{APART} 0.5"),
    Odd("geometry", "0.02 mm off at 3 mm", spaces(sides(3, 3, 3), sides(3, 3, 3, (0.02, 0.02, 0))),
        check=has_areas(foreground=0.25)),
    Odd("geometry", "origins rounded to tenths", spaces(sides(1, 1, 1, (0.04, -0.04, 0.04)), sides(1, 1, 1)),
        check=has_areas(foreground=0.25)),
    Odd("geometry", "sides rounded to four digits",
        spaces(sides(0.7031, 0.7031, 2), sides(0.703125, 0.703125, 2)), check=has_areas(foreground=0.25)),
]  # fmt: skip

QUARTER = box(z=0, shape=(1, H, W))


def one_slice(
    suffix: str, shape: tuple[int, ...], affine: np.ndarray = LPS, **maps: Any
) -> Callable[[Path], str]:
    """A picture of rising rows, whose upper left quarter is the label, as a volume of a shape (X, Y, Z)."""

    def make(here: Path) -> str:
        for kind, values in (("images", RAMP.T), ("labels", QUARTER[0].T)):
            file = here / "scans" / kind / f"s{suffix}"
            if suffix == ".nii":
                nifti(file, values.reshape(shape), affine)
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                sitk.WriteImage(sitk.GetImageFromArray(values.reshape(shape).T), file)
        return IMPORT + maps.get("options", "")

    return make


def without_codes(here: Path) -> str:
    for kind, values in (("images", RAMP.T), ("labels", QUARTER[0].T)):
        image = nibabel.Nifti1Image(values, None)
        (here / "scans" / kind).mkdir(parents=True)
        nibabel.save(image, here / "scans" / kind / "s.nii")
    return IMPORT


def no_thickness(here: Path) -> str:
    words = one_slice(".nii", (W, H, 1))(here)
    for file in (here / "scans").rglob("s.nii"):
        content = bytearray(file.read_bytes())
        content[88:92], content[320:324] = bytes(4), bytes(4)  # pixdim[3] and srow_z[2]
        file.write_bytes(content)
    return words


def stored_otherwise(here: Path) -> str:
    """The image to the left and back, its label map to the right and front."""
    ras = np.diag([1.0, 1, 1, 1])
    ras[:2, 3] = -15
    return scan(here, RAMP[None], np.flip(QUARTER, (1, 2)), labels_affine=ras)


def nnunet(values: np.ndarray, labels: dict[str, int], affine: np.ndarray = LPS, image: Any = None) -> Any:
    def make(here: Path) -> str:
        shape = values.shape
        nifti(here / "scans/imagesTr/a_0000.nii.gz", (np.zeros(shape, np.uint16) + RAMP).T, affine)
        nifti(here / "scans/labelsTr/a.nii.gz", values.T, affine)
        content = {"channel_names": {"0": "CT"}, "labels": labels, "file_ending": ".nii.gz"}
        (here / "scans/dataset.json").write_text(json.dumps(content))
        return IMPORT

    return make


def thick(thickness: float) -> np.ndarray:
    return np.diag([-1.0, -1, thickness, 1])


def one_picture(root: Path) -> None:
    has_tasks("0/foreground")(root)
    RISING(root)
    has_areas(foreground=0.25)(root)
    dataset = open_dataset("own", root)
    assert dataset.load(dataset.tasks()[0]).labels[0, 0, :60, :60].all()


ONE_SLICE = [
    Odd(ONE, "(H, W) NIfTI", one_slice(".nii", (W, H)), check=one_picture),
    Odd(ONE, "(H, W, 1)", one_slice(".nii", (W, H, 1)), check=one_picture),
    Odd(ONE, "(H, W, 1, 1)", one_slice(".nii", (W, H, 1, 1)), check=one_picture),
    Odd(ONE, "999 mm thick", nnunet(QUARTER, {"background": 0, "foreground": 1}, thick(999)),
        check=one_picture),
    Odd(ONE, "0 mm thick", no_thickness, check=one_picture),
    Odd(ONE, "0.001 mm thick", one_slice(".nii", (W, H, 1), thick(0.001)), check=one_picture),
    Odd(ONE, "coronal", one_slice(".nii", (W, 1, H), np.diag([-1.0, -5, -1, 1])),
        check=one_picture),
    Odd(ONE, "sagittal, first axis",
        one_slice(".nii", (1, W, H), np.diag([-9.0, -1, -1, 1])),
        check=one_picture),
    Odd(ONE, "no orientation", without_codes, check=one_picture),
    Odd(ONE, "2D MetaImage", one_slice(".mha", (W, H)), check=one_picture),
    Odd(ONE, "NRRD of one slice", one_slice(".nrrd", (W, H, 1)), check=one_picture),
    Odd(ONE, "a series of one file",
        lambda here: scan(here, lambda file: dicom.series(file, RAMP[None]), QUARTER), check=one_picture),
    Odd(ONE, "label map in another orientation", stored_otherwise, check=one_picture),
    Odd(ONE, "--axes names its axis",
        one_slice(".nii", (W, H, 1), options="--axes axial,coronal"),
        check=has_tasks("axial/foreground")),
    Odd(ONE, "--axes stored", one_slice(".nii", (W, H, 1), options="--axes stored"),
        check=has_tasks("stored/foreground")),
    Odd(ONE, "--axes names others",
        one_slice(".nii", (W, H), options="--axes coronal,sagittal"),
        refused="s.nii has one slice, not across coronal or sagittal"),
    Odd(ONE, "two labels",
        lambda here: scan(here, RAMP[None], QUARTER + 2 * QUARTER[:, ::-1]), check=has_tasks("0/1", "0/2")),
    Odd(ONE, "pixels of 4 x 0.001 mm", one_slice(".nii", (W, H), sides(4, 0.001, 1)),
        refused="has voxels of 4 x 0.001"),
]  # fmt: skip


def labelled(labels: np.ndarray, options: str = "") -> Callable[[Path], str]:
    image = np.stack([RAMP] * len(labels))
    return lambda here: scan(here, image, labels) + options


def in_a_table(here: Path) -> str:
    scan(here, np.stack([RAMP] * Z), TWO + 2 * np.flip(box(1), (1, 2)))
    rows = "".join(f"images/s.nii,labels/s.nii,{label},{value}\n" for label, value in (("a", 1), ("b", 2)))
    (here / "scans" / "metadata.csv").write_text("image,mask,label,value\n" + rows)
    return IMPORT + "--axes axial --format table"


TWO = box(1) + 4 * np.flip(box(1), 1)
CT = (np.stack([RAMP] * Z).astype(np.int16) - 1000) * 2
UNNAMED = [
    Odd(REST, "BraTS' 4", labelled(TWO, "--labels 1=core"),
        tells=("value 4 belongs to no label, in 1 mask file",), check=has_areas(core=0.25)),
    Odd(REST, "several, across one slice",
        lambda here: scan(here, RAMP[None], QUARTER + 2 * QUARTER[:, ::-1] + 6 * QUARTER[:, :, ::-1])
        + "--labels 1=core", tells=("value 2 belongs to no label, in 1 mask file", "value 6 belongs")),
    Odd(REST, "in a table", in_a_table,
        tells=("value 4 belongs to no label, in 1 mask file",), check=has_areas(a=0.25, b=0.25)),
    Odd(REST, "nnU-Net", nnunet(TWO, {"background": 0, "core": 1}),
        refused="a.nii.gz contains the value 4, which dataset.json does not declare"),
    Odd(NEGATIVE, "-3", labelled(box().astype(np.int8) * -3 + box(z=1), "--labels 1=a"),
        refused="s.nii contains -3, but labels are numbers from 0"),
    Odd(NEGATIVE, "-1 as floating point", labelled(1.0 * TWO - 1, "--labels 1=a"),
        refused="s.nii contains -1, but labels are numbers from 0"),
    Odd("a scan as label map", "CT", labelled(CT), refused="s.nii"),
    Odd("a scan as label map", "CT with named labels", labelled(CT, "--labels 1=liver"),
        refused="s.nii contains -2000, but labels are numbers from 0"),
]  # fmt: skip


def large(offset: float, dtype: Any, spacing: float) -> Callable[[Path], str]:
    """Grays that differ by 1 on a large offset."""
    values = (np.stack([RAMP // 4] * Z).astype(np.float64) + offset).astype(dtype)
    space = np.diag([-1.0, -spacing, 1, 1])
    return lambda here: scan(here, values, affine=space) + "--axes axial"


LARGE = [
    Odd(OFFSET, "uint32 near 4e9", large(4e9, np.uint32, 1), check=AXIAL),
    Odd(OFFSET, "uint32 near 4e9, 1 x 2 mm", large(4e9, np.uint32, 2), check=AXIAL),
    Odd(OFFSET, "int32 near -2e9, 1 x 2 mm", large(-2e9, np.int32, 2), check=AXIAL),
    Odd(OFFSET, "float64 near 1e12, 1 x 3 mm", large(1e12, np.float64, 3),
        check=AXIAL),
    Odd(OFFSET, "DICOM with an intercept of 1e9",
        scaled(1, 1, 1, 1, intercepts=[1e9] * 4), check=AXIAL),
    Odd(OFFSET, "DICOM of 32 bits",
        lambda here: scan(here, lambda file: dicom.series(
            file, np.stack([RAMP] * Z).astype(np.uint32) + 4_000_000_000,
            lambda z: {"RescaleSlope": 1, "RescaleIntercept": 10, "PixelSpacing": [1, 1]})),
        check=AXIAL),
]  # fmt: skip


def x_rays(layout: str, mask: str = ".png", **attributes: Any) -> Callable[[Path], str]:
    """2D DICOM files with masks, in images/ and masks/ or named in a table."""

    def make(here: Path) -> str:
        folder = here / "scans"
        (folder / "masks").mkdir(parents=True)
        rows = []
        for name in "abc":
            dicom.write(
                folder / f"images/{name}.dcm",
                dicom.slice_of(RAMP, kind=uid.DigitalXRayImageStorageForPresentation, **attributes),
            )
            if mask == ".png":
                Image.fromarray(QUARTER[0]).save(folder / f"masks/{name}.png")
            else:
                dicom.write(folder / f"masks/{name}.dcm", dicom.slice_of(QUARTER[0]))
            rows.append(f"images/{name}.dcm,masks/{name}{mask}\n")
        if layout == "table":
            (folder / "metadata.csv").write_text("image,mask\n" + "".join(rows))
        return IMPORT

    return make


def lossy_mask(here: Path) -> str:
    words = x_rays("folder", ".dcm")(here)
    pixels = QUARTER[0] * 255
    for name in "abc":
        dicom.compressed(
            here / f"scans/masks/{name}.dcm", pixels, uid.JPEGBaseline8Bit, imagecodecs.jpeg_encode
        )
    return words


def suffixless(here: Path) -> str:
    words = x_rays("folder", ".dcm")(here)
    for file in (here / "scans").rglob("*.dcm"):
        file.rename(file.with_suffix(".DICOM"))
    return words


def inverted_ramp(root: Path) -> None:
    image = pictures(root, "0")[0]
    assert image[0, 64] > 0.9 > 0.1 > image[-1, 64]


PICTURES = [
    Odd("2D DICOM", "images/ and PNG masks", x_rays("folder"), check=RISING),
    Odd("2D DICOM", "named in a table", x_rays("table"), check=has_areas(foreground=0.25)),
    Odd("2D DICOM", "masks as well", x_rays("folder", ".dcm"), check=has_areas(foreground=0.25)),
    Odd("2D DICOM", "the suffix .DICOM", suffixless, check=RISING),
    Odd("2D DICOM", "the lowest value is white", x_rays("folder", PhotometricInterpretation="MONOCHROME1"),
        check=inverted_ramp),
    Odd("2D DICOM", "a negative slope", x_rays("folder", RescaleSlope=-1, RescaleIntercept=1024),
        check=inverted_ramp),
    Odd("2D DICOM", "a mask with losses", lossy_mask, refused="a.dcm was compressed with losses"),
]  # fmt: skip


def packed(syntax: str, encode: Callable[[np.ndarray], bytes]) -> Callable[[Path], str]:
    """A series of slices that are compressed, whose third one has the label."""

    def write_series(folder: Path) -> None:
        dicom.series(folder, np.stack([RAMP] * Z))
        for z in range(Z):
            file = folder / f"{Z - z:03d}.dcm"
            dicom.compressed(file, RAMP, syntax, encode, z)

    return lambda here: scan(here, write_series)


def jpeg(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, bitspersample=16))


def jpeg_of_12_bits(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels, level=99, bitspersample=12))


COMPRESSED = [
    Odd(PACKED, name, packed(syntax, encode), check=AXIAL)
    for name, syntax, encode in (
        ("lossless JPEG, first-order prediction", uid.JPEGLosslessSV1, jpeg),
        ("lossless JPEG", uid.JPEGLossless, imagecodecs.ljpeg_encode),
        ("JPEG of 12 bits", uid.JPEGExtended12Bit, jpeg_of_12_bits),
        ("JPEG-LS", uid.JPEGLSLossless, imagecodecs.jpegls_encode),
        ("JPEG 2000", uid.JPEG2000Lossless, lambda x: imagecodecs.jpeg2k_encode(x, 0, codecformat="j2k")),
        ("high-throughput JPEG 2000", uid.HTJ2KLossless, imagecodecs.htj2k_encode),
    )
] + [
    Odd(PACKED, "a film format", packed(uid.MPEG2MPML, lambda pixels: b"film"),
        refused="is compressed as MPEG2 Main Profile / Main Level, which cannot be decoded here"),
]  # fmt: skip

LOW, HIGH = ((0, 2), (0, 8), (0, 8)), ((1, 3), (0, 8), (0, 16))  # segments that overlap in slice 1
Change = Callable[[Any], None]


def segments(
    options: str = "", folder: bool = False, change: Change = lambda data: None, **boxes: dicom.Box
) -> Callable[[Path], str]:
    """A series and a segmentation of it, as a file or alone in a folder."""

    def make(here: Path) -> str:
        dicom.series(here / "scans/images/s", np.stack([RAMP] * Z))
        file = here / "scans/labels/s" / "seg.dcm" if folder else here / "scans/labels/s.dcm"
        dicom.segmentation(file, SHAPE, boxes or {"liver": LOW}, change)
        return IMPORT + "--axes axial " + options

    return make


def moved(data: Any) -> None:
    for item in data.PerFrameFunctionalGroupsSequence:
        item.PlanePositionSequence[0].ImagePositionPatient[0] = 0.5


def moved_up(data: Any) -> None:
    for item in data.PerFrameFunctionalGroupsSequence:
        item.PlanePositionSequence[0].ImagePositionPatient[2] += 3


def truncated(data: Any) -> None:
    data.PixelData = data.PixelData[:-40]


def misplaced_segmentation(here: Path) -> str:
    words = segments()(here)
    (here / "scans/labels/s.dcm").rename(here / "scans/images/s/z.dcm")
    for file in (here / "scans/images/s").glob("0*.dcm"):
        file.unlink()
    nifti(here / "scans/labels/s.nii", box().T)
    return words


SEGMENTATIONS = [
    Odd(SEG, "a file", segments(), check=has_areas(liver=0.25)),
    Odd(SEG, "alone in a folder", segments(folder=True), check=has_areas(liver=0.25)),
    Odd(SEG, "segments that overlap", segments(liver=LOW, tumour=HIGH),
        check=has_areas(liver=0.25, tumour=0.5)),
    Odd(SEG, "frames in another order", segments(change=dicom.reverse_frames, liver=LOW, a=HIGH),
        check=has_areas(liver=0.25, a=0.5)),
    Odd(SEG, "one frame", segments(spot=((2, 3), (0, 8), (0, 8))), check=has_areas(spot=0.25)),
    Odd(SEG, "a gap between its frames",
        segments(a=((0, 1), (0, 8), (0, 8)), b=((3, 4), (0, 8), (0, 16))), check=has_areas(a=0.25, b=0.5)),
    Odd(SEG, "numbers named by the user", segments("--labels 2=tumour", liver=LOW, a=HIGH),
        tells=("value 1 belongs to no label, in 1 mask file",), check=has_areas(tumour=0.5)),
    Odd(SEG, "half a pixel off", segments(change=moved), refused=f"{APART} 0.5 voxels"),
    Odd(SEG, "beyond its image", segments(change=moved_up),
        refused="s.dcm reaches beyond its image"),
    Odd(SEG, "cut short", segments(change=truncated), refused="s.dcm cannot be read as a DICOM"),
    Odd(SEG, "as an image", misplaced_segmentation,
        refused="z.dcm is a DICOM segmentation, not an image"),
]  # fmt: skip

VOLUMES: list[Odd] = [
    *SLOPES,
    *SERIES,
    *TILTED,
    *GEOMETRY,
    *ONE_SLICE,
    *UNNAMED,
    *LARGE,
    *PICTURES,
    *COMPRESSED,
    *SEGMENTATIONS,
]
