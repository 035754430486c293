"""What is installed: the list of packages, the public names, and a quick start without torch."""

import os
import subprocess
import sys
import time
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import cheapsearch

ROOT = Path(__file__).parents[1]
LAYERS = {"space", "models", "devices", "search", "reports"}
FOLDERS = LAYERS | {"tests", "docs", "examples"}
FILES = {
    *("__init__.py", "__main__.py", "py.typed"),
    *("pyproject.toml", "MANIFEST.in", "LICENSE", ".gitignore", "mkdocs.yml"),
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "hubconf.py"),
    *("PKG-INFO", "setup.cfg"),  # in a source distribution
}
# Left behind by tools; none of it is part of the project.
LEFT_BEHIND = {
    *(".git", ".venv", ".ci", ".ci-venv", "build", "dist", "runs", "__pycache__"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".coverage", ".hypothesis"),
}


def in_tree(path: Path) -> bool:
    return path.name not in LEFT_BEHIND and path.suffix != ".egg-info"


def packages_of(folder: Path, name: str) -> list[str]:
    """Every folder with an `__init__.py`, as a package name; tests are none."""
    found = [name] if (folder / "__init__.py").exists() else []
    for child in folder.iterdir():
        if child.is_dir() and in_tree(child) and (folder, child.name) != (ROOT, "tests"):
            found += packages_of(child, f"{name}.{child.name}")
    return found


def run_cheapsearch(
    *arguments: str, cwd: Path, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-m", "cheapsearch", *arguments],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
    )


# --- the tree ---------------------------------------------------------------------------------------


def test_packages_listed_are_those_in_the_tree() -> None:
    # A sub-package missing from the list works editable and is absent from the wheel.
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    listed = config["tool"]["setuptools"]["packages"]
    assert len(set(listed)) == len(listed)
    assert set(listed) == set(packages_of(ROOT, "cheapsearch"))
    assert {f"cheapsearch.{layer}" for layer in LAYERS} <= set(listed)


def test_packages_hold_every_module() -> None:
    for layer in LAYERS:
        for path in (ROOT / layer).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), f"{path} is in a folder that is no package"


def test_root_holds_only_the_folders_of_the_design() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and in_tree(path)}
    assert folders >= LAYERS | {"tests"}
    assert folders <= FOLDERS


def test_root_holds_only_the_files_packaging_needs() -> None:
    files = {path.name for path in ROOT.iterdir() if path.is_file() and in_tree(path)}
    assert files >= {"__init__.py", "__main__.py", "py.typed", "pyproject.toml", "README.md", "LICENSE"}
    assert files <= FILES


def test_tests_mirror_the_layers() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and in_tree(path)}
    assert folders == LAYERS | {"fixtures"}


# --- public names -----------------------------------------------------------------------------------


def test_version_is_the_installed_one() -> None:
    assert metadata.version("cheapsearch") == cheapsearch.__version__


@pytest.mark.parametrize("name", cheapsearch._PUBLIC)
def test_public_name_resolves_to_its_layer(name: str) -> None:
    value = getattr(cheapsearch, name)
    layer = sys.modules[f"cheapsearch.{cheapsearch._PUBLIC[name]}"]
    assert value is getattr(layer, name)
    assert name in layer.__all__


def test_public_names_are_listed() -> None:
    assert dir(cheapsearch) == sorted({"__version__", *cheapsearch._PUBLIC})
    assert set(cheapsearch.__all__) == set(dir(cheapsearch))
    assert set(cheapsearch._PUBLIC.values()) <= LAYERS | {
        *("search.api", "search.results", "search.study.export", "search.training.predict")
    }


def test_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'cheapsearch' has no attribute 'nothing'"):
        cheapsearch.nothing  # noqa: B018
    assert not hasattr(cheapsearch, "torch")


def test_importing_loads_nothing_else(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import cheapsearch\n"
        "print(*set(sys.modules) - before)\n"
        "cheapsearch.Architecture, cheapsearch.SearchSpace\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    loaded = {name for name in first.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert loaded == {"cheapsearch"}
    assert second == "False"


# --- the command ------------------------------------------------------------------------------------


def test_command_prints_its_version(tmp_path: Path) -> None:
    done = run_cheapsearch("--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[-1] == cheapsearch.__version__


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_command_starts_without_torch(argument: str, tmp_path: Path) -> None:
    done = run_cheapsearch(argument, cwd=tmp_path, options=("-X", "importtime"))
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "cheapsearch.search.cli.main" in loaded
    assert "torch" not in loaded


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_command_starts_within_half_a_second(argument: str, tmp_path: Path) -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        done = run_cheapsearch(argument, cwd=tmp_path)
        seconds.append(time.perf_counter() - start)
        assert done.returncode == 0, done.stderr
    assert min(seconds) < 0.5  # the quickest: whatever else the machine does only adds
