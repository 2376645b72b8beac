"""Odd files of subjects, splits, tables and names; see `odd.Odd`."""

from __future__ import annotations

import json
import unicodedata
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk
from odd import Odd, has_areas, has_splits
from PIL import Image

from segbench.datasets.importing.store import read_manifest

SIDE = 16
IMPORT = "data import own own --data-root root"
MASK = np.zeros((SIDE, SIDE), np.uint8)
MASK[2:10, 3:14] = 255
SHARE = float(MASK.mean() / 255)
NFC, NFD = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))

Make = Callable[[Path], str]


def files(*names: str, options: str = "", command: str = IMPORT, **texts: str | bytes) -> Make:
    """Write pictures, masks and volumes below ``own``: a mask where the path says mask, label, seg or gt.

    `texts` are other files, with ``__`` for a dot and ``_in_`` before the name of their folder.
    """

    def make(here: Path) -> str:
        own = here / "own"
        for name in names:
            _write(own / name)
        for name, content in texts.items():
            file, _, folder = name.replace("__", ".").partition("_in_")
            path = own / folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return f"{command} {options}"

    return make


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    words = path.as_posix().lower().partition("/own/")[2]
    is_mask = any(word in words for word in ("mask", "label", "seg", "gt", "annotation", "ground"))
    noise = np.random.default_rng(zlib.crc32(words.encode())).integers(0, 255, (SIDE, SIDE), np.uint8)
    picture = MASK if is_mask else noise
    lower = path.name.lower()
    if lower.endswith((".nii", ".nii.gz", ".nrrd")):
        volume = np.stack([picture[:, ::2]] * 4, axis=2)
        if lower.endswith(".nrrd"):
            sitk.WriteImage(sitk.GetImageFromArray(volume), str(path))
        else:
            nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path)
    else:
        Image.fromarray(picture).save(path, "PNG")


def numbered(count: int, *folders: str, suffix: str = ".png") -> list[str]:
    """Files of the same names in several folders."""
    return [f"{folder}/{i}{suffix}" for folder in folders for i in range(count)]


def rows(header: str, lines: Iterable[str]) -> str:
    return "\n".join([header, *lines]) + "\n"


def table(header: str, line: str, count: int = 4, options: str = "", file: str = "metadata__csv") -> Make:
    """A table of pictures; ``I`` and ``M`` in a line stand for image and mask, ``#`` for the number."""
    paths = [(f"img/{i}.png", f"seg/{i}.png") for i in range(count)]
    lines = [
        line.replace("I", image).replace("M", mask).replace("#", str(i))
        for i, (image, mask) in enumerate(paths)
    ]
    return files(*(path for pair in paths for path in pair), options=options, **{file: rows(header, lines)})


def has_subjects(*names: str) -> Callable[[Path], None]:
    def check(root: Path) -> None:
        assert set(read_manifest(root, "own")["subjects"]) == set(names)

    return check


def has_images(count: int) -> Callable[[Path], None]:
    def check(root: Path) -> None:
        assert read_manifest(root, "own")["pictures"] == count

    return check


def pairs(*names: str, suffix: str = ".nii") -> list[str]:
    return [f"{name}_{kind}{suffix}" for name in names for kind in ("img", "seg")]


EACH = tuple(f"img/{i}" for i in range(4))

