"""``run``: measure models, resumably."""

from __future__ import annotations

import click

from segbench.benchmark.api import run
from segbench.benchmark.cli.options import DEVICES, IMAGES, POSITIVE, PRECISIONS, SHARE, command_of, option
from segbench.paths import RUNS

command = command_of(
    "run",
    run,
    "Measure models on tasks.\n\nThe same command continues an interrupted run.",
    "python -m benchmark run --protocol center-clicks --datasets phantoms --simulations 20",
    option(
        run,
        "--protocol",
        "Protocols, comma-separated, or all for the whole study of both papers.  [default: "
        "center-clicks,centerline-scribbles; all with --preset paper]",
        metavar="NAMES",
    ),
    option(run, "--models", "Models, comma-separated, or all that the protocol can use.", metavar="NAMES"),
    option(
        run,
        "--datasets",
        "Data sets, comma-separated.  [default: all installed ones, else the embedded phantoms]",
        metavar="NAMES",
    ),
    option(
        run,
        "--data-root",
        "Folder that contains the data sets.  [default: $SEGBENCH_DATA, else the user's cache]",
        metavar="DIR",
    ),
    option(
        run,
        "--preset",
        "Size of the run: of the bundled baseline, seconds, minutes, an hour, or as in the papers.",
        type=click.Choice(["check", "smoke", "quick", "full", "paper"]),
    ),
    option(run, "--simulations", "Seeded passes over each task.  [default: from the preset]", type=POSITIVE),
    option(
        run,
        "--images",
        "Images of each simulation.  [default: from the preset]",
        type=IMAGES,
        metavar="N|all",
    ),
    option(run, "--target-dice", "Dice at which an image is finished.", type=SHARE),
    option(
        run, "--max-steps", "Maximum of interactions per image.  [default: from the protocol]", type=POSITIVE
    ),
    option(
        run,
        "--context",
        "Mask of a finished image that joins the context: thresholded, probabilities, or the label.",
        type=click.Choice(["binary", "soft", "ground-truth"]),
    ),
    option(run, "--split", "Split of the images that are segmented.", type=click.Choice(["test", "val"])),
    option(run, "--weights", "Weights of the models.", metavar="bundled|official|PATH"),
    option(run, "--device", "Device of the models; auto takes a GPU if there is one.", type=DEVICES),
    option(
        run,
        "--precision",
        "Precision of the models; auto takes bfloat16 if the device computes in it.",
        type=PRECISIONS,
    ),
    option(
        run, "--workers", "Number of worker processes.  [default: one per core, or per GPU]", type=POSITIVE
    ),
    option(
        run,
        "--backend",
        "Start the workers as processes of this machine, or on a Dask cluster.",
        type=click.Choice(["local", "dask"]),
    ),
    option(
        run,
        "--scheduler",
        "Address of an existing Dask cluster, such as tcp://host:8786.  [default: a cluster of this machine]",
        metavar="ADDRESS",
    ),
    option(run, "--seed", "Root seed of all random draws.", type=int),
    option(
        run,
        "--output",
        f"Folder or address (s3://...) of the run.  [default: a folder in {RUNS}]",
        metavar="DIR|URL",
    ),
    option(run, "--dry-run", "Print the plan and the number of finished units, and stop.", is_flag=True),
)
