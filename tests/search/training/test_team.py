"""Two processes train the network that one trains with the whole batch."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from cheapsearch.search.training import full as full_training
from cheapsearch.search.training import splits
from cheapsearch.search.training.full import FullTrainer, TrainingJob
from cheapsearch.search.training.images import DataSource
from cheapsearch.search.training.policy import Policy
from cheapsearch.search.training.team import ALONE, Team, join_team, synchronise
from cheapsearch.space import Architecture, UserError

DIGITS = DataSource("few.npz", None, 8, 0)
POLICY = Policy(epochs=2, batch_size=40, warmup_epochs=1, learning_rate=0.05)
V2 = Architecture("mobilenet_v2", 0.25)

SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path

import torch

from cheapsearch.search.training import full as full_training
from cheapsearch.search.training import splits
from cheapsearch.search.training.full import FullTrainer, TrainingJob
from cheapsearch.search.training.images import DataSource
from cheapsearch.search.training.policy import Policy
from cheapsearch.search.training.team import join_team
from cheapsearch.space import Architecture, UserError

torch.set_num_threads(1)
# In float32 the rounding of a sum over two processes grows to a thousandth within an epoch.
normalise, synchronise = splits.normalise, full_training.synchronise
splits.normalise = lambda *given: normalise(*given).double()
full_training.synchronise = lambda *given: synchronise(*given).double()
out = Path(sys.argv[1])
with join_team() as team:
    source = DataSource("few.npz", None, 8, 0)
    try:
        FullTrainer(source, Policy(batch_size=3), "cpu", team=team)
    except UserError as error:
        (out / f"refused{team.rank}").write_text(str(error))
    policy = Policy(epochs=2, batch_size=40, warmup_epochs=1, learning_rate=0.05)

    def train(folder, policy, stop):
        # With a stop after the first epoch the second goes on from the checkpoint that rank 0 wrote.
        trainer = FullTrainer(source, policy, "cpu", team=team)
        job = TrainingJob(0, Architecture("mobilenet_v2", 0.25), 0, folder)
        if stop:
            epochs = trainer.train(job)
            next(epochs)
            epochs.close()
            team.wait()
            torch.manual_seed(5 + team.rank)  # as whatever a new process has drawn before
        return [epoch.train_loss for epoch in trainer.train(job)]

    figures = train(out / "training", policy, True)
    (out / f"rank{team.rank}").write_text(f"{team.size} {team.leads} {figures}")
    dropped = replace(policy, dropout=0.5)
    train(out / "undisturbed", dropped, False)
    train(out / "resumed", dropped, True)
"""


def rows_of(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Path:
    """Where two processes have trained."""
    out = tmp_path_factory.mktemp("pair")
    script = out / "script.py"
    script.write_text(SCRIPT)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*launcher, str(script), str(out)],
        cwd=few_digits.parent,
        timeout=100,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.usefixtures("beside_few_digits")
@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no distributed training")
def test_train_of_a_team_gives_the_figures_of_one_process(
    pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tmp_path / "alone"
    normalise = splits.normalise  # type: ignore[attr-defined]
    monkeypatch.setattr(splits, "normalise", lambda *given: normalise(*given).double())
    monkeypatch.setattr(full_training, "synchronise", lambda *given: synchronise(*given).double())
    list(FullTrainer(DIGITS, POLICY, "cpu").train(TrainingJob(0, V2, 0, alone)))

    for mine, theirs in zip(rows_of(alone), rows_of(pair / "training"), strict=True):
        assert theirs["learning_rate"] == mine["learning_rate"]
        # Of the losses the sum alone is in float32.
        assert theirs["train_loss"] == pytest.approx(mine["train_loss"], rel=1e-6)
        assert theirs["val_loss"] == pytest.approx(mine["val_loss"], rel=1e-9)


def test_train_of_a_team_with_dropout_ends_the_same_after_a_stop(pair: Path) -> None:
    """A checkpoint holds the random state of the first process alone."""
    whole, parts = (rows_of(pair / name) for name in ("undisturbed", "resumed"))

    for mine, theirs in zip(whole, parts, strict=True):
        assert mine | {"seconds": 0.0} == theirs | {"seconds": 0.0}
    assert whole != rows_of(pair / "training")  # dropout counts
    weights = [(pair / name / "best.safetensors").read_bytes() for name in ("undisturbed", "resumed")]
    assert weights[0] == weights[1]


def test_train_of_a_team_writes_the_files_of_one_process(pair: Path) -> None:
    names = {path.name for path in (pair / "training").iterdir()}

    assert {"last.pt", "previous.pt", "best.safetensors", "result.json", "metrics.csv"} <= names
    assert not [name for name in names if name.startswith(".")]
    # One writer of events for each of the two parts, of rank 0 alone.
    assert len(list((pair / "training" / "tensorboard").iterdir())) == 2


def test_train_of_a_team_gives_every_process_the_same_figures(pair: Path) -> None:
    leader, other = ((pair / f"rank{rank}").read_text().split(" ", 2) for rank in (0, 1))

    assert (leader[:2], other[:2]) == (["2", "True"], ["2", "False"])
    assert leader[2] == other[2]
    assert float(leader[2].strip("[]")) == rows_of(pair / "training")[1]["train_loss"]


def test_full_trainer_refuses_a_batch_that_a_team_cannot_share(pair: Path) -> None:
    refused = [(pair / f"refused{rank}").read_text() for rank in (0, 1)]

    assert refused == 2 * ["batch_size: must be a multiple of the 2 processes, got 3"]


def test_full_trainer_refuses_the_batch_before_it_reads_images() -> None:
    nowhere = DataSource("/nowhere/at/all.npz", None, 8, 0)

    with pytest.raises(UserError, match="multiple of the 3 processes, got 128"):
        FullTrainer(nowhere, Policy(), "cpu", team=Team(0, 3))


def test_team_share_takes_every_item_once() -> None:
    items = torch.arange(7)

    shares = [Team(rank, 3).share(items).tolist() for rank in range(3)]

    assert shares == [[0, 3, 6], [1, 4], [2, 5]]
    assert torch.equal(ALONE.share(items), items)


def test_team_of_one_changes_nothing() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))

    assert synchronise(network, ALONE) is network
    assert type(network[1]) is nn.BatchNorm2d
    assert ALONE.parallel(network) is network
    assert ALONE.sum(torch.tensor([2.0])).tolist() == [2.0]
    ALONE.wait()


def test_join_team_is_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_team() as team:
        assert team == ALONE
        assert team.leads


def test_synchronise_keeps_the_names_and_the_outputs() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4, eps=0.5)))
    network(torch.randn(5, 3, 8, 8))  # so that the statistics are those of something
    images = torch.randn(2, 3, 8, 8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    expected = network.eval()(images)

    shared = synchronise(network, Team(0, 2))

    assert shared.state_dict().keys() == before.keys()
    assert all(torch.equal(shared.state_dict()[name], value) for name, value in before.items())
    assert type(shared[1][0]) is not nn.BatchNorm2d  # type: ignore[index]
    assert torch.equal(shared.eval()(images), expected)
