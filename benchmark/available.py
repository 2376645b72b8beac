"""Models that cannot be made here: their packages or their weights are absent."""

from __future__ import annotations

from importlib.util import find_spec

from segbench.models.hub import model_folder, official_address
from segbench.models.named_weights import BUNDLED, WITHOUT_PATH, weights_of
from segbench.models.registry import MODELS, required_weights, weights_of_model
from segbench.models.weights import OFFICIAL, WeightsError


def unavailable(name: str, weights: str, among_others: bool = False) -> str | None:
    """Return why a model cannot be made here, and what to do, or None.

    Parameters
    ----------
    name : str
    weights : str
        Weights of the run.
    among_others : bool
        Whether the advice is for all models with the same reason.
    """
    of_hubs = ("transformers", "transformers") if official_address(name) else ("", "")
    module, extra = getattr(MODELS.get(name), "package", of_hubs)
    if module and find_spec(module) is None:
        return f"it needs another package; pip install 'segbench[{extra}]'"
    chosen = weights_of_model(weights, name)
    for network in required_weights(name):
        own, address = weights_of(chosen, network), official_address(network) or official_address(name)
        if address and own == BUNDLED:
            fetches = f"{network}=official fetches {address.removeprefix('hf://').partition('@')[0]}"
            fetches = "NAME=official fetches them from a hub" if among_others else fetches
            return f"it has no bundled weights; --weights {fetches}"
        if address is None and own == "official" and network not in OFFICIAL:
            return "it has no public weights; run it with --weights bundled into another folder"
        if address and own not in WITHOUT_PATH and not own.startswith("hf:"):
            try:
                model_folder(network, own)
            except WeightsError as error:
                return str(error)
    return None
