"""Who is measured: adapters, networks, weights and training."""

from __future__ import annotations

from models.registry import MODELS, create_model
from models.weights import WeightsError

__all__ = ["MODELS", "WeightsError", "create_model"]
