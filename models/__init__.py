"""Who is measured: adapters, networks, weights and training."""

from __future__ import annotations

from segbench.models.registry import MODELS, create_model
from segbench.models.weights import WeightsError
from segbench.short_names import alias

__all__ = ["MODELS", "WeightsError", "create_model"]

alias(__name__)
