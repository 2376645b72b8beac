"""``nnunet``: raw data of nnU-Net (Isensee et al., Nature Methods 18, 2021), version 2 or 1, or of the
Medical Segmentation Decathlon."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbench.datasets.files.finding import visible
from segbench.datasets.files.images import IMAGE_SUFFIXES
from segbench.datasets.files.labels import Labels, is_number
from segbench.datasets.importing.formats.base import FormatReader, merge_option
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.task import DataError


class NNUNetReader(FormatReader):
    """Label maps ``labelsTr/CASE.ext`` and, for each channel, images ``imagesTr/CASE_0000.ext``.

    ``dataset.json`` names channels (``channel_names``, or ``modality``), ``labels`` and ``file_ending``.
    Channels are modalities; each has its own tasks. 2D files with all channels in one file are one modality.
    A label with several values is a region; ``background`` and ``ignore`` are not labels. Images in
    ``imagesTs`` have no labels and are not read. Each case is a subject.
    """

    name = "nnunet"
    layout = "dataset.json, imagesTr/ and labelsTr/"

    @staticmethod
    def fits(folder: Path) -> bool:
        return (folder / "dataset.json").is_file() and (folder / "imagesTr").is_dir()

    def list_cases(self, folder: Path) -> list[Case]:
        file = folder / "dataset.json"
        content = _read(file)
        merge_option("modality", self.options.modality, file.name, file)
        labels = merge_option("labels", self.options.labels, _labels(content, file), file)
        suffix = str(content.get("file_ending", ".nii.gz"))
        maps, images = (_list_files(folder / name, suffix) for name in ("labelsTr", "imagesTr"))
        channels = _channels(content, file, images, suffix)
        cases = []
        for name, path in maps.items():
            subject = self.options.subject(name, path)
            for number, channel in channels.items():
                image = images.get(f"{name}_{number}")
                if image is None and len(channels) == 1:  # as in the Decathlon
                    image = images.get(name)
                if image is None:
                    raise DataError(f"{path} has no image {name}_{number}{suffix} in imagesTr; add it")
                cases.append(Case(image, (MaskFile(path, labels),), subject, modality=channel))
        strays = set(images.values()) - {case.image for case in cases}
        if strays:
            raise DataError(f"{min(strays)} has no label map in labelsTr, or is a channel that {file} lacks")
        return cases


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read ({error}); correct it") from error
    if not isinstance(content, dict):
        raise DataError(f"{file} is not a JSON object; correct it")
    return content


def _labels(content: Mapping[str, Any], file: Path) -> Labels:
    """Map names to values, as version 2 does; earlier versions map values to names."""
    entries = content.get("labels")
    if not isinstance(entries, dict):
        raise DataError(f"{file} names no labels; add them")
    if all(is_number(key) for key in entries):
        entries = {
            name: [int(value) for value, other in entries.items() if str(other) == name]
            for name in map(str, entries.values())
        }
    labels = {}
    for name, value in entries.items():
        values = tuple(value) if isinstance(value, list) else (value,)
        if not all(isinstance(number, int) for number in values):
            raise DataError(f"{file}: the label {name} is {value}; give a whole number or a list of them")
        if any(values) and name.lower() not in ("background", "ignore"):
            labels[name] = values
    if not labels:
        raise DataError(f"{file} names no label besides the background; add them")
    return labels


def _channels(
    content: Mapping[str, Any], file: Path, images: Mapping[str, Path], suffix: str
) -> dict[str, str]:
    """The modality of each number at the end of a file's name."""
    entries = content.get("channel_names", content.get("modality"))
    if not isinstance(entries, dict) or not entries or not all(is_number(key) for key in entries):
        raise DataError(f"{file} names no channels; add channel_names")
    if suffix.lower() in IMAGE_SUFFIXES and not any(name.endswith("_0001") for name in images):
        return {"0000": "+".join(map(str, entries.values()))}  # all channels in one file
    channels = {f"{int(number):04d}": str(name) for number, name in entries.items()}
    for name, count in Counter(channels.values()).items():
        if count > 1:
            raise DataError(f"{file} has {count} channels of the name {name}; give each a different name")
    return channels


def _list_files(folder: Path, suffix: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; an nnU-Net data set has it")
    files = [path for path in visible(folder) if path.name.endswith(suffix)]
    if not files:
        raise DataError(f"{folder} has no file that ends in {suffix}; correct file_ending in dataset.json")
    return {path.name.removesuffix(suffix): path for path in files}
