"""``nnunet``: the raw data of nnU-Net (Isensee et al., Nature Methods 18, 2021), of version 2, 1, or the
Medical Segmentation Decathlon."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbench.datasets.files.images import IMAGE_SUFFIXES
from segbench.datasets.folder import is_number
from segbench.datasets.importing.formats.base import Case, FormatReader, Labels, MaskFile, only_one, visible
from segbench.datasets.task import DataError


class NNUNet(FormatReader):
    """Label maps ``labelsTr/CASE.ext`` and, for each channel, images ``imagesTr/CASE_0000.ext``.

    ``dataset.json`` names channels (``channel_names``, or ``modality``), ``labels`` and ``file_ending``.
    Channels are modalities, so each makes tasks of its own; 2D files with all channels in one are one
    modality. A label of several values is a region; ``background`` and ``ignore`` are no labels. Images in
    ``imagesTs`` have none and are not read. Each case is its own subject.
    """

    name = "nnunet"
    layout = "dataset.json, imagesTr/ and labelsTr/"

    @staticmethod
    def fits(folder: Path) -> bool:
        return (folder / "dataset.json").is_file() and (folder / "imagesTr").is_dir()

    def listed(self, folder: Path) -> list[Case]:
        file = folder / "dataset.json"
        said = _read(file)
        only_one("modality", self.given.modality, file.name, file)
        labels = only_one("labels", self.given.labels, _labels(said, file), file)
        ending = str(said.get("file_ending", ".nii.gz"))
        maps, images = (_files(folder / name, ending) for name in ("labelsTr", "imagesTr"))
        channels = _channels(said, file, images, ending)
        found = []
        for name, path in maps.items():
            subject = self.given.subject_of(name, path)
            for number, channel in channels.items():
                image = _image(images, f"{name}_{number}", name, alone=len(channels) == 1)
                if image is None:
                    raise DataError(f"{path} has no image {name}_{number}{ending} in imagesTr; add it")
                found.append(Case(image, (MaskFile(path, labels),), subject, modality=channel))
        strays = set(images.values()) - {case.image for case in found}
        if strays:
            raise DataError(f"{min(strays)} has no label map in labelsTr, or is a channel that {file} lacks")
        return found


def _read(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read ({error}); correct it") from error
    if not isinstance(said, dict):
        raise DataError(f"{file} is no JSON object; correct it")
    return said


def _labels(said: Mapping[str, Any], file: Path) -> Labels:
    """Names to values, as version 2 has it, or values to names, as those before."""
    entries = said.get("labels")
    if not isinstance(entries, dict):
        raise DataError(f"{file} names no labels; add them")
    if all(is_number(key) for key in entries):
        entries = {
            name: [int(value) for value, other in entries.items() if str(other) == name]
            for name in map(str, entries.values())
        }
    found = {}
    for name, value in entries.items():
        values = tuple(value) if isinstance(value, list) else (value,)
        if not all(isinstance(number, int) for number in values):
            raise DataError(f"{file}: the label {name} is {value}; give a whole number or a list of them")
        if any(values) and name.lower() not in ("background", "ignore"):
            found[name] = values
    if not found:
        raise DataError(f"{file} names no label besides the background; add them")
    return found


def _channels(said: Mapping[str, Any], file: Path, images: Mapping[str, Path], ending: str) -> dict[str, str]:
    """The modality behind each number at the end of a file's name."""
    entries = said.get("channel_names", said.get("modality"))
    if not isinstance(entries, dict) or not entries or not all(is_number(key) for key in entries):
        raise DataError(f"{file} names no channels; add channel_names")
    in_one = ending.lower() in IMAGE_SUFFIXES and not any(name.endswith("_0001") for name in images)
    if in_one:
        return {"0000": "+".join(map(str, entries.values()))}
    found = {f"{int(number):04d}": str(name) for number, name in entries.items()}
    for name, count in Counter(found.values()).items():
        if count > 1:
            raise DataError(f"{file} has {count} channels of the name {name}; give each a name of its own")
    return found


def _files(folder: Path, ending: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; an nnU-Net data set has it")
    found = [path for path in visible(folder) if path.name.endswith(ending)]
    if not found:
        raise DataError(f"{folder} holds no file that ends in {ending}; correct file_ending in dataset.json")
    return {path.name.removesuffix(ending): path for path in found}


def _image(images: Mapping[str, Path], numbered: str, name: str, alone: bool) -> Path | None:
    """The image of a channel; that of a single one may lack its number, as in the Decathlon."""
    return images.get(numbered) or (images.get(name) if alone else None)
