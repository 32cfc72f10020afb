"""Predict 35 anatomical markers from sparse 3-D video keypoints.

    import trcaugment

    keypoints = trcaugment.read_trc("walk.trc")
    subject = trcaugment.Subject(height_m=1.584, mass_kg=58.32)
    result = trcaugment.augment(keypoints, subject, trcaugment.load_model())
    trcaugment.write_trc("walk_aug.trc", result.markers)

Importing the package loads neither torch nor opensim, nor does predicting on a CPU.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trcaugment.chain.augmentation import Augmentation, augment
    from trcaugment.errors import TrcAugmentError
    from trcaugment.formats.trc import read_trc, write_trc
    from trcaugment.live.stream import Stream
    from trcaugment.markers import Markers
    from trcaugment.model.card import list_models
    from trcaugment.model.folder import Model, load_model
    from trcaugment.subject import Subject

__version__ = "0.2.0"  # the only place: pyproject.toml reads it from here

_MODULES = {
    "Augmentation": "chain.augmentation",
    "Markers": "markers",
    "Model": "model.folder",
    "Stream": "live.stream",
    "Subject": "subject",
    "TrcAugmentError": "errors",
    "augment": "chain.augmentation",
    "list_models": "model.card",
    "load_model": "model.folder",
    "read_trc": "formats.trc",
    "write_trc": "formats.trc",
}

__all__ = [
    "Augmentation",
    "Markers",
    "Model",
    "Stream",
    "Subject",
    "TrcAugmentError",
    "__version__",
    "augment",
    "list_models",
    "load_model",
    "read_trc",
    "write_trc",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'trcaugment' has no attribute '{name}'")
    return getattr(import_module(f"trcaugment.{_MODULES[name]}"), name)