UNNAMED = [
    Odd("unnamed columns", "the index of pandas", table(",image,mask", "#,I,M"), check=has_subjects(*EACH)),
    Odd("unnamed columns", "row names of R", table('"","mask","image"', '"#","M","I"'), check=has_images(4)),
    Odd(
        "unnamed columns",
        "a saved index",
        table("Unnamed: 0,image,mask,Unnamed: 0.1", "#,I,M,x"),
        check=has_subjects(*EACH),
    ),
    Odd(
        "unnamed columns",
        "remarks, and no column of masks",
        table("image,,remark", "I,M,x"),
        refused="metadata.csv lacks the column 'mask'; its columns are image, remark",
    ),
    Odd(
        "unnamed columns",
        "the subjects of subjects.csv",
        files(
            *numbered(3, "images", "masks"), subjects__csv=rows("file, ", ["0.png,a", "1.png,a", "2.png,b"])
        ),
        refused="subjects.csv lacks the column 'subject'; its columns are file",
    ),
    Odd(
        "rows longer than the header",
        "row names of R without a column",
        table("image,mask", "#,I,M"),
        refused="metadata.csv row 1 has 3 cells and the header 2",
    ),
    Odd(
        "rows longer than the header",
        "only empty cells",
        table("image,mask", "I,M,,"),
        check=has_images(4),
    ),
    Odd(
        "rows longer than the header",
        "a comma in a name",
        files(*numbered(1, "images", "masks"), subjects__csv="file,subject\n0.png,Smith, Jane\n"),
        refused="subjects.csv row 1 has 3 cells and the header 2",
    ),
    Odd(
        "two columns of one meaning",
        "subject and patient_id",
        table("image,mask,subject,patient_id", "I,M,a,b"),
        refused="several columns for the subject, 'subject' and 'patient_id'; keep or rename all but one",
    ),
    Odd(
        "two columns of one meaning",
        "one name twice",
        table("image,mask,mask", "I,M,M"),
        refused="several columns for the mask, 'mask' and 'mask'",
    ),
    Odd(
        "columns that are not used",
        "a remark and a code",
        table("image,mask,remark,pid", "I,M,x,p#"),
        tells=("subjects: each image", "not used: columns remark and pid"),
    ),
]

SPELLINGS = ("A", "A ", " A", "A\u00a0", "\ufeffA\u200b")
NAMES = [
    Odd(
        "one subject, many spellings",
        "blanks in a table",
        files(
            *numbered(5, "images", "masks"),
            metadata__csv=rows(
                "image,mask,subject",
                [f"images/{i}.png,masks/{i}.png,{name}" for i, name in enumerate(SPELLINGS)],
            ),
        ),
        tells=("subjects: the column subject",),
        check=has_subjects("A"),
    ),
    Odd(
        "one subject, many spellings",
        "blanks in subjects.csv",
        files(
            *numbered(5, "images", "masks"),
            subjects__csv=rows("file,subject", [f"{i}.png,{name}" for i, name in enumerate(SPELLINGS)]),
        ),
        tells=("subjects: subjects.csv",),
        check=has_subjects("A"),
    ),
    Odd(
        "one subject, many spellings",
        "two forms of an accent",
        files(
            *numbered(2, "images", "masks"),
            subjects__csv=rows("file,subject", [f"0.png,{NFC}", f"1.png,{NFD}"]),
        ),
        check=has_subjects(NFC),
    ),
    Odd(
        "one subject, many spellings",
        "blanks in a split",
        files(
            *pairs("data/a", "data/b"),
            command=IMPORT + " --split own/split.csv",
            split__csv="Subject;Split\n a ;train\nb; Test\n",
        ),
        check=has_splits(train={"a"}, test={"b"}),
    ),
    Odd(
        "subjects that differ in capitals only",
        "in a column",
        files(
            *numbered(2, "images", "masks"),
            metadata__csv="image,mask,subject\nimages/0.png,masks/0.png,p01\nimages/1.png,masks/1.png,P01\n",
        ),
        refused="the subjects 'p01' of own/images/0.png and 'P01' of own/images/1.png differ in capitals",
    ),
    Odd(
        "subjects that differ in capitals only",
        "of folders",
        files(*pairs("Case 1/a", "case1/b", "case2/c")),
        refused="differ in capitals or blanks only",
    ),
    Odd(
        "files listed twice",
        "in subjects.csv",
        files(*numbered(2, "images", "masks"), subjects__csv="file,subject\n0.png,a\n1.png,b\n0.png,b\n"),
        refused="subjects.csv names 0.png twice; keep one row of it",
    ),
    Odd(
        "files listed twice",
        "in a table, of two subjects",
        files(
            *numbered(2, "images", "masks"),
            metadata__csv="image,mask,patient\nimages/0.png,masks/0.png,a\nimages/./0.png,masks/1.png,b\n",
        ),
        refused="csv row 2 names the subject b for an image, and own/metadata.csv row 1 the subject a",
    ),
    Odd(
        "files listed twice",
        "in a split",
        files(
            *pairs("a", "b"), options="--split own/s.csv", s__csv="subject,split\na,train\na ,test\nb,val\n"
        ),
        refused="own/s.csv names subject a twice",
    ),
    Odd(
        "subjects of some images only",
        "gaps in a column",
        files(
            *numbered(2, "images", "masks"),
            metadata__csv="image,mask,patient\nimages/0.png,masks/0.png,a\nimages/1.png,masks/1.png,\n",
        ),
        refused="metadata.csv row 2 names no subject, and other rows do; name one in each row",
    ),
    *(
        Odd(
            "usual names of columns",
            column,
            table(f"image,mask,{column}", "I,M,p1"),
            tells=(f"subjects: the column {column}",),
            check=has_subjects("p1"),
        )
        for column in ("patient_id", "Subject ID", "participant_id", "PatientID", "patient.id", "SUBJECT")
    ),
    Odd(
        "usual names of columns",
        "of files and subjects",
        files(
            *numbered(2, "images", "masks"),
            subjects__csv="File Name;Patient ID\nimages\\0.png;a\n1;a\n",
        ),
        check=has_subjects("a"),
    ),
    Odd(
        "sessions are no subjects",
        "folders of BIDS",
        files(
            *pairs(
                *(f"sub-{i:02}/ses-{j}/anat/sub-{i:02}_ses-{j}_T1w" for i in range(3) for j in range(2)),
            )
        ),
        tells=("subjects: sub-XX in the names of files or folders",),
        check=has_subjects("sub-00", "sub-01", "sub-02"),
    ),
    Odd(
        "sessions are no subjects",
        "names of BIDS in images/ and labels/",
        files(
            *(f"{kind}/sub-01_ses-0{j}_T1w.nii.gz" for kind in ("images", "labels") for j in (1, 2)),
            *(f"{kind}/sub-02_T1w.nii.gz" for kind in ("images", "labels")),
        ),
        check=has_subjects("sub-01", "sub-02"),
    ),
    Odd(
        "sessions are no subjects",
        "names of BIDS of pictures",
        files(*(f"{kind}/sub-a_slice-{j}.png" for kind in ("images", "masks") for j in range(3))),
        check=has_subjects("sub-a"),
    ),
    Odd(
        "sessions are no subjects",
        "names of BIDS in a table",
        files(
            *(f"{kind}/sub-1_ses-{j}.png" for kind in ("x", "seg") for j in range(2)),
            metadata__csv=rows(
                "image,mask", [f"x/sub-1_ses-{j}.png,seg/sub-1_ses-{j}.png" for j in range(2)]
            ),
        ),
        check=has_subjects("sub-1"),
    ),
    Odd(
        "sessions are no subjects",
        "folders of visits",
        files(*pairs("p1/visit1/a", "p1/visit2/a", "p2/baseline/a")),
        tells=("subjects: the folders of the volumes",),
        check=has_subjects("p1", "p2"),
    ),
    Odd(
        "subjects.csv beside volumes",
        "in images/ and labels/",
        files(
            *numbered(2, "images", "labels", suffix=".nii.gz"),
            subjects__csv="file,subject\n0.nii.gz,a\n1,a\n",
        ),
        check=has_subjects("a"),
    ),
]

