"""A checkpoint survives a kill, a full disk and damage to the newest file."""

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from cheapsearch.search.training.checkpoint import load_checkpoint, save_checkpoint

LENGTH = 1000


def state_of(number: int) -> dict[str, Any]:
    return {
        "epoch": number,
        "nested": {"weights": torch.full((LENGTH,), float(number))},
        "rows": [{"a": 0.1}],
    }


def silent(line: str) -> None:
    raise AssertionError(f"there is nothing to say, but: {line}")


def epoch_in(folder: Path) -> int | None:
    """Of the checkpoint that is found without a word."""
    state = load_checkpoint(folder, say=silent)
    return None if state is None else state["epoch"]


def flip_a_byte(path: Path, number: int) -> None:
    """In the middle of the weights, where the archive's own structure stays whole."""
    data = bytearray(path.read_bytes())
    weights = bytes(torch.full((LENGTH,), float(number)).numpy())
    start = data.index(weights)
    data[start + len(weights) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path, number: int) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path, number: int) -> None:
    path.write_bytes(b"")


def replace_by_text(path: Path, number: int) -> None:
    path.write_text("no archive at all\n")


DAMAGES = [flip_a_byte, truncate, empty, replace_by_text]


@pytest.fixture
def saved_twice(tmp_path: Path) -> Path:
    for number in (1, 2):
        save_checkpoint(tmp_path, state_of(number))
    return tmp_path


def test_load_checkpoint_gives_nothing_where_there_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path, say=silent) is None


def test_checkpoint_survives_a_round_trip(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(3)
    optimizer = {"state": {0: {"momentum_buffer": torch.randn(3, generator=random)}}, "param_groups": [{}]}
    state = {"epoch": 4, "average": None, "optimizer": optimizer, "generator": random.get_state()}

    save_checkpoint(tmp_path, state)
    loaded = load_checkpoint(tmp_path, say=silent)

    assert loaded is not None
    assert list(loaded) == list(state)
    assert (loaded["epoch"], loaded["average"]) == (4, None)
    momentum = loaded["optimizer"]["state"][0]["momentum_buffer"]
    assert torch.equal(momentum, optimizer["state"][0]["momentum_buffer"])  # type: ignore[index]
    again = torch.Generator()
    again.set_state(loaded["generator"])
    assert torch.equal(torch.rand(5, generator=again), torch.rand(5, generator=random))
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_save_checkpoint_keeps_the_one_before_and_no_other(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        save_checkpoint(tmp_path, state_of(number))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.pt", "previous.pt"]
    assert epoch_in(tmp_path) == 3
    (tmp_path / "last.pt").unlink()
    assert epoch_in(tmp_path) == 2


@pytest.mark.parametrize("damage", DAMAGES)
def test_load_checkpoint_says_that_the_newest_is_damaged_and_takes_the_one_before(
    damage: Any, saved_twice: Path
) -> None:
    last = saved_twice / "last.pt"
    damage(last, 2)
    said: list[str] = []

    state = load_checkpoint(saved_twice, say=said.append)

    assert state is not None
    assert state["epoch"] == 1
    assert torch.equal(state["nested"]["weights"], torch.ones(LENGTH))
    (line,) = said
    assert line.startswith(f"{last} is damaged (")
    assert line.endswith("going on from the checkpoint before it")
    assert "\n" not in line
    assert not last.exists()
    # The next checkpoint does not push the whole one out for the damaged one.
    save_checkpoint(saved_twice, state_of(5))
    assert epoch_in(saved_twice) == 5
    (saved_twice / "last.pt").unlink()
    assert epoch_in(saved_twice) == 1


def test_load_checkpoint_starts_over_when_both_are_damaged(saved_twice: Path) -> None:
    flip_a_byte(saved_twice / "last.pt", 2)
    truncate(saved_twice / "previous.pt", 1)
    said: list[str] = []

    assert load_checkpoint(saved_twice, say=said.append) is None

    assert [Path(line.split(" is damaged")[0]).name for line in said] == ["last.pt", "previous.pt"]
    assert said[0].endswith("going on from the checkpoint before it")
    assert said[1].endswith("starting over")
    assert list(saved_twice.iterdir()) == []


def test_load_checkpoint_starts_over_when_the_only_one_is_damaged(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state_of(1))
    truncate(tmp_path / "last.pt", 1)
    said: list[str] = []

    assert load_checkpoint(tmp_path, say=said.append) is None
    assert [line.endswith("starting over") for line in said] == [True]


def test_load_checkpoint_runs_no_code_of_the_file(tmp_path: Path) -> None:
    torch.save({"path": Path("somewhere")}, tmp_path / "last.pt")  # not a plain value
    said: list[str] = []

    assert load_checkpoint(tmp_path, say=said.append) is None
    assert len(said) == 1


def test_save_checkpoint_leaves_all_as_it_was_when_the_disk_is_full(
    saved_twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in saved_twice.iterdir()}

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left on device") as caught:
        save_checkpoint(saved_twice, state_of(3))

    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(saved_twice / "last.pt"))
    assert {path.name: path.read_bytes() for path in saved_twice.iterdir()} == before
    assert epoch_in(saved_twice) == 2


def test_load_checkpoint_finds_the_one_before_after_a_kill_between_the_renames(
    saved_twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def die_at_the_second(self: Path, target: Path) -> Path:
        if target.name == "last.pt":
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(saved_twice, state_of(3))
    assert epoch_in(saved_twice) == 2
