"""Files and folders of data that are not as they should be; see `bad_inputs`."""

from __future__ import annotations

import gzip
import shutil
import tarfile

import numpy as np
from good_inputs import RUN
from spoiling import (
    FAILED,
    USAGE,
    Bad,
    Code,
    array,
    both,
    cut,
    edit,
    files,
    gigantic_nifti,
    gigantic_npy,
    gigantic_png,
    link,
    meta_image,
    options,
    picture,
    put,
    remove,
    tarred,
    unix_link,
    volume,
    zipped,
)

MINE = RUN + "--datasets folder:mine "
OWN = "data import own --data-root root"
OWN_MINE, OWN_TABLE, OWN_SCANS = (f"{OWN} {folder}" for folder in ("mine", "table", "scans"))
RED = np.zeros((24, 24, 3), np.uint8)
RED[..., 0] = np.arange(24)
BOMB = gzip.compress(b"\0" * 2_000_000)

FILES = [
    *files(
        RUN + "--datasets known",
        FAILED,
        ("a damaged import", "known", put("root/imported/known/images.parquet")),
        (
            "an import with a damaged manifest",
            "manifest.json is damaged",
            cut("root/imported/known/manifest.json"),
        ),
        ("an import of a newer version", "of version 9", edit("root/imported/known/manifest.json", format=9)),
        (
            "an import whose manifest lacks its tasks",
            "manifest.json",
            edit("root/imported/known/manifest.json", tasks=None),
        ),
        (
            "an import whose tasks have other names",
            "manifest.json",
            edit("root/imported/known/manifest.json", tasks={"a/b": {}}),
        ),
        (
            "an import whose subjects are a list",
            "manifest.json",
            edit("root/imported/known/manifest.json", subjects=[]),
        ),
    ),
    *files(
        MINE,
        FAILED,
        ("no image", "images is empty", lambda here: [f.unlink() for f in here.glob("mine/*/*")]),
        ("an image cut off", "images/p3.png cannot be read", cut("mine/images/p3.png")),
        ("an image that is text", "images/p3.png cannot be read", put("mine/images/p3.png")),
        ("an image that is empty", "images/p3.png cannot be read", put("mine/images/p3.png", b"")),
        ("an image without a mask", "images/p3.png has no mask", remove("mine/masks/p3.png")),
        ("a mask without an image", "p3.png has no image", remove("mine/images/p3.png")),
        ("a mask of another size", "p3.png", picture("mine/masks/p3.png", np.eye(20, dtype=np.uint8))),
        (
            "a mask in colour",
            "masks/p3.png is not a mask (it is in colour)",
            picture("mine/masks/p3.png", RED),
        ),
        (
            "masks that are empty",
            "every mask is empty",
            both(*(picture(f"mine/masks/p{i}.png", np.zeros((24, 24), np.uint8)) for i in range(10))),
        ),
        (
            "a photograph for a mask",
            "more than 64 values",
            picture("mine/masks/p3.png", np.arange(576).reshape(24, 24).astype(np.uint16)),
        ),
        (
            "a mask of fractions",
            "contains NaN or fractions",
            array("mine/masks/p3.npy", np.full((24, 24), 0.5)),
        ),
        ("an image of NaN", "p3.npy", array("mine/images/p3.npy", np.full((24, 24), np.nan))),
        ("an image of words", "p3.npy", array("mine/images/p3.npy", np.full((24, 24), "word"))),
        ("an image of objects", "p3.npy", array("mine/images/p3.npy", np.array([[Code()]], object))),
        ("an image of one dimension", "p3.npy", array("mine/images/p3.npy", np.arange(9.0))),
        ("an image of one long line", "1x1000000", array("mine/images/p3.npy", np.zeros((1, 10**6)))),
        ("an image of no pixel", "p3.npy", array("mine/images/p3.npy", np.zeros((0, 24)))),
        (
            "an archive named as an array",
            "p3.npy",
            both(
                remove("mine/images/p3.png"),
                lambda here: shutil.copy(here / "pack.zip", here / "mine/images/p3.npy"),
            ),
        ),
        ("a gigantic picture", "images/p3.png", put("mine/images/p3.png", gigantic_png())),
        (
            "a gigantic array",
            "images/p3.npy",
            both(remove("mine/images/p3.png"), put("mine/images/p3.npy", gigantic_npy())),
        ),
        ("another file among the images", "notes.txt is not one of the types", put("mine/images/notes.txt")),
        ("a dangling link", "p3.png", link("mine/images/p3.png", "/nowhere")),
        ("a link to a device", "p3.png", link("mine/images/p3.png", "/dev/null")),
        ("a link to itself", "p3.png", link("mine/images/p3.png", "p3.png")),
        ("settings that are no TOML", "dataset.toml cannot be read", put("mine/dataset.toml", "name = ")),
        ("an unknown setting", "unknown key 'nmae'", put("mine/dataset.toml", "nmae = 'x'")),
        ("a setting of another type", "name must be", put("mine/dataset.toml", "name = 3")),
        ("a label that is no number", "a=b names no label", put("mine/dataset.toml", "labels = {a = 'b'}")),
        (
            "a label of endless digits",
            "dataset.toml",
            put("mine/dataset.toml", f"labels = {{{'9' * 5000} = 'b'}}"),
        ),
        ("a label beyond all numbers", "mine", put("mine/dataset.toml", f"labels = {{{'9' * 30} = 'b'}}")),
        (
            "a pattern that is none",
            "not a regular expression",
            put("mine/dataset.toml", "subject_pattern = '('"),
        ),
        (
            "a table of subjects without the column",
            "lacks the column",
            put("mine/subjects.csv", "file,who\np0.png,x\n"),
        ),
        (
            "a table of subjects in another encoding",
            "save it as CSV in UTF-8",
            put("mine/subjects.csv", b"file,subject\np0.png,\xff\xfe\n"),
        ),
        (
            "a table with short rows",
            "no subject is named for",
            put("mine/subjects.csv", "file,subject\np0.png\n"),
        ),
    ),
    *options(
        OWN,
        FAILED,
        ("an import of nothing", "nowhere", "there is no nowhere"),
        ("an import of another file", "pack.zip", "has no known layout"),
    ),
    *options(
        OWN_MINE,
        USAGE,
        ("an unknown format", " --format dicom", "unknown format 'dicom'"),
        ("labels of nothing", " --labels =", "names no label"),
        ("labels of endless digits", f" --labels {'9' * 200}=x", "--labels"),
    ),
    *options(
        OWN_SCANS,
        USAGE,
        ("an axis that is unknown", " --axes up", "unknown axis 'up'"),
    ),
    *options(
        OWN_MINE,
        FAILED,
        ("a split that is not there", " --split none.csv", "none.csv"),
        ("a pattern without a group", " --subject-pattern p", "must have one group"),
    ),
    *files(
        OWN_MINE + " --split split.csv",
        FAILED,
        (
            "a split of other subjects",
            "no split is given for 10 subjects, p0, p1, p2, p3, p4 and 5 more; add them to",
            put("split.csv", "subject,split\nx,train\n"),
        ),
    ),
    *files(
        OWN_MINE + " --split split.json",
        FAILED,
        ("a split of another kind", "split.json", put("split.json", "[1]")),
    ),
    *files(
        OWN_TABLE,
        FAILED,
        (
            "a table without the column",
            "lacks the column 'mask'; did you mean 'msk'? Rename that column",
            put("table/metadata.csv", "image,msk\nimages/p0.png,labels/p0.png\n"),
        ),
        (
            "a table in another encoding",
            "metadata.csv cannot be read",
            put("table/metadata.csv", b"image,mask\n\xff\xfe,\xff\n"),
        ),
        ("a table that is empty", "metadata.csv", put("table/metadata.csv", b"")),
        ("a table of no rows", "has no rows", put("table/metadata.csv", "image,mask\n")),
        ("a table with a null byte", "metadata.csv", put("table/metadata.csv", b"image,mask\na\0b,c\n")),
        (
            "a table of lines that are no objects",
            "is not a JSON object",
            both(remove("table/metadata.csv"), put("table/metadata.jsonl", "1\n")),
        ),
        (
            "a table of lists",
            "metadata.jsonl",
            both(
                remove("table/metadata.csv"),
                put("table/metadata.jsonl", '{"image": [1], "mask": {"a": 1}}\n'),
            ),
        ),
        (
            "JSON that is too deep",
            "metadata.jsonl",
            both(remove("table/metadata.csv"), put("table/metadata.jsonl", "[" * 100_000)),
        ),
        (
            "a table that is no Parquet",
            "metadata.parquet cannot be read",
            both(remove("table/metadata.csv"), put("table/metadata.parquet")),
        ),
        (
            "a table that names nothing",
            "row 1: there is no image table/none.png",
            put("table/metadata.csv", "image,mask\nnone.png,images/p0.png\n"),
        ),
        (
            "a table with two subjects' split",
            "is in two splits",
            put(
                "table/metadata.csv",
                "image,mask,subject,split\nimages/p0.png,labels/p0.png,s,train\nimages/p1.png,labels/p1.png,s,test\n",
            ),
        ),
    ),
    *files(
        OWN_SCANS,
        FAILED,
        ("a volume cut off", "a.nii.gz cannot be read", cut("scans/images/a.nii.gz")),
        ("a plain volume cut off", "b.nii cannot be read", cut("scans/images/b.nii")),
        ("a MetaImage cut off", "c.mha cannot be read", cut("scans/images/c.mha")),
        ("an NRRD cut off", "d.nrrd cannot be read", cut("scans/images/d.nrrd")),
        ("a DICOM file cut off", "scans/images/e", cut("scans/images/e/2.dcm", 0.2)),
        ("a DICOM slice missing", "slices are missing", remove("scans/images/e/2.dcm")),
        ("a volume that is text", "b.nii cannot be read", put("scans/images/b.nii")),
        (
            "a volume of four dimensions",
            "not a 3D volume",
            volume("scans/images/b.nii", np.zeros((4, 4, 4, 3))),
        ),
        (
            "a volume of NaN",
            "b.nii",
            volume("scans/images/b.nii", np.full((12, 12, 6), np.nan), np.diag([-1.0, -1, 1, 1])),
        ),
        (
            "a volume of odd size",
            "b.nii",
            volume("scans/images/b.nii", np.zeros((12, 12, 6)), np.diag([1.0, 1, 1000, 1])),
        ),
        (
            "a volume elsewhere",
            "b.nii",
            volume("scans/images/b.nii", np.zeros((12, 12, 6)), np.diag([3.0, 1, 1, 1])),
        ),
        ("a label map of another size", "b.nii", volume("scans/labels/b.nii", np.zeros((12, 12, 5)))),
        ("a label map of fractions", "b.nii", volume("scans/labels/b.nii", np.full((12, 12, 6), 0.5))),
        ("a volume without a label map", "b", remove("scans/labels/b.nii")),
        ("a gigantic volume", "b.nii", put("scans/images/b.nii", gigantic_nifti())),
        (
            "a gigantic packed volume",
            "a.nii.gz",
            put("scans/images/a.nii.gz", gzip.compress(gigantic_nifti())),
        ),
        (
            "a gigantic MetaImage",
            "c.mha",
            put("scans/images/c.mha", meta_image("100000 100000 100000", "LOCAL")),
        ),
        (
            "a MetaImage that names another file",
            "c.mha",
            put("scans/images/c.mha", meta_image("12 12 6", "/etc/passwd")),
        ),
    ),
    *files(
        "data fetch acdc --url file:pack.zip --data-root root",
        FAILED,
        ("an entry that climbs", "unsafe entry, '../../climbed'", zipped("../../climbed")),
        ("an entry with an absolute path", "unsafe entry, '/tmp/climbed'", zipped("/tmp/climbed")),
        ("an entry of Windows that climbs", "unsafe entry", zipped("..\\..\\climbed")),
        ("an entry that is a link", "unsafe entry, 'pack/link'", zipped(unix_link(), content=b"/etc")),
        ("two entries of one name", "conflicts with another", zipped("a", "A/../a")),
        ("a file in the place of a folder", "conflicts with another", zipped("a", "a/b")),
        ("a tar that climbs", "unsafe entry", tarred("../../climbed")),
        ("a tar with a link", "unsafe entry", tarred("link", tarfile.SYMTYPE, "/etc")),
        ("a tar with a hard link", "unsafe entry", tarred("link", tarfile.LNKTYPE, "/etc/passwd")),
        ("a tar with a device", "unsafe entry", tarred("null", tarfile.CHRTYPE)),
        ("an archive without files", "holds no file", zipped()),
        ("an archive cut off", "is not an intact archive", cut("pack.zip")),
        ("a web page", "is not an intact archive", put("pack.zip", "<!DOCTYPE html><html>")),
        ("an empty download", "is not an intact archive", put("pack.zip", b"")),
        ("an archive within an archive", "removed", zipped("pack/inner.zip", content=BOMB)),
    ),
    *options(
        "data fetch acdc --data-root root --url",
        FAILED,
        ("a link that is not found", "SERVER/none.zip", "HTTP status 404"),
        ("a link that leads in a circle", "SERVER/circle", "cannot download"),
        ("a host that nobody has", "http://127.0.0.1:1/pack.zip", "check the network"),
    ),
    Bad(
        "a download that breaks off",
        "data fetch acdc --data-root root --url SERVER/cut",
        FAILED,
        "broke off after 4 of 9 bytes",
        keeps="root/downloads",
    ),
]
