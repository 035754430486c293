"""The layers import one way: space <- models <- devices <- search, space <- reports (design.md, "Layers")."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("space", "models", "devices", "search", "reports")

# A layer may import from these layers.
MAY_IMPORT = {
    "space": {"space"},
    "models": {"space", "models"},
    "devices": {"space", "models", "devices"},
    "search": {"space", "models", "devices", "search"},
    "reports": {"space", "reports"},
}
# Inside search a room, a folder or a module, may import from itself and these; only three see the reports.
ROOMS: dict[str, set[str]] = {
    "data": set(),
    "workers": set(),
    "training": {"data", "workers"},
    "samplers": set(),
    "study": {"data", "workers", "training", "samplers"},
    "testing": {"workers", "samplers", "study"},
    "insight": {"samplers"},
    "rehearsal": {"workers", "samplers", "study"},
    "results": set(),
    "latency": set(),
    "tracking": set(),
    "api": {
        *("data", "workers", "training", "samplers", "study"),
        *("insight", "rehearsal", "results", "latency", "tracking"),
    },
    "cli": {
        "data",
        "workers",
        "training",
        "samplers",
        "study",
        "insight",
        "rehearsal",
        "results",
        "latency",
        "api",
    },
}
SEES_REPORTS = {"api", "cli", "results"}
TORCH = {"torch", "torchvision", "fvcore"}  # the last two import the first
MAY_NOT_USE = {
    "space": {*TORCH, "optuna"},
    "reports": {*TORCH, "optuna"},
    "models": {"optuna"},
    "devices": {"optuna"},
}

MAX_LINES = 300
LONGER = {"space/backbones.py": "the block tables of the backbones: data, not code"}

MODULES = sorted(
    path.relative_to(ROOT).as_posix() for layer in LAYERS for path in (ROOT / layer).rglob("*.py")
)


def imports(source: str, module: str) -> set[str]:
    """Full names that a module imports anywhere, in functions and under TYPE_CHECKING too.

    `from a import b` counts as `a.b`; relative names are resolved against the module's path, such as
    `space/canonical.py`. Calls of `import_module` and `__import__` with a literal name count as well.
    """
    package = ["cheapsearch", *Path(module).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *(node.module.split(".") if node.module else [])])
            found |= {f"{prefix}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and node.args:
            function = (
                node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            )
            name = node.args[0]
            if function in ("import_module", "__import__") and isinstance(name, ast.Constant):
                text = str(name.value)
                level = len(text) - len(text.lstrip("."))
                base = package[: len(package) - level + 1] if level else []
                found.add(".".join([*base, text.lstrip(".")]))
    return found


def broken_rules(source: str, module: str) -> list[str]:
    """What a module imports that its layer may not."""
    layer = module.split("/")[0]
    room = Path(module.split("/")[1]).stem if layer == "search" else ""
    allowed = MAY_IMPORT[layer] | ({"reports"} if room in SEES_REPORTS else set())
    broken = []
    for name in sorted(imports(source, module)):
        first, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if first == "cheapsearch" and target not in allowed | {"__version__"}:
            broken.append(f"{module}: may not import {name}")
        if first in MAY_NOT_USE.get(layer, set()):
            broken.append(f"{module}: may not use {name}")
        if room in ROOMS and first == "cheapsearch" and target == "search":
            there = rest.split(".")[1] if "." in rest else ""
            if there not in ROOMS[room] | {room}:
                broken.append(f"{module}: may not import {name}")
    return broken


def test_modules_are_found_in_every_layer_and_room() -> None:
    assert {module.split("/")[0] for module in MODULES} == set(LAYERS)
    rooms = {Path(module.split("/")[1]).stem for module in MODULES if module.startswith("search/")}
    assert rooms == set(ROOMS) | {"__init__"}


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_what_its_layer_may(module: str) -> None:
    assert broken_rules((ROOT / module).read_text("utf-8"), module) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("space/new.py", "from ..models import build"),
        ("space/new.py", "from ..models.blocks import Block"),
        ("space/new.py", "from .. import reports"),
        ("space/new.py", "from .. import load"),
        ("space/new.py", "import cheapsearch.search.cli.main"),
        ("space/new.py", "import cheapsearch"),
        ("space/new.py", "def f():\n    import torch.nn as nn"),
        ("space/new.py", "from fvcore.nn import FlopCountAnalysis"),
        ("space/new.py", "from importlib import import_module\nimport_module('torch')"),
        ("space/new.py", "import importlib\nimportlib.import_module('..models', __package__)"),
        ("space/deep/new.py", "from ...models import build"),
        ("models/new.py", "from ..search.proxy import Proxy"),
        ("models/new.py", "if TYPE_CHECKING:\n    from ..reports import table"),
        ("models/new.py", "import optuna"),
        ("models/new.py", "from ..devices import onnx_file"),
        ("devices/new.py", "from ..search.data import open_images"),
        ("reports/new.py", "from cheapsearch.search import data"),
        ("reports/new.py", "from ..models import count"),
        ("reports/new.py", "from optuna.trial import TrialState"),
        ("search/study/new.py", "from ...reports import report"),
        ("search/new.py", "from ..reports import report"),
        ("search/data/new.py", "from ..training import loop"),
        ("search/workers/new.py", "from ..data import load_images"),
        ("search/samplers/new.py", "from ..study.plan import Plan"),
        ("search/training/new.py", "from ..study import stopping"),
        ("search/study/new.py", "from ..rehearsal.replay import replay"),
        ("search/rehearsal/new.py", "from ..training.loop import train"),
        ("search/study/new.py", "from .. import cli"),
        ("search/study/new.py", "from .. import api"),
        ("search/api.py", "from .cli import main"),
    ],
)
def test_rules_refuse_an_import_against_the_layers(module: str, source: str) -> None:
    assert len(broken_rules(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("space/new.py", "import yaml\nfrom .sites import SITES\nfrom ..space import PRESETS"),
        ("models/new.py", "import torch\nfrom ..space import Architecture\nfrom .blocks import Block"),
        ("search/study/new.py", "import optuna\nfrom ... import __version__\nfrom ...models import build"),
        (
            "search/cli/new.py",
            "from ...reports import write\nfrom ...models import build\nfrom ..study.run import Run",
        ),
        ("devices/new.py", "import torch\nfrom ..models import deploy\nfrom ..space import UserError"),
        ("search/training/new.py", "from ...devices.onnx_file import write_onnx"),
        ("search/api.py", "from ..reports import write_report\nfrom .study.opening import open_run"),
        ("search/cli/new.py", "from .. import api"),
        ("reports/new.py", "import pandas\nfrom ..space.front import pareto_front"),
    ],
)
def test_rules_allow_imports_with_the_layers(module: str, source: str) -> None:
    assert broken_rules(source, module) == []


@pytest.mark.parametrize("layer", ["space", "reports"])
def test_layer_loads_without_torch_optuna_and_the_other_layers(layer: str, tmp_path: Path) -> None:
    names = [
        ".".join(["cheapsearch", *Path(module).with_suffix("").parts]).removesuffix(".__init__")
        for module in MODULES
        if module.startswith(f"{layer}/")
    ]
    program = (
        "import importlib, sys\n"
        f"for name in ['cheapsearch.{layer}', *{names!r}]: importlib.import_module(name)\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert set(names) <= loaded
    forbidden = MAY_NOT_USE[layer] | {f"cheapsearch.{other}" for other in set(LAYERS) - MAY_IMPORT[layer]}
    assert not loaded & forbidden


@pytest.mark.parametrize("module", [name for name in MODULES if name.endswith("__init__.py")])
def test_init_only_re_exports(module: str) -> None:
    """A docstring, relative imports and `__all__`: importing does no work and reads no environment."""
    for node in ast.parse((ROOT / module).read_text("utf-8")).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        relative = isinstance(node, ast.ImportFrom) and node.level >= 1
        names = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        assert docstring or relative or names, f"{module}, line {node.lineno}: {ast.unparse(node)[:60]}"


def test_root_init_holds_the_version_and_the_lazy_loader_only() -> None:
    body = ast.parse((ROOT / "__init__.py").read_text("utf-8")).body
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    assigned = [ast.unparse(node.targets[0]) for node in body if isinstance(node, ast.Assign)]
    run = {name for node in body if isinstance(node, ast.ImportFrom) for name in [node.module]}
    assert functions == ["__getattr__", "__dir__"]
    assert assigned == ["__version__", "_PUBLIC", "__all__"]
    assert run == {"typing"}  # the layers' names only under `if TYPE_CHECKING`
    kinds = (ast.Expr, ast.ImportFrom, ast.If, ast.Assign, ast.FunctionDef)
    assert all(isinstance(node, kinds) for node in body)


@pytest.mark.parametrize("module", MODULES)
def test_module_is_no_longer_than_one_concept_needs(module: str) -> None:
    # style.md, 2: "above 300 it wants to be two, for a reason a reader sees"
    lines = len((ROOT / module).read_text("utf-8").splitlines())
    assert lines <= MAX_LINES or module in LONGER, f"{module} has {lines} lines"


def test_longer_modules_are_still_longer() -> None:
    for module in LONGER:
        assert len((ROOT / module).read_text("utf-8").splitlines()) > MAX_LINES, (
            f"{module} needs no exception"
        )