SPLIT = {"train": {"train/0", "train/1"}, "val": {"val/0"}, "test": {"test/0"}}
SPLITS = [
    Odd(
        "folders that are a split",
        "of pairs",
        files(*pairs("train/0", "train/1", "val/0", "test/0")),
        tells=("split: the folders test/, train/ and val/", "subjects: each volume"),
        check=has_splits(**SPLIT),
    ),
    Odd(
        "folders that are a split",
        "of folders of subjects with pairs",
        files(
            *pairs("data/Training/p1/a", "data/Training/p1/b", "data/Validation/p2/a", "data/Testing/p3/a")
        ),
        check=has_splits(train={"data/p1"}, val={"data/p2"}, test={"data/p3"}),
    ),
    Odd(
        "folders that are a split",
        "of pictures",
        files(
            *numbered(2, "train/images", "train/masks"),
            *numbered(1, "val/images", "val/masks", "test/images", "test/masks"),
        ),
        tells=("split: the folders test/, train/ and val/",),
        check=has_splits(**SPLIT),
    ),
    Odd(
        "folders that are a split",
        "of pictures, below images/ and masks/",
        files(
            *numbered(2, "Images/train", "Masks/Train"),
            *numbered(1, "Images/val", "Images/test", "Masks/val", "Masks/test"),
        ),
        check=has_splits(**SPLIT),
    ),
    Odd(
        "folders that are a split",
        "of volumes",
        files(
            *numbered(2, "train/images", "train/labels", suffix=".nii"),
            *numbered(1, "val/images", "val/labels", "test/images", "test/labels", suffix=".nii"),
        ),
        check=has_splits(**SPLIT),
    ),
    Odd(
        "folders that are a split",
        "of masks in folders of labels",
        files(
            *numbered(2, "train/images", "train/masks/a", "train/masks/b"),
            *numbered(1, "dev/images", "dev/masks/a", "test/images", "test/masks/a"),
        ),
        check=has_splits(train={"train/0", "train/1"}, val={"dev/0"}, test={"test/0"}),
    ),
    Odd(
        "folders that are a split",
        "one folder of a subject in two",
        files(*pairs("train/p1/a", "test/p1/b", "test/p2/a")),
        refused="subject p1 is in two splits",
    ),
    Odd(
        "folders that are a split",
        "a subject in two by subjects.csv",
        files(
            *numbered(1, "train/images", "train/masks", "test/images", "test/masks"),
            subjects__csv="file,subject\ntrain/images/0.png,a\ntest/images/0.png,a\n",
        ),
        refused="subject a is in two splits",
    ),
    Odd(
        "folders that are a split",
        "without masks for testing",
        files(*numbered(1, "train/images", "train/masks", "test/images")),
        refused="own/test lacks a folder of images or of masks; add it or remove test",
    ),
    Odd(
        "folders that are a split",
        "a picture beside them",
        files(*numbered(1, "images/train", "masks/train", "images")),
        refused="own/images/0.png lies beside folders of a split",
    ),
    Odd(
        "one folder of many pairs",
        "is not one subject",
        files(*pairs("data/a", "data/b", "data/c")),
        tells=("subjects: each volume",),
        check=has_subjects("a", "b", "c"),
    ),
    Odd(
        "one folder of many pairs",
        "of visits, is many subjects",
        files(*pairs("visit1/a", "visit2/a", "visit1/b")),
        check=has_subjects("a", "b"),
    ),
]

