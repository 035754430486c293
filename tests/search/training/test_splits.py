"""Images in memory are handed out once each, and a team's parts make up the whole."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cheapsearch.search.training import splits
from cheapsearch.search.training.recipe import Recipe
from cheapsearch.search.training.splits import MemorySplit
from cheapsearch.search.training.team import ALONE, Team

RECIPE = Recipe(epochs=1, batch_size=6, learning_rate=0.1, warmup_epochs=0, padding=2, flip=True, rotation=10)
PLAIN = replace(RECIPE, padding=0, flip=False, rotation=0)


@pytest.fixture
def twenty() -> MemorySplit:
    """Random images, with their numbers as labels, normalised so that 0 is black and 1 is white."""
    images = torch.randint(0, 256, (20, 8, 8, 3), generator=torch.Generator().manual_seed(0)).byte().numpy()
    labels = torch.arange(20).numpy()
    return MemorySplit.of(images, labels, torch.zeros(3), torch.ones(3), torch.device("cpu"))


def batches_of(
    split: MemorySplit, recipe: Recipe, team: Team = ALONE, seed: int = 0
) -> list[tuple[Tensor, Tensor]]:
    return list(split.training_batches(recipe, torch.Generator().manual_seed(seed), team))


def test_memory_split_training_batches_hold_each_image_at_most_once(twenty: MemorySplit) -> None:
    batches = batches_of(twenty, PLAIN)

    assert [len(labels) for _, labels in batches] == [6, 6, 6]
    seen = torch.cat([labels for _, labels in batches])
    assert len(set(seen.tolist())) == 18
    assert seen.tolist() != sorted(seen.tolist())
    images = torch.cat([images for images, _ in batches])
    assert torch.allclose(images, twenty.images[seen] / 255, atol=1e-6)


@pytest.mark.parametrize("recipe", [PLAIN, RECIPE])
def test_memory_split_training_batches_of_a_team_make_up_those_of_one(
    recipe: Recipe, twenty: MemorySplit
) -> None:
    whole = batches_of(twenty, recipe)
    parts = [batches_of(twenty, recipe, Team(rank, 3)) for rank in range(3)]

    assert [len(part) for part in parts] == 3 * [len(whole)]
    for number, (images, labels) in enumerate(whole):
        for rank, part in enumerate(parts):
            assert torch.equal(part[number][1], labels[rank::3])
            assert torch.allclose(part[number][0], images[rank::3], atol=1e-6)


def test_memory_split_training_batches_depend_on_the_generator_alone(twenty: MemorySplit) -> None:
    first, again, other = (batches_of(twenty, RECIPE, seed=seed) for seed in (0, 0, 1))

    assert all(torch.equal(mine[0], theirs[0]) for mine, theirs in zip(first, again, strict=True))
    assert not all(torch.equal(mine[1], theirs[1]) for mine, theirs in zip(first, other, strict=True))


@pytest.mark.parametrize("size", [1, 3])
def test_memory_split_evaluation_batches_give_every_image_once(
    size: int, twenty: MemorySplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "EVALUATION_BATCH", 4)
    batches = [batch for rank in range(size) for batch in twenty.evaluation_batches(Team(rank, size))]

    assert max(len(labels) for _, labels in batches) == 4
    seen = torch.cat([labels for _, labels in batches])
    assert sorted(seen.tolist()) == list(range(20))
    images = torch.cat([images for images, _ in batches])
    assert torch.allclose(images, twenty.images[seen] / 255, atol=1e-6)


def test_memory_split_first_keeps_the_first(twenty: MemorySplit) -> None:
    few = twenty.first(3)

    assert (len(few), few.labels.tolist()) == (3, [0, 1, 2])
    assert torch.equal(few.images, twenty.images[:3])
    assert len(twenty.first(100)) == 20
