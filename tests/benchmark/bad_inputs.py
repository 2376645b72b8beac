"""Wrong inputs, a row each: the fault, the command, and a part of the message.

Every command is given in a copy of the folder of `good_inputs.make`, after ``spoil`` has broken one thing of
it.
"""

from __future__ import annotations

import pickle

import torch
from bad_files import FILES
from good_inputs import RUN
from spoiling import (
    FAILED,
    USAGE,
    Code,
    cut,
    edit,
    every,
    faults,
    files,
    flip,
    options,
    put,
    remove,
    saved,
)

UNIVERSEG = RUN + "--models universeg --protocol in-context --weights "

TABLE = [
    *options(
        "",
        USAGE,
        ("an unknown command", "rum", "No such command 'rum'"),
        ("an unknown list", "list modles", "modles"),
        ("a model that cannot be trained", "train mulitverseg --output new", "did you mean multiverseg"),
        ("an option of another model", "train universeg --epochs 3 --output new", "--epochs is for"),
        ("unknown weights", "weights verify universegg", "did you mean universeg?"),
        ("an unknown figure", "report old --only fig99 --output new", "unknown"),
        ("a data set to fetch that is unknown", "data fetch wcb --data-root root", "did you mean wbc?"),
        ("a data set to check that is unknown", "data verify unknown-data --data-root root", "unknown"),
        ("a preview into a file", "data preview known --data-root root --output pack.zip", "pack.zip"),
        (
            "a name with a slash",
            "data import ../own mine --data-root root",
            "cannot be the name of a data set",
        ),
        ("a name that climbs", "data import .. mine --data-root root", "cannot be the name of a data set"),
        (
            "a name with a break",
            "data import 'a\nb' mine --data-root root",
            "cannot be the name of a data set",
        ),
        (
            "a name that is an option",
            "data import --data-root root -- -x mine",
            "cannot be the name of a data set",
        ),
        ("an empty name", "data import '' mine --data-root root", "cannot be the name of a data set"),
        ("the name of a public one", "data import WBC mine --data-root root", "differ in capitals only"),
        (
            "a link for what has none",
            "data fetch phantoms --url file:pack.zip --data-root root",
            "leave out --url",
        ),
        (
            "an unknown task",
            "data preview known --task nothing --data-root root --output new",
            "no task of known",
        ),
    ),
    *options(
        RUN,
        USAGE,
        ("a target that is nan", "--target-dice nan", "is not a number"),
        ("an unknown option", "--bogus 1", "--bogus"),
        ("an option without its value", "--seed", "--seed"),
        ("a word too many", "more", "more"),
        ("an unknown protocol", "--protocol clicks", "unknown protocol 'clicks'"),
        ("an unknown model", "--models universegg", "did you mean universeg?"),
        ("an unknown data set", "--datasets wcb", "did you mean wbc?"),
        ("an unknown preset", "--preset fast", "fast"),
        ("an empty list of models", "--models ,", "a list of names is empty"),
        ("an empty list of protocols", "--protocol ' '", "a list of names is empty"),
        ("an empty list of data sets", "--datasets ''", "a list of names is empty"),
        ("a name with a control character", "--models 'a\nb'", "unknown model"),
        ("no simulation", "--simulations 0", "--simulations"),
        ("fewer than none", "--simulations -1", "--simulations"),
        ("more than any machine plays", "--simulations 1000000000000", "--simulations"),
        ("half an image", "--images 1.5", "--images"),
        ("no image at all", "--images 0", "--images"),
        ("no step", "--max-steps 0", "--max-steps"),
        ("a target of 0", "--target-dice 0", "--target-dice"),
        ("a target above 1", "--target-dice 1.5", "--target-dice"),
        ("a target without end", "--target-dice inf", "--target-dice"),
        ("no worker", "--workers 0", "--workers"),
        ("a seed that is no number", "--seed one", "--seed"),
        ("a device that there is none of", "--device tpu", "--device"),
        ("a module that is not there", "--models nomodule:Mine", "unknown model 'nomodule:Mine'"),
        ("a class that is not there", "--models bad_plugins:Mine", "unknown model 'bad_plugins:Mine'"),
        ("a name that is no module", "--models ..:Mine", "unknown model '..:Mine'"),
        ("a module without a name", "--models :Mine", "unknown model ':Mine'"),
        (
            "a data folder that is not there",
            "--datasets known --data-root nowhere",
            "unknown dataset 'known'",
        ),
        ("a data folder that is a file", "--datasets known --data-root pack.zip", "unknown dataset"),
    ),
    *options(
        "",
        FAILED,
        ("an unknown schedule", "train universeg --preset huge --output new", "huge"),
        ("a report into a file", "report old --output pack.zip", "pack.zip"),
        ("a report of nothing", "report nowhere --output new", "holds no run"),
        ("a report of other files", "report mine --output new", "holds no run"),
        ("a report of a file", "report pack.zip --output new", "holds no run"),
        ("weights verified that were never fetched", "weights verify universeg", "weights fetch universeg"),
        (
            "weights to begin with that are not there",
            "train universeg --preset smoke --start none.pt --output new",
            "none.pt",
        ),
        ("an import into a file", "data import own mine --data-root pack.zip", "pack.zip"),
        ("a name that is too long", f"data import {'n' * 300} mine --data-root root", "name too long"),
        ("an import of what is there", "data import known mine --data-root root", "known"),
        (
            "a wrong checksum",
            "data fetch buid --url file:pack.zip --data-root root",
            "differs from the recorded file (checksum)",
        ),
        (
            "a link of another kind",
            "data fetch buid --url ftp://localhost/x.zip --data-root root",
            "cannot be fetched",
        ),
        (
            "a file link to nothing",
            "data fetch buid --url file:none.zip --data-root root",
            "none.zip does not exist",
        ),
        ("a data set that has no link", "data fetch scd --data-root root", "cannot be downloaded"),
    ),
    *options(
        RUN,
        FAILED,
        ("an output that is a file", "--output pack.zip", "pack.zip"),
        ("an output below a file", "--output pack.zip/run", "pack.zip"),
        ("an output that holds other files", "--output mine", "holds files that do not belong to a run"),
        ("an output on a full or read-only disk", "--output /proc/new", "cannot write /proc/new"),
        ("a run of other settings", "--seed 7 --output old", "with other settings (seed"),
        ("an output name that is too long", f"--output {'n' * 300}", "name too long"),
        (
            "weights that are not there",
            "--models universeg --protocol in-context --weights none.pt",
            "none.pt",
        ),
        (
            "weights that are a folder without any",
            "--models universeg --protocol in-context --weights mine",
            "no weights for universeg in mine",
        ),
        (
            "weights of another network",
            "--models multiverseg --weights universeg.pt",
            "is not a checkpoint of MultiverSeg",
        ),
        ("no public weights", "--models simpleunet --weights official", "simpleunet"),
        (
            "an adapter without capabilities",
            "--models bad_plugins:NoCapabilities",
            "attribute `capabilities`",
        ),
        ("an adapter without predict", "--models bad_plugins:NoPredict", "bad_plugins:NoPredict"),
        (
            "an adapter that wants arguments",
            "--models bad_plugins:NeedsArguments",
            "bad_plugins:NeedsArguments",
        ),
        (
            "an adapter that fails when made",
            "--models bad_plugins:RaisesInInit",
            "the plug-in bad_plugins failed",
        ),
        ("a class that is no data set", "--datasets bad_plugins:NoSource", "is not a data source"),
        ("a data set that fails", "--datasets bad_plugins:BadSource", "the plug-in bad_plugins failed"),
        ("a data set that fails to load", "--datasets bad_plugins:BadLoad", "the plug-in bad_plugins failed"),
        ("a data set without tasks", "--datasets toys:Empty", "the data sets have none"),
        (
            "an adapter that exits when made",
            "--models bad_plugins:ExitsInInit",
            "the model bad_plugins:ExitsInInit tried to end the program (SystemExit: no licence)",
        ),
        (
            "an adapter whose capabilities exit",
            "--models bad_plugins:ExitsInCapabilities",
            "the model bad_plugins:ExitsInCapabilities tried to end the program (SystemExit: 0)",
        ),
        (
            "a data set that exits when made",
            "--datasets bad_plugins:SourceExitsInInit",
            "the data set bad_plugins:SourceExitsInInit tried to end the program (SystemExit: 0)",
        ),
        (
            "a data set that exits while it lists its tasks",
            "--datasets bad_plugins:SourceExitsInTasks",
            "the data set toys tried to end the program (SystemExit: 0)",
        ),
        (
            "a data set that exits when loaded",
            "--datasets bad_plugins:SourceExitsInLoad",
            "the data set toys tried to end the program (SystemExit: no key)",
        ),
        ("a data set that lists nothing", "--datasets bad_plugins:ListsNothing", "toys lists NoneType"),
        ("a data set that loads nothing", "--datasets bad_plugins:LoadsNothing", "toys loads NoneType"),
        ("a protocol that is none", "--protocol toys:Brush", "toys:Brush"),
        ("a folder that is not there", "--datasets folder:nowhere", "there is no folder"),
    ),
    *files(
        RUN + "--output old",
        FAILED,
        ("a damaged manifest", "manifest.json is damaged", cut("old/manifest.json")),
        ("a newer run", "format 99", edit("old/manifest.json", format=99)),
        ("a manifest of other types", "manifest.json is damaged", edit("old/manifest.json", settings=[])),
    ),
    *files(
        "report old --output new",
        FAILED,
        ("a report of a damaged unit", "is damaged", every("old/units/*/images.parquet", flip)),
        ("a report of a unit without description", "is damaged", every("old/units/*/unit.json", put, "[]")),
        ("a report of a run without units", "holds no finished unit", remove("old/units")),
    ),
    *files(
        UNIVERSEG + "universeg.pt",
        FAILED,
        ("weights that are text", "universeg.pt is not a readable checkpoint", put("universeg.pt")),
        (
            "weights that are code",
            "universeg.pt is not a readable checkpoint",
            saved("universeg.pt", {"model": Code()}),
        ),
        (
            "a bare pickle",
            "universeg.pt is not a readable checkpoint",
            put("universeg.pt", pickle.dumps(Code())),
        ),
        ("weights that are a list", "does not hold a state dict", saved("universeg.pt", [torch.zeros(3)])),
        ("weights without names", "universeg.pt", saved("universeg.pt", {1: torch.zeros(3)})),
        (
            "weights that claim to be wide",
            "universeg.pt",
            lambda here: torch.save(
                {
                    k: torch.zeros(1).expand((10**6,) * v.ndim)
                    if v.ndim < 3
                    else torch.zeros(1).expand((10**6, 10**6, *v.shape[2:]))
                    for k, v in torch.load(here / "universeg.pt", weights_only=True).items()
                },
                here / "universeg.pt",
            ),
        ),
    ),
    *files(
        UNIVERSEG + "universeg.safetensors",
        FAILED,
        (
            "weights that are cut off",
            "universeg.safetensors is not a readable checkpoint",
            cut("universeg.safetensors"),
        ),
        (
            "weights that are empty",
            "universeg.safetensors is not a readable checkpoint",
            put("universeg.safetensors", b""),
        ),
    ),
    *files(
        RUN + "--models spoilt_import:Mine",
        FAILED,
        (
            "a module that fails at import",
            "spoilt_import:Mine",
            put("spoilt_import.py", "raise RuntimeError('no display')"),
        ),
    ),
    *files(
        RUN + "--models spoilt_syntax:Mine",
        FAILED,
        ("a module that is no Python", "spoilt_syntax:Mine", put("spoilt_syntax.py", "class Mine\n")),
    ),
    *files(
        RUN + "--models spoilt_needs:Mine",
        FAILED,
        (
            "a module that needs another",
            "spoilt_needs:Mine",
            put("spoilt_needs.py", "import a_module_that_is_not_there"),
        ),
    ),
    *files(
        RUN + "--models spoilt_exit:Mine",
        FAILED,
        ("a module that exits", "spoilt_exit:Mine", put("spoilt_exit.py", "import sys\nsys.exit(0)")),
    ),
    *files(
        RUN + "--models spoilt_panic:Mine",
        FAILED,
        (
            "a module that panics at import",
            "spoilt_panic:Mine cannot be imported (Panic: no GPU)",
            put("spoilt_panic.py", "class Panic(BaseException): pass\n\nraise Panic('no GPU')"),
        ),
    ),
    *faults(
        RUN,
        FAILED,
        ("logits of another shape", "--models bad_plugins:WrongShape", "bad_plugins:WrongShape failed on"),
        ("logits that are NaN", "--models toys:Broken", "toys:Broken failed on"),
        ("logits of numpy", "--models bad_plugins:Numpy", "bad_plugins:Numpy failed on"),
        ("an adapter with a bug", "--models bad_plugins:Bug", "bad_plugins:Bug failed on"),
        ("an adapter that exits", "--models bad_plugins:Exits", "bad_plugins:Exits failed on"),
        ("an adapter that panics", "--models bad_plugins:Panics", "with Panic: index out of range"),
        ("an adapter that raises", "--models toys:Faulty", "toys:Faulty failed on"),
        ("an error of two lines", "--models bad_plugins:TwoLines", "Second line"),
    ),
    *FILES,
]
