"""The base class of all protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from segbench.datasets.scans import ScanData
from segbench.datasets.task import ImageData
from segbench.protocols.adapter import Capabilities, ModelAdapter, Prompt
from segbench.protocols.annotators import Annotator
from segbench.protocols.config import Config, ProtocolError
from segbench.protocols.records import Records, Sample, collect
from segbench.protocols.scheduler import run_simulations
from segbench.protocols.simulation import Setup, Simulation, SimulationGroup

NO_TRAIN_IMAGE = "no train image to begin the context with"


class PredictionKind(NamedTuple):
    """What the time of a prediction depends on."""

    images: int  # of the context or the set
    interactive: bool  # whether there are interactions on the image


class Protocol:
    """What is measured: which images are segmented, with which interactions and contexts.

    A subclass sets the facts below that differ, and implements `simulate`.

    Attributes
    ----------
    name : str
    version : int
        Grows when the same settings would give other records.
    title : str
        Title in reports; the name if empty.
    unit : str
        What an interaction is called in reports, in plural.
    family : str
        The kind of figures that show the protocol: sequential, bootstrapped, boxes, in-context,
        interactive-in-context, sets, scans, supervised or manual.
    in_study : bool
        Whether ``--protocol all`` includes it.
    variant : bool
        Whether it is a variant of another protocol; reports show its records and do not miss them.
    data_kind : {"tasks", "scans", "scribbles"}
        Kind of the data sets that it takes.
    max_steps : int
        Maximum number of interactions, unless the settings name one; 0 for a protocol without interactions.
    ordered : bool
        Whether the images of a simulation follow one another, each helped by those before it.
    needs_seed_image : bool
        Whether a seed model segments the first image of a context.
    context : {"none", "predictions", "ground-truth"}
        What models with a context get: nothing, their earlier predictions, or images with true labels. A
        context begins with images of the train split.
    needs_context : bool
        Whether models must take a context.
    annotator : Annotator or None
    per_training : bool
        Whether each simulation is a training of the model, with weights of its own.
    max_simulations : int or None
        Maximum number of simulations, whatever the settings name.
    block : int
        Simulations in a unit of work.
    """

    name: str
    version: int = 1
    title: str = ""
    unit: str = "interactions"
    family: str = ""
    in_study: bool = False
    variant: bool = False
    data_kind: str = "tasks"
    max_steps: int = 0
    ordered: bool = False
    needs_seed_image: bool = False
    context: str = "none"
    needs_context: bool = False
    annotator: Annotator | None = None
    per_training: bool = False
    max_simulations: int | None = None
    block: int = 10

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        """Return generators that yield requests and return finished images, in the order of the records.

        Parameters
        ----------
        setup : Setup
            Data, models and settings; both model and task are supported.
        simulations : sequence of int
        """
        raise NotImplementedError

    @property
    def annotator_name(self) -> str:
        """Value of the column ``annotator`` of the records."""
        return "none" if self.annotator is None else self.annotator.name

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Kinds of prompts that a model must take: those that the annotator draws."""
        return () if self.annotator is None else self.annotator.prompts

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        """Return why a model cannot take part, or None."""
        if self.max_steps and not capabilities.interactive:
            return "it takes no interactions"
        for prompt in self.prompts:
            if prompt not in capabilities.prompts:
                return f"it takes no {prompt}"
        if capabilities.needs_training and not self.per_training:
            return "it has to be trained on each task first"
        if self.needs_context and capabilities.setwise:
            return "it predicts sets of images, not one after another"
        if self.needs_context and not capabilities.in_context:
            return "it takes no context"
        if self.needs_context and capabilities.min_context > 1:
            return f"it takes no context of fewer than {capabilities.min_context} images"
        if self.context == "predictions" and capabilities.contexts > 1:
            return (
                f"it averages over {capabilities.contexts} random contexts, and earlier images give only one"
            )
        return None

    def unsupported_task(self, data: ImageData, config: Config) -> str | None:
        """Return why a task cannot be used, or None."""
        if isinstance(data, ScanData):
            return f"{data.task} has several structures in one label map; set-automatic is for such scans"
        available, needed = len(data.indices(config.split)), self.min_images(config)
        if not available:
            return f"{data.task} has no {config.split} image"
        if available < needed:
            return f"{data.task} has {available} {config.split} images, fewer than the {needed} needed"
        return None

    def needs_train_images(self, capabilities: Capabilities) -> bool:
        """Return whether a model gets a context, which begins with images of the train split."""
        return self.context != "none" and (capabilities.in_context or capabilities.setwise)

    def min_images(self, config: Config) -> int:
        """Return how many images of the evaluated split a task must have."""
        return config.images or 1 if self.ordered else 1

    def step_limit(self, config: Config) -> int:
        """Return the maximum number of interactions."""
        return self.max_steps and (config.max_steps or self.max_steps)

    def predictions(
        self, simulations: int, available: int, config: Config, capabilities: Capabilities
    ) -> Mapping[PredictionKind, int]:
        """Return how many predictions of each kind are made at most.

        Parameters
        ----------
        simulations : int
            Simulations of one unit of work.
        available : int
            Images of the task in the evaluated split.
        config : Config
        capabilities : Capabilities
            Of the model.
        """
        number = simulations * available * max(1, self.step_limit(config))
        return {PredictionKind(0, bool(self.max_steps)): number}

    def cost(self, simulations: int, available: int, config: Config, capabilities: Capabilities) -> int:
        """Return the rough relative time of simulations on a task; parameters as for `predictions`."""
        made = self.predictions(simulations, available, config, capabilities)
        return sum(number * (2 + kind.images) for kind, number in made.items())  # as measured

    def context_content(self, capabilities: Capabilities, config: Config) -> str:
        """Return what the context entries of a model hold: none, binary, soft or ground-truth."""
        if self.context != "predictions":
            return self.context
        if capabilities.setwise or not capabilities.in_context:
            return "none"
        return "ground-truth" if capabilities.true_context else config.context

    def require_supported(
        self, model: str, capabilities: Capabilities, data: ImageData, config: Config
    ) -> None:
        """Raise ProtocolError if a model or a task is not supported."""
        reason = self.unsupported_model(capabilities) or self.unsupported_task(data, config)
        if not reason and self.needs_train_images(capabilities) and not len(data.indices("train")):
            reason = f"{data.task} has {NO_TRAIN_IMAGE}"
        if reason:
            raise ProtocolError(f"{model} cannot run {self.name}: {reason}")

    def prepare(
        self,
        data: ImageData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> SimulationGroup[list[Sample], Records]:
        """Prepare what `run` runs, for `segbench.protocols.scheduler.run_simulations`.

        Parameters and errors as for `run`.
        """
        self.require_supported(model, adapter.capabilities, data, config)
        context = self.context_content(adapter.capabilities, config)

        def records(results: list[list[Sample]]) -> Records:
            samples = list(chain.from_iterable(results))
            return collect(self.name, model, data, config.split, context, samples)

        setup = Setup(data, adapter, config, seed_adapter)
        return SimulationGroup(self.simulate(setup, simulations), records)

    def run(
        self,
        data: ImageData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> Records:
        """Run simulations on a task. The records of each do not depend on the others.

        Parameters
        ----------
        data : TaskData, or ScanData or ScribbledData as `data_kind` demands
        adapter : ModelAdapter
            The model under test.
        simulations : sequence of int
            Indices of the simulations, or of the trainings if `per_training`.
        config : Config
        seed_adapter : ModelAdapter or None
            Segments the seed image, the same for all models: ScribblePrompt in the paper. Models without
            context and set need none.
        model : str
            Name of the model in the records.

        Raises
        ------
        ProtocolError
            If the model or the task is not supported, or the model returns no valid logits.
        """
        group = self.prepare(data, adapter, simulations, config, seed_adapter, model)
        ((_, records),) = run_simulations([group], adapter)
        return records
