"""cheapsearch: neural architecture search over the modification sites of MobileNetV2 and V3."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import build as build
    from .models import count as count
    from .models import deploy as deploy
    from .models import load as load
    from .models import load_operations as load_operations
    from .search.api import rehearse as rehearse
    from .search.api import retrain as retrain
    from .search.api import run as run
    from .search.api import train as train
    from .search.results import results as results
    from .search.study.export import export as export
    from .search.training.predict import predict as predict
    from .space import PRESETS as PRESETS
    from .space import Architecture as Architecture
    from .space import Operation as Operation
    from .space import SearchSpace as SearchSpace
    from .space import UserError as UserError
    from .space import architecture_hash as architecture_hash
    from .space import canonical as canonical
    from .space import load_backbone as load_backbone

__version__ = "0.1.0"

# Public name -> where it lives; loaded when first used, so that importing stays free of torch.
_PUBLIC = {
    "Architecture": "space",
    "Operation": "space",
    "PRESETS": "space",
    "SearchSpace": "space",
    "UserError": "space",
    "architecture_hash": "space",
    "canonical": "space",
    "build": "models",
    "count": "models",
    "deploy": "models",
    "export": "search.study.export",
    "load": "models",
    "load_backbone": "space",
    "load_operations": "models",
    "predict": "search.training.predict",
    "rehearse": "search.api",
    "results": "search.results",
    "retrain": "search.api",
    "run": "search.api",
    "train": "search.api",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
