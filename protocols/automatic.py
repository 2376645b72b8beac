"""Automatic segmentation of scans: all structures at once, of a subject's scans together or one by one.

InterConv, section 4.2 (Fig. 6 to 10, Table 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from segbench.datasets.scans import ScanData
from segbench.datasets.task import ImageData
from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config
from segbench.protocols.protocol import PredictionKind, Protocol
from segbench.protocols.records import Sample, SampleKey
from segbench.protocols.simulation import Request, Setup, Simulation
from segbench.protocols.trajectory import Trajectory


class SetAutomatic(Protocol):
    """Each scan once; a subject's scans are a set.

    There is a row per scan and structure, but none for a structure that is neither in a scan nor in its
    prediction. A structure that is only in the prediction has Dice 0.
    """

    name = "set-automatic"
    title = "Automatic segmentation of sets"
    unit = "predictions"
    family = "scans"
    in_study = True
    data_kind = "scans"
    max_simulations = 1  # nothing is drawn

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        return None if capabilities.automatic else "it segments one structure, not all of them at once"

    def unsupported_task(self, data: ImageData, config: Config) -> str | None:
        if not isinstance(data, ScanData):
            return f"{data.task} has one structure, not label maps of several"
        return None if len(data.indices(config.split)) else f"{data.task} has no {config.split} scan"

    def predictions(
        self, simulations: int, available: int, config: Config, capabilities: Capabilities
    ) -> Mapping[PredictionKind, int]:
        return {PredictionKind(0, False): simulations * available}

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        subjects = setup.data.sets(setup.config.split)
        pictured = max(subjects, key=len)  # the first subject with the most scans
        position = 1
        for scans in subjects:
            yield self._subject(setup, scans.tolist(), position, scans is pictured)
            position += len(scans)

    def _subject(
        self, setup: Setup, scans: Sequence[int], position: int, pictured: bool
    ) -> Simulation[list[Sample]]:
        """Segment the scans of a subject; ``position`` is that of the first."""
        data, setwise = setup.data, setup.adapter.capabilities.setwise
        segmented = [_Scan(data.images[i, 0], data.labels[i, 0], setup.config.target_dice) for i in scans]
        for targets in [segmented] if setwise else [[scan] for scan in segmented]:
            yield Request(setup.adapter, targets, step=0, classes=data.classes)
        samples = []
        for number, structure in enumerate(data.structures, start=1):
            for offset, (image, scan) in enumerate(zip(scans, segmented, strict=True)):
                trajectory = scan.of_structure(number, pictured)
                if trajectory.label.any() or trajectory.mask.any():
                    set_size = len(scans) if setwise else 1
                    key = SampleKey(position + offset, image, set_size=set_size, label=structure)
                    trajectory.release()
                    samples.append((key, trajectory))
        return samples


class _Scan(Trajectory):
    """A scan while all its structures are segmented at once; ``label`` is its label map, uint8 (H, W)."""

    label_map: np.ndarray  # predicted, uint8 (H, W)

    def receive(
        self, step: int, logits: np.ndarray, seconds: float, counts: tuple[int, int, int] | None = None
    ) -> None:
        """Take the logits of all classes, float32 (classes, H, W)."""
        self.label_map = logits.argmax(axis=0).astype(np.uint8)
        self.seconds += seconds

    def of_structure(self, number: int, pictured: bool) -> Trajectory:
        """Return the segmentation of one structure, with the time that all structures took together."""
        trajectory = Trajectory(self.image, self.label == number, self.target_dice, pictured=pictured)
        logits = np.where(self.label_map == number, np.float32(1), np.float32(-1))
        trajectory.receive(0, logits[None], self.seconds)
        return trajectory


SET_AUTOMATIC = SetAutomatic()
