"""A search on a disk that is full in earnest: a small file system of its own, which root may mount; slow."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cheapsearch.search.cli.main import main
from cheapsearch.space.saved_run import load_run

pytestmark = pytest.mark.slow

OPTIONS = (
    *("run", "--dataset", "digits", "--sampler", "random", "--repeats", "0", "--workers", "0"),
    *("--proxy", "epochs=1,images=60,input_size=8,width=0.25,batch_size=20"),
)


@pytest.fixture
def disk(tmp_path: Path, lacking: Callable[[str], None]) -> Iterator[Path]:
    """One of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "cheapsearch", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        lacking(f"needs to mount a file system, which root may: {error}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path, left: int) -> None:
    """Leave so many bytes."""
    found = os.statvfs(disk)
    (disk / "filled").write_bytes(bytes(found.f_bavail * found.f_frsize - left))


def trials(out: Path) -> list[tuple[object, ...]]:
    return [(t.hash, t.state, t.origin, t.accuracy) for t in load_run(out).trials]


def test_search_on_a_disk_that_is_full_says_so_in_one_line_and_goes_on_when_there_is_room(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left is used up by its first file, by a proposal, or by what it writes at its end."""
    out = disk / "run"
    assert main([*OPTIONS, "--budget", "1", "--out", str(out)]) == 0
    for left, what in (
        (0, f"cannot read or write {out / 'run.yaml'}: No space left on device"),
        (8_192, "--storage: cannot read or write the study (database or disk is full)"),
        (24_576, "No space left on device"),
    ):
        capsys.readouterr()
        fill(disk, left)
        assert main([*OPTIONS, "--budget", "6", "--out", str(out)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("cheapsearch: ")
        assert what in said
        assert said.endswith("what was finished is kept\n")
        assert said.count("\n") == 1
        (disk / "filled").unlink()
    assert main([*OPTIONS, "--budget", "6", "--out", str(out)]) == 0
    assert main([*OPTIONS, "--budget", "6", "--out", str(tmp_path / "run")]) == 0
    assert trials(out) == trials(tmp_path / "run")
