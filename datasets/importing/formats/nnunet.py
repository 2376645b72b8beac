"""``nnunet``: raw data of nnU-Net (Isensee et al., Nature Methods 18, 2021), version 2 or 1, or of the
Medical Segmentation Decathlon."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbench.datasets.examples import Facts
from segbench.datasets.files.finding import MAX_NAMED, list_files, visible
from segbench.datasets.files.images import IMAGE_SUFFIXES
from segbench.datasets.files.labels import Labels, is_number
from segbench.datasets.files.tables import read_text
from segbench.datasets.importing.formats.base import FormatReader, merge_option
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.importing.formats.subjects import Subjects
from segbench.datasets.task import DataError
from segbench.text import join_names


class NNUNetReader(FormatReader):
    """Label maps ``labelsTr/CASE.ext`` and, for each channel, images ``imagesTr/CASE_0000.ext``.

    ``dataset.json`` names channels (``channel_names``, or ``modality``, also with names and numbers swapped),
    ``labels`` and ``file_ending``.
    Channels are modalities; each has its own tasks. 2D files with all channels in one file are one modality.
    A label with several values is a region; ``background`` and ``ignore`` are not labels. Images in
    ``imagesTs`` have no labels and are not read. Each case is a subject, unless ``subjects.csv`` states them.
    """

    name = "nnunet"
    layout = "dataset.json, imagesTr/ and labelsTr/"

    def fits(self, folder: Path) -> bool:
        return (folder / "dataset.json").is_file() and (folder / "imagesTr").is_dir()

    def list_cases(self, folder: Path) -> list[Case]:
        file = folder / "dataset.json"
        content = _read(file)
        merge_option("modality", self.options.modality, file.name, file)
        values = _values(content, file)
        labels = merge_option("labels", self.options.labels, _labels(values, file), file)
        declared = tuple(value for each in values.values() for value in each)
        suffix = "." + str(content.get("file_ending", ".nii.gz")).lstrip(".")
        maps, images = (_list_files(folder / name, suffix) for name in ("labelsTr", "imagesTr"))
        channels = _channels(content, file, images, suffix)
        subjects = Subjects(folder, self.options.subject_pattern, each="case")
        cases, absent = [], []
        for name, path in maps.items():
            for number, channel in channels.items():
                image = images.get(f"{name}_{number}")
                if image is None and len(channels) == 1:  # as in the Decathlon
                    image = images.get(name)
                if image is None:
                    absent.append(f"{name}_{number}{suffix}")
                    continue
                subject = subjects.of(image, name)
                cases.append(Case(image, (MaskFile(path, labels, declared),), subject, modality=channel))
        if absent:
            names = join_names(absent, MAX_NAMED)
            raise DataError(
                f"{folder / 'imagesTr'} has no image {names}, and labelsTr has its label map; add it"
            )
        self.facts = Facts(subjects.origin)
        strays = sorted({*images.values()} - {case.image for case in cases})
        if strays:
            verb = "has" if len(strays) == 1 else "have"
            raise DataError(
                f"{list_files(strays)} {verb} no label map in labelsTr, or {file} lacks the channel"
            )
        return cases


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(file))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read ({error}); correct it") from error
    if not isinstance(content, dict):
        raise DataError(f"{file} is not a JSON object; correct it")
    return content


def _values(content: Mapping[str, Any], file: Path) -> dict[str, tuple[int, ...]]:
    """Map names to values, as version 2 does; earlier versions map values to names."""
    entries = content.get("labels")
    if not isinstance(entries, dict):
        raise DataError(f"{file} names no labels; add them")
    if all(is_number(key) for key in entries):
        entries = {
            name: [int(value) for value, other in entries.items() if str(other) == name]
            for name in map(str, entries.values())
        }
    named = {}
    for name, value in entries.items():
        named[name] = tuple(value) if isinstance(value, list) else (value,)
        if not all(isinstance(number, int) for number in named[name]):
            raise DataError(f"{file}: the label {name} is {value}; give a whole number or a list of them")
    return named


def _labels(named: Mapping[str, tuple[int, ...]], file: Path) -> Labels:
    """The labels without ``background`` and ``ignore``, whose values a label map may contain too."""
    labels = {
        name: values
        for name, values in named.items()
        if any(values) and name.lower() not in ("background", "ignore")
    }
    if not labels:
        raise DataError(f"{file} names no label besides the background; add them")
    return labels


def _channels(
    content: Mapping[str, Any], file: Path, images: Mapping[str, Path], suffix: str
) -> dict[str, str]:
    """The modality of each number at the end of a file's name."""
    entries = content.get("channel_names", content.get("modality"))
    if not isinstance(entries, dict) or not entries:
        raise DataError(f"{file} names no channels; add channel_names")
    names = {str(number): str(name) for number, name in entries.items()}
    if not any(map(is_number, names)):
        names = {number: name for name, number in names.items()}
    if not all(map(is_number, names)) or len(names) < len(entries):
        raise DataError(
            f'{file}: channel_names must give each number a name, such as {{"0": "CT"}}; correct it'
        )
    if suffix.lower() in IMAGE_SUFFIXES and not any(name.endswith("_0001") for name in images):
        return {"0000": "+".join(names.values())}  # all channels in one file
    channels = {f"{int(number):04d}": name for number, name in names.items()}
    for name, count in Counter(channels.values()).items():
        if count > 1:
            raise DataError(f"{file} has {count} channels of the name {name}; give each a different name")
    return channels


def _list_files(folder: Path, suffix: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; an nnU-Net data set has it")
    content = visible(folder)
    files = [path for path in content if path.name.lower().endswith(suffix.lower())]
    if not files:
        found = f" but has {content[0].name}" if content else ""
        raise DataError(
            f"{folder} has no file that ends in {suffix}{found}; correct file_ending in dataset.json"
        )
    return {unicodedata.normalize("NFC", path.name[: -len(suffix)]): path for path in files}
