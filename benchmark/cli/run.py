"""``run``: measure models, resumably."""

from __future__ import annotations

from segbench.benchmark.api import run
from segbench.benchmark.cli.options import FOLDER_TEXT, IMAGES, SHARE, command_of, options_of
from segbench.paths import RUNS

TEXTS = {
    "protocol": "Protocols, comma-separated, or all for the whole study of both papers.  [default: "
    "center-clicks,centerline-scribbles; all with --preset paper]",
    "models": "Models, comma-separated, or all that the protocol can use.",
    "datasets": "Data sets, comma-separated.  [default: all installed ones, else the embedded phantoms]",
    "tasks": "Tasks, comma-separated patterns of names or of their parts: nucleus, '*ventricle', 'acdc/*'.",
    "data_root": FOLDER_TEXT,
    "preset": "Size of the run: smoke takes seconds, quick minutes, full longer, paper as in the papers; "
    "check is that of the bundled baseline.",
    "simulations": "Seeded passes over each task.  [default: from the preset]",
    "images": "Images of each simulation.  [default: from the preset; all of a task that has fewer]",
    "target_dice": "Dice at which an image is finished.",
    "max_steps": "Maximum of interactions per image.  [default: from the protocol]",
    "context": "Mask of a finished image that joins the context: thresholded, probabilities, or the label.",
    "seed_image": "Keep a seed image that misses the target Dice, or redraw it from the train split.",
    "split": "Split of the images that are segmented; all counts every image as test.",
    "split_from": "Divide the images as public code does: ScribblePrompt's release (60/20/20) or UniverSeg's "
    "example (70/30, no val split).  [default: our 60/20/20 by subject, or the data's own]",
    "weights": "Weights of the models.",
    "device": "Device of the models; auto takes a GPU if there is one.",
    "precision": "Precision of the models; auto takes bfloat16 if the device computes in it.",
    "workers": "Number of worker processes.  [default: one per core, or per GPU]",
    "backend": "Start the workers as processes of this machine, or on a Dask cluster.",
    "scheduler": "Address of an existing Dask cluster, such as tcp://host:8786.  [default: a cluster of this "
    "machine]",
    "seed": "Root seed of all random draws.",
    "output": f"Folder or address (s3://...) of the run.  [default: a folder in {RUNS}]",
    "dry_run": "Print the plan and the number of finished units, and stop.",
}

command = command_of(
    "run",
    run,
    "Measure models on tasks.\n\nThe same command continues an interrupted run.",
    "python -m benchmark run --protocol center-clicks --datasets phantoms --simulations 20",
    *options_of(
        run,
        TEXTS,
        images={"type": IMAGES, "metavar": "N|all"},
        tasks={"metavar": "PATTERNS"},
        target_dice={"type": SHARE},
        weights={"metavar": "bundled|official|PATH"},
        scheduler={"metavar": "ADDRESS"},
        output={"metavar": "DIR|URL"},
    ),
)