BOM, WIDE = "\ufeff", "utf-16"
JSON_LINES = [{"image": f"img/{i}.png", "mask": f"seg/{i}.png", "note": "a\u2028b"} for i in range(4)]
TEXTS = [
    *(
        Odd("separators and capitals of a table", what, table(header, line), check=has_subjects("p1"))
        for what, header, line in (
            ("semicolons", "image;mask;subject", "I;M;p1"),
            ("tabs", "image\tmask\tsubject", "I\tM\tp1"),
            ("semicolons and quotes", '"Image";"Mask";"Patient, name";"Patient"', '"I";"M";"a, b";"p1"'),
            ("capitals and blanks", "Image, Mask , Subject", "I, M , p1"),
            ("an index and tabs", "\timage\tmask\tsubject", "#\tI\tM\tp1"),
            ("lines without cells", "image;mask;subject\n;;", "I;M;p1\n\n;;"),
        )
    ),
    Odd(
        "separators and capitals of a table",
        "a file .tsv",
        table("Image\tMask\tsubject", "I\tM\tp1", file="metadata__tsv"),
        check=has_subjects("p1"),
    ),
    Odd(
        "separators and capitals of a table",
        "labels with semicolons",
        files(
            *numbered(2, "images", "masks"), options="--labels own/l.csv", l__csv="Value;Label\n255;knee\n"
        ),
        check=has_areas(knee=SHARE),
    ),
    Odd(
        "missing columns",
        "of a split: the file's columns are named",
        files(*pairs("a", "b"), options="--split own/s.csv", s__csv="Name;Group\na;train\n"),
        refused="own/s.csv lacks the column 'subject'; its columns are Name, Group",
    ),
    Odd(
        "missing columns",
        "of an empty file",
        files(*pairs("a", "b"), options="--split own/s.csv", s__csv="\n"),
        refused="own/s.csv lacks the column 'subject'; its columns are missing",
    ),
    Odd(
        "values written as 255.0",
        "in a table",
        table("image,mask,label,value", "I,M,knee,255.0"),
        check=has_areas(knee=SHARE),
    ),
    Odd(
        "values written as 255.0",
        "in a file of labels",
        files(
            *numbered(2, "images", "masks"), options="--labels own/l.csv", l__csv="value,label\n255.0,knee\n"
        ),
        check=has_areas(knee=SHARE),
    ),
    *(
        Odd("byte order marks", f"{encoding} of {what}", make(encoding), check=check)
        for encoding in ("utf-8-sig", WIDE)
        for what, make, check in (
            (
                "dataset.toml",
                lambda encoding: files(
                    *numbered(2, "images", "masks"),
                    dataset__toml='labels = {255 = "knee"}\n'.encode(encoding),
                ),
                has_areas(knee=SHARE),
            ),
            (
                "dataset.json",
                lambda encoding: files(
                    "imagesTr/a_0000.nii.gz",
                    "labelsTr/a.nii.gz",
                    dataset__json=json.dumps(
                        {"channel_names": {"0": "CT"}, "labels": {"background": 0, "knee": 255}}
                    ).encode(encoding),
                ),
                has_subjects("a"),
            ),
            (
                "metadata.jsonl",
                lambda encoding: files(
                    *numbered(4, "img", "seg"),
                    metadata__jsonl="\n".join(map(json.dumps, JSON_LINES)).encode(encoding),
                ),
                has_subjects(*EACH),
            ),
            (
                "metadata.csv",
                lambda encoding: files(
                    *numbered(1, "img", "seg"),
                    metadata__csv="image,mask\nimg/0.png,seg/0.png\n".encode(encoding),
                ),
                has_subjects("img/0"),
            ),
            (
                "subjects.csv",
                lambda encoding: files(
                    *numbered(1, "images", "masks"), subjects__csv="file,subject\n0.png,é\n".encode(encoding)
                ),
                has_subjects("é"),
            ),
        )
    ),
    Odd(
        "separators of lines in JSON Lines",
        "U+2028 in a text",
        files(
            *numbered(4, "img", "seg"),
            metadata__jsonl="\r\n".join(json.dumps(row, ensure_ascii=False) for row in JSON_LINES),
        ),
        tells=("not used: column note",),
        check=has_images(4),
    ),
]

