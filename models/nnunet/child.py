"""Steps of nnU-Net, each in a child process, as nnunetv2 reads its folders from the environment.

The pipeline and the adapter call ``python -m segbench.models.nnunet.child plan|train|pack|predict JSON``. The
JSON holds the arguments of the step, and optionally ``device``, ``threads`` and ``folder``.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from segbench.models.nnunet.raw import NAME
from segbench.models.nnunet.schedule import TRAINER
from segbench.processes import end_with

CONFIGURATION, PLANS, FOLD = "2d", "nnUNetPlans", 0
MAX_AUGMENTERS = 12  # processes that augment for a GPU: nnU-Net's own number


def set_environment(step: str, device: str, threads: int = 1, folder: str = "") -> None:
    """Set the environment variables of nnU-Net for a folder and one device."""
    # On a CPU, augmentation takes 2% of the time and its processes may hang. Planning needs at least one.
    augmenters = 0 if (step, device) == ("train", "cpu") else min(MAX_AUGMENTERS, threads)
    variables = {f"nnUNet_{name}": str(Path(folder) / name) for name in ("raw", "preprocessed", "results")}
    variables |= {
        "nnUNet_extTrainer": str(Path(__file__).parent / "trainer"),
        "nnUNet_def_n_proc": str(threads),
        "nnUNet_n_proc_DA": str(augmenters),
    }
    if device == "cpu":
        variables["nnUNet_compile"] = "f"
    variables["CUDA_VISIBLE_DEVICES"] = visible(device, os.environ.get("CUDA_VISIBLE_DEVICES"))
    os.environ.update(variables)


def visible(device: str, allowed: str | None) -> str:
    """The number of the GPU of a device such as ``cuda:1`` among the allowed ones; empty for the CPU."""
    if device == "cpu":
        return ""
    number = device.partition(":")[2] or "0"
    return allowed.split(",")[int(number)] if allowed else number


def plan() -> None:
    """Fingerprint, plan and preprocess the data set in ``nnUNet_raw``."""
    from nnunetv2.configuration import default_num_processes
    from nnunetv2.experiment_planning import plan_and_preprocess_api as api

    api.extract_fingerprints([1], check_dataset_integrity=True)
    api.plan_experiments([1])
    api.preprocess([1], PLANS, (CONFIGURATION,), [default_num_processes])


def train(kind: str, options: dict[str, Any]) -> None:
    """Train the network, or continue from nnU-Net's last checkpoint.

    Parameters
    ----------
    kind : {"cpu", "cuda"}
        Kind of the only device that this process sees.
    options : dict
        See `nnUNetTrainerScheduled`.
    """
    import torch
    from nnunetv2.configuration import default_num_processes
    from nnunetv2.paths import nnUNet_extTrainer, nnUNet_preprocessed
    from nnunetv2.run.run_training import maybe_load_checkpoint
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

    torch.set_num_threads(default_num_processes if kind == "cpu" else 1)
    torch.backends.cudnn.benchmark = kind == "cuda"
    resumes = any(_trained_folder().glob("checkpoint_*.pth"))
    preprocessed = Path(nnUNet_preprocessed) / NAME
    plans = json.loads((preprocessed / f"{PLANS}.json").read_text())
    plans |= {"continue_training": resumes, "options": options}
    dataset = json.loads((preprocessed / "dataset.json").read_text())
    # Only external trainers are searched: nnU-Net's own trainers import torchvision.
    trainer_class = recursive_find_python_class(str(nnUNet_extTrainer), TRAINER, None)
    trainer = trainer_class(plans, CONFIGURATION, FOLD, dataset, torch.device(kind))
    maybe_load_checkpoint(trainer, continue_training=resumes, validation_only=False)
    trainer.run_training()


def pack(metadata: dict[str, Any], target: str) -> None:
    """Write the trained network to one safetensors file whose header holds all that prediction needs.

    Parameters
    ----------
    metadata : dict
        Further metadata for the header.
    target : str
        File to write.
    """
    import torch
    from safetensors.torch import save_file

    from segbench.models.training.checkpointed import atomic_write

    folder = _trained_folder()
    # The step before wrote this file, which holds more than tensors.
    checkpoint = torch.load(folder / "checkpoint_final.pth", map_location="cpu", weights_only=False)
    unique = {tensor.data_ptr(): name for name, tensor in reversed(checkpoint["network_weights"].items())}
    weights = {name: checkpoint["network_weights"][name].contiguous() for name in unique.values()}
    header = metadata | {
        "trainer": f"{checkpoint['trainer_name']}, nnunetv2 {version('nnunetv2')}",
        "val_dice": float(
            checkpoint["logging"]["mean_fg_dice"][-1]
        ),  # nnU-Net's own: over the pixels of batches
        "mirroring": checkpoint["inference_allowed_mirroring_axes"],
        "plans": json.loads((folder.parent / "plans.json").read_text()),
        "dataset": json.loads((folder.parent / "dataset.json").read_text()),
    }
    with atomic_write(Path(target)) as temporary:
        save_file(weights, temporary, metadata={"training": json.dumps(header)})
    Path(target).chmod(0o644)


def predict(kind: str, weights: str) -> None:
    """Read pickled uint16 images (H, W) from standard input; write pickled float32 logits (H, W)."""
    output = sys.stdout.buffer
    sys.stdout = sys.stderr  # nnU-Net prints
    predictor = _predictor(Path(weights), kind)
    for image in _unpickled(sys.stdin.buffer):
        _, probabilities = predictor.predict_single_npy_array(
            image[None, None].astype(np.float32), {"spacing": (999, 1, 1)}, save_or_return_probabilities=True
        )
        background, foreground = np.log(np.clip(probabilities[:, 0].astype(np.float32), 1e-30, None))
        pickle.dump(foreground - background, output)
        output.flush()


def _unpickled(stream: BinaryIO) -> Iterator[np.ndarray]:
    """Yield the pickled images of a stream until its end."""
    with suppress(EOFError):
        while True:
            yield pickle.load(stream)


def _predictor(path: Path, kind: str):
    """Create nnU-Net's predictor with its defaults: mirroring and a sliding window."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    from safetensors.torch import load_file

    from segbench.models.weights import training_metadata

    if kind == "cpu":
        torch.set_num_threads(1)  # results must not depend on the number of cores
    metadata = training_metadata(path)
    plans = PlansManager(metadata["plans"])
    configuration = plans.get_configuration(CONFIGURATION)
    network = get_network_from_plans(
        configuration.network_arch_class_name,
        configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import,
        input_channels=1,
        output_channels=2,
        deep_supervision=False,
    )
    _load(network, load_file(path))
    predictor = nnUNetPredictor(device=torch.device(kind), allow_tqdm=False)
    predictor.manual_initialization(
        network,
        plans,
        configuration,
        [network.state_dict()],
        metadata["dataset"],
        TRAINER,
        metadata["mirroring"],
    )
    return predictor


def _load(network, weights: dict) -> None:
    """Load weights; a tensor with several names in the network has one name in the file."""
    missing, unknown = network.load_state_dict(weights, strict=False)
    state = network.state_dict()
    loaded = {state[name].data_ptr() for name in weights.keys() & state.keys()}
    if unknown or any(state[name].data_ptr() not in loaded for name in missing):
        raise ValueError("the weights do not fit the network that their plans describe")


def _trained_folder() -> Path:
    """Folder in which nnU-Net keeps the trained network."""
    from nnunetv2.paths import nnUNet_results

    kind = f"{TRAINER}__{PLANS}__{CONFIGURATION}"
    return Path(nnUNet_results) / NAME / kind / f"fold_{FOLD}"


STEPS: dict[str, Callable[..., None]] = {"plan": plan, "train": train, "pack": pack, "predict": predict}

if __name__ == "__main__":
    end_with(os.getppid())
    step, text = sys.argv[1:]
    arguments = json.loads(text)
    environment = [name for name in ("device", "threads", "folder") if name in arguments]
    set_environment(step, **{name: arguments.pop(name) for name in environment})
    STEPS[step](**arguments)
