"""Entry points of torch.hub: every preset by its name, and `architecture` for exported ones.

`torch.hub.load(CHECKOUT, "cheap_v2", source="local", num_classes=100, input_size=32)`. The package is the
folder of this file, installed or not, unless the process has imported another cheapsearch before.
"""

import sys as _sys
from collections.abc import Callable as _Callable
from importlib import import_module as _import_module
from importlib import util as _util
from pathlib import Path as _Path
from types import ModuleType as _ModuleType
from typing import Any as _Any

dependencies = ["torch", "fvcore", "safetensors", "yaml"]


def _package() -> _ModuleType:
    """The package of this folder, which has another name than it."""
    if "cheapsearch" not in _sys.modules:
        folder = _Path(__file__).resolve().parent
        spec = _util.spec_from_file_location(
            "cheapsearch", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        _sys.modules["cheapsearch"] = module = _util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return _import_module("cheapsearch")


_cheapsearch = _package()


def _entry(name: str) -> _Callable[..., _Any]:
    def create(*, num_classes: int = 10, input_size: int = 32, dropout: float = 0.0) -> _Any:
        return _cheapsearch.build(name, num_classes=num_classes, input_size=input_size, dropout=dropout)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = f"The preset {name} with fresh weights, for images of `input_size` pixels a side."
    return create


def architecture(config: str, *, weights: str | None = None) -> _Any:
    """The network of an exported YAML, with the weights of a file or fresh ones; or of such a file alone."""
    return _cheapsearch.load(config, weights=weights)


for _name in _cheapsearch.PRESETS:
    globals()[_name] = _entry(_name)
