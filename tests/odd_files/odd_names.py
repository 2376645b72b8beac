"""Names of masks and slices, files that are missing, and misspelt columns and values; see `odd.Odd`."""

from __future__ import annotations

from pathlib import Path

from odd import Odd
from odd_subjects import IMPORT, Make, files, has_images, has_subjects, table

IMAGES = ("image_1", "image_2", "image_3")


def paired(
    suffix: str, images: str = "images/", masks: str = "masks/", end: str = ".png", options: str = ""
) -> Make:
    """Three images and their masks; a folder may be empty."""
    names = [name for image in IMAGES for name in (f"{images}{image}{end}", f"{masks}{image}{suffix}{end}")]
    return files(*names, options=options)


def slices(*folders: str, count: int = 3, between: str = "/slice_", options: str = "") -> Make:
    """Slices of subjects and their masks, in a folder of each subject or with its name."""
    names = [
        f"{folder}{between}{i}{kind}.png"
        for folder in folders
        for i in range(count)
        for kind in ("", "_mask")
    ]
    return files(*names, options=options)


def without(make: Make, *patterns: str) -> Make:
    """The same files without some."""

    def made(here: Path) -> str:
        words = make(here)
        for pattern in patterns:
            for file in (here / "own").glob(pattern):
                file.unlink()
        return words

    return made


def csv(name: str, text: str, option: str = "") -> Make:
    return files(
        *(f"{kind}/p{i}.png" for kind in ("img", "seg") for i in range(3)), options=option, **{name: text}
    )


