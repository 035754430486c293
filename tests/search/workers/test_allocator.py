"""What is asked of the C library's allocator, and that nothing is where there is none."""

import ctypes
import subprocess
import sys

import pytest

from cheapsearch.search.workers.allocator import keep_freed_memory

# malloc.h of glibc
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


class Library:
    """A C library whose `mallopt` takes every setting but those of `refused`."""

    def __init__(self, refused: tuple[int, ...] = ()) -> None:
        self.refused = refused
        self.made: dict[int, int] = {}

    def mallopt(self, parameter: int, value: int) -> int:
        self.made[parameter] = value
        return int(parameter not in self.refused)


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(sys, "platform", "linux")
    return monkeypatch


def test_keep_freed_memory_maps_nothing_and_hands_nothing_back(linux: pytest.MonkeyPatch) -> None:
    library = Library()
    linux.setattr(ctypes, "CDLL", lambda name: library)
    assert keep_freed_memory()
    assert set(library.made) == {M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX}
    assert library.made[M_MMAP_MAX] == 0  # no allocation gets a mapping of its own
    assert library.made[M_TRIM_THRESHOLD] == 2**31 - 1  # the largest int: the heap never shrinks
    assert library.made[M_TOP_PAD] > 0


@pytest.mark.parametrize("refused", [M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX])
def test_keep_freed_memory_says_if_a_setting_is_refused(linux: pytest.MonkeyPatch, refused: int) -> None:
    linux.setattr(ctypes, "CDLL", lambda name: Library((refused,)))
    assert not keep_freed_memory()


def test_keep_freed_memory_does_nothing_without_glibc(linux: pytest.MonkeyPatch) -> None:
    linux.setattr(ctypes, "CDLL", lambda name: object())  # musl has no mallopt
    assert not keep_freed_memory()

    def no_library(name: str) -> object:
        raise OSError(f"{name}: cannot open shared object file")

    linux.setattr(ctypes, "CDLL", no_library)
    assert not keep_freed_memory()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_keep_freed_memory_does_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    library = Library()
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert not keep_freed_memory()
    assert library.made == {}


def test_keep_freed_memory_is_what_this_library_takes() -> None:
    """In a process of its own, which ends with the settings; 0 is what glibc answers to a wrong one."""
    program = (
        "import ctypes\n"
        "from cheapsearch.search.workers.allocator import keep_freed_memory\n"
        "glibc = hasattr(ctypes.CDLL(None), 'gnu_get_libc_version')\n"
        "print(keep_freed_memory() == glibc)\n"
        "print(sum(len(bytes(40_000_000)) for _ in range(3)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "True\n120000000\n")
