"""OASIS-3 and ADNI: registered brain volumes; one coronal slice of each is used (InterConv, section 6.1)."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from segbench.datasets.files.volumes import Volume, require_place
from segbench.datasets.scans import ALL, FREESURFER, STRUCTURES, ScanData
from segbench.datasets.splits import split_by_subject
from segbench.datasets.task import DataError, Task

SHAPE = (160, 192, 224)  # left to right, top to bottom, back to front
SLICE = 109


class RegisteredScans:
    """All scans of one modality in a folder of longitudinal data with the layout of BIDS derivatives.

    ``FOLDER/sub-ID/ses-ID/anat`` holds the scan ``sub-ID_ses-ID_ENDING`` and the label map of the session,
    ``sub-ID_ses-ID_space-talairach_dseg.nii.gz``, with FreeSurfer's numbers from the T1-weighted scan. Both
    are 160 x 192 x 224 in one space. Slice 109 of the last axis is used as stored, 160 x 192. Its intensities
    are rescaled to [0, 1] by its minimum and maximum; labels other than the twenty structures are background.

    Sessions without the modality or a label map are left out, like scans whose slice lacks a structure; a
    warning gives their numbers. The set of a subject is all its scans.
    """

    data_type = ScanData
    name: ClassVar[str]
    cohort: ClassVar[str]
    modality: ClassVar[str]
    folder: ClassVar[str]
    ending: ClassVar[str]  # of file names, after sub-ID_ses-ID_
    split_counts: ClassVar[Mapping[str, int]]  # subjects of each split in the paper

    def installed(self, root: Path | None) -> bool:
        return root is not None and next((root / self.folder).glob(self._pattern()), None) is not None

    def tasks(self, root: Path | None) -> list[Task]:
        """The only task, with all structures."""
        if not self.installed(root):
            where = "installed" if root is None else f"under {root}"
            raise DataError(
                f"{self.name} is not {where}; put its volumes at {self.folder}/{self._pattern()} in the "
                "folder given as --data-root"
            )
        return [Task(self.name, self.cohort, self.modality, "coronal", ALL)]

    def load(self, task: Task, root: Path | None) -> ScanData:
        """Load images (N, 1, 160, 192) and label maps of all scans, sorted by subject and session.

        Raises
        ------
        DataError
            If volumes are missing, damaged or of another shape, an image and its label map lie in different
            spaces, or no scan remains.
        """
        if root is None or [task] != self.tasks(root):
            raise DataError(f"{task} is no task of {self.name}; `list tasks` prints all tasks")
        images, labels, subjects = [], [], []
        left_out: Counter[str] = Counter()
        for session in sorted((root / self.folder).glob("sub-*/ses-*")):
            stem = f"{session.parent.name}_{session.name}_"
            scan = session / "anat" / f"{stem}{self.ending}"
            label_map = session / "anat" / f"{stem}space-talairach_dseg.nii.gz"
            if not scan.exists():
                left_out[f"sessions without {self.modality}"] += 1
            elif not label_map.exists():
                left_out["scans without a label map"] += 1
            else:
                image, label = _read(scan, label_map)
                if len(np.unique(label[label > 0])) < len(STRUCTURES):
                    left_out["scans that lack a structure"] += 1
                    continue
                images.append(image)
                labels.append(label)
                subjects.append(session.parent.name.removeprefix("sub-"))
        reasons = ", ".join(f"{reason}: {count}" for reason, count in left_out.items())
        if not images:
            raise DataError(f"{self.name}: no scan in {root / self.folder} can be used ({reasons})")
        if left_out:
            warnings.warn(f"{self.name}: {len(images)} scans; left out: {reasons}", stacklevel=2)
        names = np.array(subjects)
        split = split_by_subject(names, self.name, self.split_counts)
        return ScanData(task, np.stack(images)[:, None], np.stack(labels)[:, None], names, split, STRUCTURES)

    def _pattern(self) -> str:
        return f"sub-*/ses-*/anat/sub-*_ses-*_{self.ending}"


class OASIS3T2Star(RegisteredScans):
    """OASIS-3, clinical T2*-weighted scans (LaMontagne et al., medRxiv, 2019)."""

    name = "oasis3-t2star"
    cohort = "OASIS-3"
    modality = "T2star"
    folder = "oasis3"
    ending = "space-talairach_T2star.nii.gz"
    split_counts: ClassVar = {"train": 777, "stopping-val": 50, "val": 47, "test": 102}


class OASIS3T2TSE(OASIS3T2Star):
    """OASIS-3, clinical T2-weighted turbo spin echo scans."""

    name = "oasis3-t2tse"
    modality = "T2-TSE"
    ending = "acq-TSE_space-talairach_T2w.nii.gz"
    split_counts: ClassVar = {"train": 780, "stopping-val": 49, "val": 48, "test": 99}


class ADNIFLAIR(RegisteredScans):
    """ADNI, clinical T2-FLAIR scans (Jack et al., JMRI 27, 2008)."""

    name = "adni-flair"
    cohort = "ADNI"
    modality = "FLAIR"
    folder = "adni"
    ending = "space-talairach_FLAIR.nii.gz"
    split_counts: ClassVar = {"train": 636, "stopping-val": 106, "val": 106, "test": 213}


def _read(scan: Path, label_map: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the slice of an image, float32 in [0, 1], and of its label map, uint8 with the paper's numbers."""
    image, label = _read_slice(scan), _read_slice(label_map)
    require_place(label, image)
    plane, numbers = image.values[..., 0], label.values[..., 0]
    low, high = plane.min(), plane.max()
    labels = np.zeros(numbers.shape, np.uint8)
    for k, number in enumerate(FREESURFER, start=1):
        labels[numbers == number] = k
    return ((plane - low) / ((high - low) or 1)).astype(np.float32), labels


def _read_slice(path: Path) -> Volume:
    """Read the coronal slice of a volume as a volume of one slice, float64."""
    import nibabel

    try:
        volume: Any = nibabel.load(path)
        shape = volume.shape
        plane = np.asarray(volume.dataobj[:, :, SLICE], float) if shape == SHAPE else None
    except Exception as error:  # gzip, zlib and nibabel raise many types for damaged files
        raise DataError(f"{path} cannot be read ({error}); fetch it again or remove it") from error
    if plane is None:
        size, expected = (" x ".join(map(str, s)) for s in (shape, SHAPE))
        raise DataError(f"{path} is {size}, not {expected}; register it to Talairach space at 1 mm")
    if not np.isfinite(plane).all():
        raise DataError(f"{path} holds NaN or infinite values; replace them or remove the scan")
    affine = volume.affine.copy()
    affine[:3, 3] += SLICE * affine[:3, 2]
    return Volume(plane[..., None], affine, path)