PARTNERS = [
    *(
        Odd("nearly the same names", what, files(*names), check=has_subjects(subject))
        for what, subject, names in (
            ("_mask", "a", ("images/a.png", "masks/a_mask.png")),
            ("-label", "a", ("images/a.png", "masks/a-label.png")),
            ("mask_ and img_", "img_1", ("images/img_1.png", "masks/mask_1.png")),
            ("capitals", "Case1", ("images/Case1.png", "masks/case1.PNG")),
            ("forms of an accent", NFC, (f"images/{NFC}.png", f"masks/{NFD}.png")),
            ("forms of an accent of volumes", NFC, (f"images/{NFD}.nii.gz", f"labels/{NFC}.nii.gz")),
            ("_seg in a folder of a label", "a", ("images/a.png", "masks/knee/a_seg.png")),
            (".seg.nrrd in labels/", "c0", ("images/c0.nrrd", "labels/c0.seg.nrrd")),
            (".seg.nrrd beside the volume", "c0", ("c0.nrrd", "c0.seg.nrrd")),
            ("capitals of pairs", "A", ("x/A_IMG.nii.gz", "x/a_Seg.nii.gz")),
        )
    ),
    Odd(
        "nearly the same names",
        "_seg beside the volume, and another volume",
        files(
            "p1/scan.nii.gz", "p1/scan_seg.nii.gz", "p1/other.nii.gz", "p2/scan.nii.gz", "p2/scan-label.nii"
        ),
        check=has_subjects("p1", "p2"),
    ),
    Odd(
        "nearly the same names",
        "two masks that may be meant",
        files("images/a.png", "masks/a_mask.png", "masks/a-seg.png"),
        refused="images/a.png has no mask; add it or remove the file, or rename a_mask.png if it is meant",
    ),
    Odd(
        "nearly the same names",
        "a missing zero",
        files("images/case_01.png", "masks/case_1.png"),
        refused="own/images/case_01.png has no mask; add it or remove the file, or rename case_1.png",
    ),
    Odd(
        "nearly the same names",
        "a stray mask of a label",
        files("images/case_01.png", "masks/a/case_01.png", "masks/b/case_1.png"),
        refused="own/masks/b/case_1.png has no image in own/images; add it or remove the file, or rename",
    ),
    Odd(
        "nearly the same names",
        "paths in a table",
        files("img/Case1.PNG", "seg/case1.png", metadata__csv="image,mask\nimg/case1.png,seg/case1.png\n"),
        refused="row 1: there is no image own/img/case1.png, but Case1.PNG; correct the path",
    ),
    Odd(
        "nearly the same names",
        "a table of another system",
        files(f"img/{NFD}.png", "seg/1.png", metadata__csv=f"image,mask\nimg/{NFC}.png,seg\\1.png\n"),
        check=has_images(1),
    ),
    *(
        Odd(
            "usual names of folders",
            f"{images} and {masks}",
            files(*numbered(2, images, masks)),
            check=has_subjects("0", "1"),
        )
        for images, masks in (
            ("image", "mask"),
            ("Images", "Labels"),
            ("imgs", "annotations"),
            ("org", "label"),
            ("IMG", "GT"),
            ("images", "Ground-Truth"),
        )
    ),
    Odd(
        "usual names of folders",
        "of volumes",
        files(*numbered(2, "Image", "Segmentations", suffix=".nii.gz")),
        check=has_subjects("0", "1"),
    ),
    Odd(
        "usual names of folders",
        "boxes as texts beside the masks",
        files(*numbered(2, "images", "masks"), **{"0__txt_in_labels": "1 2 3"}),
        check=has_subjects("0", "1"),
    ),
    Odd(
        "two folders for one thing",
        "masks/ and labels/",
        files(*numbered(2, "images", "masks", "labels")),
        refused="own contains labels/ and masks/, which may both hold the masks; keep one of them",
    ),
    Odd(
        "two folders for one thing",
        "images/ and img/ in one split",
        files(*numbered(1, "train/images", "train/img", "train/masks")),
        refused="own/train contains images/ and img/, which may both hold the images",
    ),
    Odd(
        "files that systems add",
        "Thumbs.db and desktop.ini",
        files(*numbered(1, "images", "masks"), Thumbs__db_in_images="x", desktop__ini_in_masks="x"),
        check=has_images(1),
    ),
]