SUFFIXES = [
    *(
        Odd(
            "masks named like the image and a word",
            f"{what}, {suffix}",
            paired(suffix, *where),
            check=has_images(3),
        )
        for suffix in ("_mask", "-mask", "_seg", "_label", "_gt")
        for what, *where in (
            ("in masks/", "images/", "masks/"),
            ("in the same folder", "", ""),
            ("below", "", "masks/"),
        )
    ),
    *(
        Odd(
            "masks named like the image and another text",
            f"named by the option, {what}",
            paired("_ground", *where, options=f"--mask-suffix {option}"),
            check=has_subjects("image_1", "image_2", "image_3"),
        )
        for what, option, *where in (
            ("in masks/", "_ground", "images/", "masks/"),
            ("in the same folder", "_ground", "", ""),
            ("with the type of the file", "_ground.png", "", ""),
            ("of volumes", "_ground", "images/", "masks/", ".nii"),
            ("of volumes in one folder", "_ground", "", "", ".nii"),
        )
    ),
    Odd(
        "masks named like the image and another text",
        "without the option",
        paired("_ground"),
        refused="image_1.png, image_2.png and image_3.png have no mask; add one for each or remove the "
        "files, or give --mask-suffix=_ground",
    ),
    Odd(
        "masks named like the image and another text",
        "without the option, in the same folder",
        paired("_ground", "", ""),
        refused="own has no known layout; give --mask-suffix=_ground if this names the masks",
    ),
    *(
        Odd(
            "masks named like the image and another text",
            f"a wrong option, {what}",
            paired("_ground", *where, options="--mask-suffix _lesion"),
            refused=f"ends in _lesion, which --mask-suffix names; the files there are called {names}",
        )
        for what, names, *where in (
            ("in masks/", "image_1_ground.png and image_2_ground.png", "images/", "masks/"),
            ("in the same folder", "image_1.png and image_1_ground.png", "", ""),
        )
    ),
    Odd(
        "masks named like the image and another text",
        "the masks of one of two people",
        files("a.png", "a_mask.png", "a_ground.png", options="--mask-suffix _ground"),
        check=has_images(1),
    ),
    Odd(
        "masks named like the image and another text",
        "in a table",
        table("image,mask", "I,M", options="--mask-suffix _ground"),
        refused="own itself says which mask belongs to an image; leave out --mask-suffix",
    ),
    Odd(
        "masks named like the image and a word",
        "further parts of a mask",
        files("a.png", "a_mask.png", "a_mask_1.png", "b.png", "b_mask.png"),
        check=has_images(2),
    ),
]
SLICES = [
    Odd(
        "slices in folders of subjects",
        "all",
        slices("p1", "p2", "p3"),
        tells=("  subjects: the folders of the images\n", "9 pictures of 3 subjects"),
    ),
    *(
        Odd(
            "slices in folders of subjects",
            f"one of each, {rule}",
            slices("p1", "p2", "p3", options=f"--rule {rule}"),
            tells=("3 pictures of 3 subjects",),
        )
        for rule in ("maxslice", "midslice")
    ),
    Odd(
        "slices in folders of subjects",
        "of a split",
        slices("train/p1", "train/p2", "test/p3", options="--rule maxslice"),
        tells=("2 train, 0 val, 1 test", "  split: the folders test/ and train/\n"),
    ),
    *(
        Odd(
            "slices with the subject in their names",
            what,
            slices("p1", "p2", "p3", between=between, options="--rule midslice"),
            tells=(
                "  subjects: the names of the images without the slice's number\n",
                "3 pictures of 3 subjects",
            ),
            check=has_subjects("p1", "p2", "p3"),
        )
        for what, between in (("a number", "_"), ("a word and a number", "_slice_"), ("a letter", "-z0"))
    ),
    Odd(
        "a rule where there is nothing to choose",
        "one subject",
        slices("p1", options="--rule maxslice"),
        refused="--rule takes one slice of each subject, and here 3 images are of 1 subject; name the "
        "subjects (subjects.csv, --subject-pattern) or leave out --rule",
    ),
    Odd(
        "one subject with most train images",
        "it has more than half",
        files(
            *(f"{kind}/{name}.png" for kind in ("img", "seg") for name in ("a1", "a2", "a3", "b1", "c1")),
            options="--subject-pattern ([abc]) --split own/s.csv",
            s__csv="subject,split\na,train\nb,train\nc,train\n",
        ),
        tells=(
            "  warning: own/all/unknown/0/foreground: 3 of 5 train images are of subject a, of 3 subjects, "
            "which fills the contexts; name the subjects (subjects.csv, --subject-pattern), or take one "
            "slice of each (--rule)\n",
        ),
    ),
]
MISSING = [
    Odd(
        "many missing files",
        "masks",
        without(files(*(f"{kind}/{i}.png" for kind in ("img", "seg") for i in range(9))), "seg/[0-6].png"),
        refused="own/img: 0.png, 1.png, 2.png, 3.png, 4.png and 2 more have no mask; add one for each",
    ),
    Odd(
        "many missing files",
        "images",
        without(files(*(f"{kind}/{i}.png" for kind in ("img", "seg") for i in range(9))), "img/[0-6].png"),
        refused="own/seg: 0.png, 1.png, 2.png, 3.png, 4.png and 2 more have no image; add one for each",
    ),
    Odd(
        "many missing files",
        "volumes",
        without(files(*(f"{kind}/{i}.nii" for kind in ("img", "seg") for i in range(9))), "img/[0-6].nii"),
        refused="own/seg: 0.nii, 1.nii, 2.nii, 3.nii, 4.nii and 2 more have no volume; add one for each",
    ),
    Odd(
        "many missing files",
        "of a table",
        without(table("image,mask", "I,M", 9), "seg/[0-6].png"),
        refused="metadata.csv names 7 files that do not exist, own/seg: 0.png, 1.png, 2.png, 3.png, 4.png "
        "and 2 more; correct the paths",
    ),
    Odd(
        "many missing files",
        "rows of subjects.csv",
        csv("subjects__csv", "file,subject\np0.png,a\n"),
        refused="no subject is named for own/img: p1.png and p2.png; add a row for each to subjects.csv",
    ),
    Odd(
        "many missing files",
        "rows of a split",
        csv("s__csv", "subject,split\np0,train\n", "--split own/s.csv"),
        refused="no split is given for 2 subjects, p1 and p2; add them to --split s.csv",
    ),
]
MISSPELT = [
    Odd(
        "misspelt columns and values",
        "a column that is required",
        csv("subjects__csv", "file,subjct\np0.png,a\n"),
        refused="subjects.csv lacks the column 'subject'; did you mean 'subjct'? Rename that column",
    ),
    Odd(
        "misspelt columns and values",
        "columns of a table that are optional",
        table("image,mask,splt,patint,age", "I,M,train,#,3"),
        tells=("  not used: columns splt (did you mean split?), patint (did you mean subject?) and age\n",),
    ),
    Odd(
        "misspelt columns and values",
        "a split",
        csv("s__csv", "subject,split\np0,trian\n", "--split own/s.csv"),
        refused="s.csv, subject p0, names the split 'trian'; did you mean train?",
    ),
    Odd(
        "misspelt columns and values",
        "a setting",
        csv("dataset__toml", 'modalty = "CT"\n'),
        refused="dataset.toml has an unknown key 'modalty'; did you mean modality?",
    ),
    Odd(
        "misspelt columns and values",
        "the name of a public data set",
        files(
            *(f"{kind}/p{i}.png" for kind in ("img", "seg") for i in range(3)),
            command=IMPORT.replace("own own", "drve own"),
        ),
        tells=("  warning: drve is read as your own data; did you mean the public data set drive?\n",),
    ),
]

NAMING: list[Odd] = [*SUFFIXES, *SLICES, *MISSING, *MISSPELT]
