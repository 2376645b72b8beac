"""DICOM: values, types and order of slices; pictures; what segmentations need."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import uid

from segbench.datasets.files.dicom import read_dicom_picture
from segbench.datasets.files.images import read_mask
from segbench.datasets.files.segmentations import Segments, segmentation_file
from segbench.datasets.files.volumes import read_label_map, read_volume
from segbench.datasets.task import DataError

sys.path.append(str(Path(__file__).resolve().parents[1] / "odd_files"))
import dicom_files as dicom

VALUES = np.arange(4 * 16 * 12, dtype=np.uint16).reshape(4, 16, 12)  # (Z, H, W)


def scaled(folder: Path, slopes: list[float], intercepts: list[float], values: np.ndarray = VALUES) -> Path:
    def attributes(z: int) -> dict[str, Any]:
        return {"RescaleSlope": slopes[z], "RescaleIntercept": intercepts[z]}

    return dicom.series(folder, values, attributes)


@pytest.mark.parametrize(
    ("slopes", "intercepts", "dtype"),
    [
        ([1, 1, 1, 1], [0, 0, 0, 0], np.uint16),
        ([1, 1, 1, 1], [-1024] * 4, np.float32),
        ([1, 0.001, 100, 1], [0, 0, 0, -2000], np.float32),
        ([1, 1, 1, 1], [0, 0, 1e9, 0], np.float64),
        ([0.001, 0.001, 0.001, 1e-5], [0, 1000, 0, 0], np.float64),
    ],
)
def test_each_slice_has_its_own_scale(
    slopes: list[float], intercepts: list[float], dtype: type, tmp_path: Path
) -> None:
    values = read_volume(scaled(tmp_path, slopes, intercepts)).values
    columns = np.array(slopes)[:, None, None], np.array(intercepts)[:, None, None]
    expected = VALUES * columns[0] + columns[1]
    assert values.dtype == dtype
    np.testing.assert_allclose(
        values.T, expected, rtol=np.finfo(np.float32).eps if dtype == np.float32 else 0
    )
    for z in range(4):  # no two stored values become one
        assert len(np.unique(values[..., z])) == VALUES[z].size


def test_integers_of_32_bits_are_exact(tmp_path: Path) -> None:
    large = VALUES.astype(np.uint32) + 4_000_000_000
    np.testing.assert_array_equal(read_volume(dicom.series(tmp_path / "a", large)).values.T, large)
    scale = scaled(tmp_path / "b", [1] * 4, [1] * 4, large)
    np.testing.assert_array_equal(read_volume(scale).values.T, large + 1.0)


def test_a_series_in_which_types_differ(tmp_path: Path) -> None:
    """Unsigned and signed slices, as in a series that several programs wrote."""
    folder = dicom.series(tmp_path, VALUES)
    signed = VALUES[2].astype(np.int16) - 500
    dicom.write(folder / "002.dcm", dicom.slice_of(signed, 2))
    values = read_volume(folder).values
    assert values.dtype == np.int32
    np.testing.assert_array_equal(values[..., 2].T, signed)
    np.testing.assert_array_equal(values[..., 1].T, VALUES[1])


def test_series_without_positions_or_file_headers(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    for z, pixels in enumerate(VALUES):
        data = dicom.slice_of(pixels, z, SliceThickness=3)
        del data.ImagePositionPatient
        data.save_as(folder / f"{9 - z}.dcm", implicit_vr=False, little_endian=True)  # without a preamble
    series = read_volume(folder)
    np.testing.assert_array_equal(series.values.T, VALUES)
    np.testing.assert_array_equal(series.affine, np.diag([-1, -1, 3, 1]))
    dicom.write(folder / "9.dcm", dicom.slice_of(VALUES[0], 0))
    with pytest.raises(DataError, match=r"[678]\.dcm has no position in its DICOM series"):
        read_volume(folder)


def test_frames_of_a_file_lie_where_it_says(tmp_path: Path) -> None:
    file = dicom.multi_frame(tmp_path / "a.dcm", VALUES, (3, 1, 0, 2), (1, 2, 1, 0.5))
    series = read_volume(file)
    np.testing.assert_array_equal(
        series.values.T, VALUES[[2, 1, 3, 0]] * np.reshape([1, 2, 0.5, 1], (4, 1, 1))
    )
    np.testing.assert_array_equal(series.affine, LPS)


LPS = np.diag([-1, -1, 1, 1])


@pytest.mark.parametrize("signed", [False, True])
def test_compressed_values_are_exact(signed: bool, tmp_path: Path) -> None:
    """Also signed ones of 12 bits, of which decoders return the bits that are stored."""
    pixels = VALUES[0].astype(np.int16) - 100 if signed else VALUES[0]
    bits = (pixels & 0xFFF).astype(np.uint16)
    syntaxes = {
        uid.JPEGLSLossless: imagecodecs.jpegls_encode(bits),
        uid.JPEGLosslessSV1: imagecodecs.ljpeg_encode(bits, bitspersample=12),
    }
    for syntax, content in syntaxes.items():
        file = dicom.compressed(
            tmp_path / "a.dcm", pixels, syntax, lambda _, content=content: content, BitsStored=12, HighBit=11
        )
        np.testing.assert_array_equal(read_dicom_picture(file), pixels)
        assert read_dicom_picture(file).dtype == pixels.dtype


def test_pictures(tmp_path: Path) -> None:
    def read(pixels: np.ndarray, **attributes: Any) -> np.ndarray:
        return read_dicom_picture(dicom.write(tmp_path / "a.dcm", dicom.slice_of(pixels, **attributes)))

    np.testing.assert_array_equal(read(VALUES[0]), VALUES[0])
    np.testing.assert_array_equal(read(VALUES[0], RescaleSlope=2, RescaleIntercept=1), 2.0 * VALUES[0] + 1)
    white = {"PhotometricInterpretation": "MONOCHROME1"}
    np.testing.assert_array_equal(read(VALUES[0], BitsStored=12, HighBit=11, **white), 4095 - VALUES[0])
    signed = VALUES[0].astype(np.int16) - 50
    np.testing.assert_array_equal(read(signed, **white), -1 - signed)
    colours = np.stack([VALUES[0].astype(np.uint8)] * 3, -1)
    rgb = {"Rows": 16, "Columns": 12, "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    data = dicom.slice_of(
        colours[..., 0], PhotometricInterpretation="RGB", **rgb, PixelData=colours.tobytes()
    )
    np.testing.assert_array_equal(read_dicom_picture(dicom.write(tmp_path / "rgb.dcm", data)), colours)


@pytest.mark.parametrize("name", ["cut.dcm", "text.dcm", "absent.dcm"])
def test_a_damaged_picture_is_named(name: str, tmp_path: Path) -> None:
    dicom.write(tmp_path / "cut.dcm", dicom.slice_of(VALUES[0]))
    (tmp_path / "cut.dcm").write_bytes((tmp_path / "cut.dcm").read_bytes()[:-40])
    (tmp_path / "text.dcm").write_text("no DICOM")
    for read in (read_dicom_picture, read_mask):
        with pytest.raises(DataError, match=rf"{name} "):
            read(tmp_path / name)


def test_a_file_that_claims_more_than_it_has(tmp_path: Path) -> None:
    data = dicom.slice_of(VALUES[0], Rows=60000, Columns=60000)
    file = dicom.write(tmp_path / "s" / "a.dcm", data)
    for read, path in ((read_volume, file.parent), (read_dicom_picture, file)):
        with pytest.raises(DataError, match=r"a\.dcm claims 60000 x 60000 x 1 voxels"):
            read(path)


def test_segmentations_need_highdicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = dicom.segmentation(tmp_path / "a.dcm", (4, 16, 16), {"liver": ((1, 2), (0, 8), (0, 8))})
    assert segmentation_file(tmp_path) == segmentation_file(file) == file
    original = builtins.__import__

    def refuse(name: str, *others: Any) -> Any:
        if name.startswith("highdicom"):
            raise ImportError(name)
        return original(name, *others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DataError, match=rf"{file} is a DICOM segmentation.*pip install 'segbench\[dicom\]'"):
        Segments(file)


def test_segments_lie_in_an_image_that_is_stored_otherwise(tmp_path: Path) -> None:
    """A NIfTI copy of the series, to the right, front and feet."""
    import nibabel

    file = dicom.segmentation(tmp_path / "a.dcm", (4, 16, 16), {"liver": ((1, 3), (2, 8), (4, 8))})
    affine = np.diag([1.0, 1, -1, 1])
    affine[:3, 3] = -15, -15, 3
    nibabel.save(nibabel.Nifti1Image(np.zeros((16, 16, 4), np.uint8), affine), tmp_path / "image.nii")
    segments = Segments(file)
    region = segments.region((), read_volume(tmp_path / "image.nii")).values
    assert segments.labels() == {"liver": (1,)}
    expected = np.zeros((4, 16, 16), bool)
    expected[1:3, 2:8, 4:8] = True
    np.testing.assert_array_equal(np.flip(region, (0, 1, 2)).T, expected)


def test_a_series_of_labels_lies_in_its_image(tmp_path: Path) -> None:
    image = read_volume(dicom.series(tmp_path / "image", VALUES))
    labels = read_label_map(dicom.series(tmp_path / "labels", VALUES % 3), image)
    assert labels.values.dtype == np.uint16
    np.testing.assert_array_equal(labels.values.T, VALUES % 3)


def test_bits_that_are_not_in_use_are_ignored(tmp_path: Path) -> None:
    """Old scanners stored overlays in them."""
    overlay = VALUES | np.uint16(0xF000)
    folder = dicom.series(tmp_path, overlay, lambda z: {"BitsStored": 12, "HighBit": 11})
    np.testing.assert_array_equal(read_volume(folder).values.T, VALUES)