def description(channels: object, ending: str | None = None, names: tuple[str, ...] = ()) -> Make:
    """Data of nnU-Net whose dataset.json has these channels."""
    content = {"channel_names": channels, "labels": {"background": 0, "knee": 255}}
    content |= {} if ending is None else {"file_ending": ending}
    return files(*names or ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"), dataset__json=json.dumps(content))


def has_tasks(*names: str) -> Callable[[Path], None]:
    def check(root: Path) -> None:
        assert set(read_manifest(root, "own")["tasks"]) == {f"own/all/{name}" for name in names}

    return check


PNG = ("imagesTr/a_0000.png", "labelsTr/a.png")
NNUNET = [
    Odd(
        "reversed channel_names",
        "one channel",
        description({"CT": 0}),
        check=has_tasks(*(f"CT/{axis}/knee" for axis in ("sagittal", "coronal", "axial"))),
    ),
    Odd(
        "reversed channel_names",
        "numbers as text, all channels in one file",
        description({"R": "0", "G": "1"}, ".png", PNG),
        check=has_tasks("R+G/0/knee"),
    ),
    Odd(
        "reversed channel_names",
        "half of them",
        description({"CT": 0, "1": "PET"}),
        refused='dataset.json: channel_names must give each number a name, such as {"0": "CT"}',
    ),
    Odd(
        "reversed channel_names",
        "one number twice",
        description({"CT": 0, "PET": 0}),
        refused="dataset.json: channel_names must give each number a name",
    ),
    Odd(
        "endings of nnU-Net",
        "without a dot",
        description({"0": "RGB"}, "png", PNG),
        check=has_tasks("RGB/0/knee"),
    ),
    Odd(
        "endings of nnU-Net",
        "in capitals",
        description({"0": "RGB"}, ".png", ("imagesTr/a_0000.PNG", "labelsTr/a.Png")),
        check=has_tasks("RGB/0/knee"),
    ),
    Odd(
        "endings of nnU-Net",
        "not stated",
        description({"0": "RGB"}, None, PNG),
        refused="labelsTr has no file that ends in .nii.gz but has a.png; correct file_ending",
    ),
    Odd(
        "sessions are no subjects",
        "cases of nnU-Net",
        description(
            {"0": "CT"},
            names=tuple(
                path
                for j in (1, 2)
                for path in (f"imagesTr/sub-1_ses-{j}_0000.nii.gz", f"labelsTr/sub-1_ses-{j}.nii.gz")
            ),
        ),
        check=has_subjects("sub-1"),
    ),
]


SUBJECTS: list[Odd] = [*UNNAMED, *NAMES, *SPLITS, *TEXTS, *PARTNERS, *NNUNET]
