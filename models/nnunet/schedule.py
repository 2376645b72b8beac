"""Length of nnU-Net trainings."""

from __future__ import annotations

from dataclasses import dataclass

TRAINER = "nnUNetTrainerScheduled"


@dataclass(frozen=True)
class Schedule:
    """Epochs and iterations per epoch; the defaults are nnU-Net's and the paper's."""

    epochs: int = 1000
    iterations: int = 250

    @property
    def shortened(self) -> bool:
        """Whether there are fewer iterations than in nnU-Net's own schedule."""
        return self.epochs * self.iterations < FULL.epochs * FULL.iterations

    def __str__(self) -> str:
        return f"{self.epochs} epochs of {self.iterations} iterations"


FULL = Schedule()
SCHEDULES = {"paper": FULL, "small": Schedule(20, 20), "smoke": Schedule(2, 2)}
