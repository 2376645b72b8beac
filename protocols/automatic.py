"""Automatic segmentation of scans: all structures at once, of a subject's scans together or one by one.

InterConv, section 4.2 (Fig. 6 to 10, Table 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

import numpy as np
import torch

from segbench.datasets.scans import ScanData
from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, ModelAdapter, Query
from segbench.protocols.annotators import Mark
from segbench.protocols.config import Config, admit
from segbench.protocols.inference import ask
from segbench.protocols.records import Records, SampleKey, collect, context_kind
from segbench.protocols.trajectory import Trajectory

Answer = tuple[np.ndarray, float]  # label map uint8 (H, W), and seconds in the model


@dataclass(frozen=True)
class SetAutomatic:
    """Every scan of the split once, without any interaction; a set is all scans of a subject.

    Attributes
    ----------
    name : str
    version : int
        Grows when the same configuration would give other records.
    max_steps : int
        0, as there are no interactions.
    max_simulations : int
        1, as nothing is drawn.
    """

    name: str
    version: int
    max_steps: int = 0
    max_simulations: int = 1
    data_kind: ClassVar[str] = "scans"  # of the data sets that it is for
    needs_seed_image: ClassVar[bool] = False
    ordered: ClassVar[bool] = False

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        """Why a model cannot take part, or None."""
        return None if capabilities.automatic else "it segments one structure, not all of them at once"

    def unsupported_task(self, data: ScanData | TaskData, config: Config) -> str | None:
        """What a task lacks for this protocol, or None."""
        if not isinstance(data, ScanData):
            return f"{data.task} has one structure, not label maps of several"
        return None if len(data.indices(config.split)) else f"{data.task} has no {config.split} scan"

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        """Rough relative time: a scan's structures are assessed one by one."""
        return available * 5

    def run(
        self,
        data: ScanData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> Records:
        """As `InGames.run`, with one row per scan and structure; ``seed_adapter`` is not used.

        Positions number the scans of a subject. A structure that is neither in a scan nor in its prediction
        has no row; one that is only in the prediction has Dice 0.
        """
        admit(self, model, adapter.capabilities, data, config)
        setwise, kind = adapter.capabilities.setwise, context_kind(adapter.capabilities, config)
        subjects = data.sets(config.split)
        shown = max(subjects, key=len)  # the first of those with the most scans
        records = Records()
        answers = _answers(adapter, data, subjects)
        for scans in subjects:
            for number, structure in enumerate(data.structures, start=1):
                found = [
                    _assessed(data, int(scan), number, answers[int(scan)], config, scans is shown)
                    for scan in scans
                ]
                companions = len(scans) - 1 if setwise else 0
                rows = [
                    (SampleKey(0, position, int(scan), companions), trajectory)
                    for position, (scan, trajectory) in enumerate(zip(scans, found, strict=True), start=1)
                    if trajectory.label.any() or trajectory.mask.any()
                ]
                records.extend(collect(self.name, model, data, config.split, kind, rows, (0,), structure))
        return records


def _answers(adapter: ModelAdapter, data: ScanData, subjects: Sequence[np.ndarray]) -> dict[int, Answer]:
    """The label map of every scan, by its index; sets of one size are asked for together."""
    setwise = adapter.capabilities.setwise

    def query(part: Sequence[Sequence[int]]) -> Query:
        images = torch.from_numpy(data.images[[scan for scans in part for scan in scans]])
        return Query(images, sets=tuple(map(len, part)) if setwise else None)

    sets = [scans.tolist() for scans in subjects]
    if not setwise:
        sets = [[scan] for scans in sets for scan in scans]
    found = {}
    for _, equal in groupby(sorted(sets, key=len), key=len):
        alike = list(equal)
        for scans, (logits, seconds) in zip(alike, ask(adapter, alike, query, data.classes), strict=True):
            maps = logits.cpu().numpy().argmax(axis=1).astype(np.uint8)
            found.update({scan: (own, seconds / len(scans)) for scan, own in zip(scans, maps, strict=True)})
    return found


def _assessed(
    data: ScanData, scan: int, number: int, answer: Answer, config: Config, pictured: bool
) -> Trajectory:
    """One structure of one scan, with the time that all of them took."""
    found, seconds = answer
    trajectory = Trajectory(data.images[scan, 0], data.labels[scan, 0] == number, pictured=pictured)
    trajectory.logits = np.where(found == number, np.float32(1), np.float32(-1))
    trajectory.seconds = seconds
    trajectory.assess(0, Mark(), config.target_dice)
    return trajectory


SET_AUTOMATIC = SetAutomatic("set-automatic", version=1)
