"""Stands for nnU-Net's child process: counts epochs, and packs a file that `toys.Learner` reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def plan(**_: Any) -> None:
    print("planned")


def train(folder: str, options: dict[str, Any], **_: Any) -> None:
    (Path(folder) / "results").mkdir(exist_ok=True)
    for epoch in range(1, options["epochs"] + 1):
        print("Epoch time: 1 s")
        Path(options["counter"]).write_text(str(epoch))


def pack(metadata: dict[str, Any], target: str, **_: Any) -> None:
    from safetensors.numpy import save_file

    training = metadata | {"threshold": 0.45, "trainer": "nnUNetTrainerScheduled, nnunetv2 stub"}
    save_file({}, target, metadata={"training": json.dumps(training)})


if __name__ == "__main__":
    {"plan": plan, "train": train, "pack": pack}[sys.argv[1]](**json.loads(sys.argv[2]))
