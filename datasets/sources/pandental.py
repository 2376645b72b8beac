"""PanDental, panoramic X-rays of the jaws (Abdi et al., Journal of Medical Imaging 2(4), 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segbench.datasets.download import Archive
from segbench.datasets.examples import Example, Facts, FileCase, wrong_layout
from segbench.datasets.files.finding import find_files, match_files
from segbench.datasets.files.images import open_image, read_drawing
from segbench.datasets.importing import PublicDataset, SecondReader

# Folder of each label, by cohort.
COHORTS = {
    "v1": {"teeth": "Original_Masks"},
    "v2": {"mandible": "Segmentation1", "mandible-2": "Segmentation2"},
}
# Images that MegaMedical, the collection of both papers, leaves out of cohort v2 for an unstated reason.
LEFT_OUT = frozenset(map(str, (19, 39, 64, 65, 68, 70, 76, 78, 79, 98, 106, 107, 109, 111, 112, 113, 116)))


class PanDental(PublicDataset):
    """116 X-rays with the teeth, and with the mandible as drawn by two experts.

    Cohort ``v2`` is the release (Mendeley Data, hxt48yk462, version 2): ``Images/N.png`` and, black outside
    the mandible, ``Segmentation1/N.png`` and ``Segmentation2/N.png``. The label of the papers is the first,
    ``mandible``; the second expert's, ``mandible-2``, is the task of `second_reader`. Without the images in
    `LEFT_OUT`, 99 remain.

    Cohort ``v1`` has teeth drawn later on all 116 images (Helli and Hamamci, Duzce University Journal of
    Science and Technology 10(1), 2022). Their ``Original_Masks.zip`` is not part of the release; unpack it
    into a folder ``Original_Masks`` next to a folder ``Images`` with the released images. Without it this
    cohort is absent. Together they are the papers' 215 scans. Teeth are white, with some gray pixels. The
    jaw of image 5 has no teeth: its mask is empty. Equal numbers are the same person.
    """

    name = "pandental"
    facts = Facts("the numbers of the images")
    second_reader = ("mandible-2",)
    # Link and checksum recorded by torch-em, a public library.
    archives = (
        Archive(
            "https://data.mendeley.com/public-files/datasets/hxt48yk462/files/"
            "c2df1e1e-9939-4197-9bac-1eb697a64094/file_downloaded",
            2_000_000_000,
            "4ab6f670428df8052ae04aef82011050cd5ad4805f4d28d32fea523880752cf3",
        ),
    )

    def cases(self, folder: Path) -> list[tuple[str, FileCase]]:
        """The cohort and the files of each image."""
        cases = [(cohort, case) for cohort in COHORTS for case in _cases(cohort, folder)]
        if not cases:
            raise wrong_layout(folder, "PanDental", "Segmentation1/1.png")
        return cases

    def examples(self, case: tuple[str, FileCase]) -> Iterator[Example]:
        cohort, (number, files) = case
        image = open_image(files["image"])
        masks = {label: read_drawing(files[label], image) for label in COHORTS[cohort]}
        yield Example(files["image"], number, image.pixels, masks, cohort=cohort, modality="X-Ray")


def second_reader() -> SecondReader:
    """Create ``pandental@second-reader``: the mandible as the second expert drew it."""
    return SecondReader(PanDental())


def _cases(cohort: str, folder: Path) -> Iterator[FileCase]:
    masks = find_files(folder, f"{next(iter(COHORTS[cohort].values()))}/*.png")
    names = {"image": "Images"} | COHORTS[cohort]
    for parent in sorted({file.parents[1] for file in masks}):
        kinds = {kind: find_files(parent, f"{name}/*.png") for kind, name in names.items()}
        cases = match_files(lambda file: file.stem, kinds)
        yield from (case for case in cases if cohort == "v1" or case[0] not in LEFT_OUT)
