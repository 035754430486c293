"""torch.hub builds networks from a checkout that is not installed."""

import subprocess
import sys
from importlib import util
from pathlib import Path

from cheapsearch.models import load
from cheapsearch.space import PRESETS

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "tests" / "fixtures" / "schema_0" / "training" / "best.safetensors"

# In a process that finds no cheapsearch but the checkout's.
PROGRAM = f"""
import sys, torch

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name == "cheapsearch":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotInstalled())
given = dict(source="local", trust_repo=True)
preset = torch.hub.load({str(ROOT)!r}, "cheap_v2", num_classes=7, input_size=16, **given)
print(sys.modules["cheapsearch"].__file__, preset(torch.zeros(2, 3, 16, 16)).shape[1])
trained = torch.hub.load({str(ROOT)!r}, "architecture", {str(WEIGHTS)!r}, **given)
print(trained.classifier.bias.tolist())
"""


def test_hub_loads_from_a_checkout_that_is_not_installed(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", PROGRAM]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    place, classes = first.split()
    assert Path(place).resolve() == (ROOT / "__init__.py").resolve()
    assert classes == "7"
    assert second == str(load(WEIGHTS).classifier.bias.tolist())


def test_hub_lists_every_preset_and_nothing_else() -> None:
    spec = util.spec_from_file_location("hubconf", ROOT / "hubconf.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # As torch.hub.list finds them.
    entries = {name for name in dir(module) if callable(getattr(module, name)) and name[0] != "_"}
    assert entries == {*PRESETS, "architecture"}
    assert all(getattr(module, name).__doc__ for name in entries)
    assert module.mobilenet_v2(num_classes=3).num_classes == 3
