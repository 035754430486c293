"""A file is replaced whole or not at all."""

import errno
from pathlib import Path

import pytest

from cheapsearch.space import write_text
from cheapsearch.space.files import append


def test_write_text_writes_exactly_the_text(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    for text in ("first: 1\n", "größer\r\n\n", ""):
        write_text(path, text)
        assert path.read_bytes() == text.encode()
        assert list(tmp_path.iterdir()) == [path]


def test_write_text_keeps_the_old_text_when_the_new_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trials.csv"
    write_text(path, "old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_text(path, "new")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_text_needs_the_folder_and_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "none" / "run.yaml"
    with pytest.raises(FileNotFoundError) as caught:
        write_text(path, "text")
    assert caught.value.filename == str(path)  # not that of the text beside it
    assert list(tmp_path.iterdir()) == []


def test_append_adds_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trials.csv"
    path.write_bytes(b"number\n0\n")
    append(path, b"1\n")
    assert path.read_bytes() == b"number\n0\n1\n"

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left on device") as caught:
        append(path, b"2\n")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"number\n0\n1\n"
