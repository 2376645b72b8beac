"""Registered brain volumes with label maps, of which one coronal slice is segmented (InterConv, 6.1)."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from segbench.datasets.scans import ALL, FREESURFER, STRUCTURES, ScanData
from segbench.datasets.splits import split_scans_by_subject
from segbench.datasets.task import DataError, Task

SHAPE = (160, 192, 224)  # left to right, top to bottom, back to front
SLICE = 109


class RegisteredScans:
    """All scans of one modality in a folder of longitudinal data, laid out as BIDS lays out derivatives.

    In ``FOLDER/sub-ID/ses-ID/anat`` lie the scan ``sub-ID_ses-ID_ENDING`` and the session's label map
    ``sub-ID_ses-ID_space-talairach_dseg.nii.gz`` with FreeSurfer's numbers, made on the T1-weighted scan.
    Both are 160 x 192 x 224 in one space. Slice 109 of the last axis is kept as it is stored, 160 x 192;
    intensities are rescaled to [0, 1] by its own minimum and maximum, and labels other than the twenty are
    background.

    Sessions without the modality or a label map are left out, and so are scans whose slice lacks one of the
    structures; a warning says how many. The set of a subject is all its scans.
    """

    data_type = ScanData
    name: ClassVar[str]
    cohort: ClassVar[str]
    modality: ClassVar[str]
    folder: ClassVar[str]
    ending: ClassVar[str]  # what follows sub-ID_ses-ID_
    subjects: ClassVar[Mapping[str, int]]  # of each split, as in the paper

    def installed(self, root: Path | None) -> bool:
        return root is not None and next((root / self.folder).glob(self._pattern()), None) is not None

    def tasks(self, root: Path | None) -> list[Task]:
        """The one task, about all structures."""
        if not self.installed(root):
            where = "installed" if root is None else f"under {root}"
            raise DataError(
                f"{self.name} is not {where}; put its volumes at {self.folder}/{self._pattern()} in the "
                "folder that --data-root names (see docs/interconv.md)"
            )
        return [Task(self.name, self.cohort, self.modality, "coronal", ALL)]

    def load(self, task: Task, root: Path | None) -> ScanData:
        """Images (N, 1, 160, 192) and label maps of all scans, subjects and sessions in order of their names.

        Raises
        ------
        DataError
            If the volumes are absent, cannot be read, have another shape, or an image and its label map lie
            in different spaces; or if no scan is left.
        """
        if root is None or [task] != self.tasks(root):
            raise DataError(f"{task} is no task of {self.name}; `list tasks` names it")
        images, labels, subjects = [], [], []
        left_out: Counter[str] = Counter()
        for session in sorted((root / self.folder).glob("sub-*/ses-*")):
            stem = f"{session.parent.name}_{session.name}_"
            scan = session / "anat" / f"{stem}{self.ending}"
            truth = session / "anat" / f"{stem}space-talairach_dseg.nii.gz"
            if not scan.exists():
                left_out[f"sessions without {self.modality}"] += 1
            elif not truth.exists():
                left_out["scans without a label map"] += 1
            else:
                image, label = _read(scan, truth)
                if len(np.unique(label[label > 0])) < len(STRUCTURES):
                    left_out["scans that lack a structure"] += 1
                    continue
                images.append(image)
                labels.append(label)
                subjects.append(session.parent.name.removeprefix("sub-"))
        told = ", ".join(f"{what}: {count}" for what, count in left_out.items())
        if not images:
            raise DataError(f"{self.name}: no scan in {root / self.folder} can be used ({told})")
        if left_out:
            warnings.warn(f"{self.name}: {len(images)} scans; left out: {told}", stacklevel=2)
        names = np.array(subjects)
        split = split_scans_by_subject(names, self.name, self.subjects)
        return ScanData(task, np.stack(images)[:, None], np.stack(labels)[:, None], names, split, STRUCTURES)

    def _pattern(self) -> str:
        return f"sub-*/ses-*/anat/sub-*_ses-*_{self.ending}"


def _read(scan: Path, truth: Path) -> tuple[np.ndarray, np.ndarray]:
    """Slice of an image, float32 in [0, 1], and of its label map, uint8 with the paper's numbers."""
    plane, space = _slice(scan)
    numbers, other = _slice(truth)
    if not np.allclose(space, other, atol=1e-3):
        raise DataError(f"{scan} and {truth.name} lie in different spaces; register them to each other")
    low, high = plane.min(), plane.max()
    labels = np.zeros(numbers.shape, np.uint8)
    for k, number in enumerate(FREESURFER, start=1):
        labels[numbers == number] = k
    return ((plane - low) / ((high - low) or 1)).astype(np.float32), labels


def _slice(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The coronal slice of a volume, float64, and the volume's affine map."""
    import nibabel

    try:
        volume: Any = nibabel.load(path)
        shape = volume.shape
        plane = np.asarray(volume.dataobj[:, :, SLICE], float) if shape == SHAPE else None
    except Exception as error:  # damage shows as errors of gzip, zlib and nibabel alike
        raise DataError(f"{path} cannot be read ({error}); fetch it again or remove it") from error
    if plane is None:
        size, wanted = (" x ".join(map(str, s)) for s in (shape, SHAPE))
        raise DataError(f"{path} is {size}, not {wanted}; register it to Talairach space at 1 mm")
    if not np.isfinite(plane).all():
        raise DataError(f"{path} holds NaN or infinite values; replace them or remove the scan")
    return plane, volume.affine
