"""The policies hold their table, and refuse what is out of range."""

import math
from dataclasses import fields
from typing import Any

import pytest

from cheapsearch.search.training.policies import (
    POLICIES,
    changed_policy,
    default_policy,
    photos_policy,
)
from cheapsearch.search.training.policy import Policy
from cheapsearch.search.training.recipe import Recipe
from cheapsearch.search.training.schedule import learning_rate
from cheapsearch.space import UserError

CIFAR10 = {
    "epochs": 400,
    "batch_size": 128,
    "learning_rate": 0.35,
    "min_learning_rate": 0.0,
    "warmup_epochs": 5,
    "frozen_epochs": 0,
    "momentum": 0.9,
    "weight_decay": 6e-5,
    "label_smoothing": 0.0,
    "metric": "accuracy",
    "class_weights": "none",
    "dropout": 0.0,
    "ema_decay": 0.0,
    "width": 1.0,
    "crop": "padded",
    "padding": 4,
    "test_crop": 1.0,
    "data_workers": 2,
    "flip": True,
    "rotation": 15.0,
}
TABLE = {
    "cifar10": CIFAR10,
    "cifar100": CIFAR10 | {"label_smoothing": 0.1},
    "imagenet": CIFAR10
    | {
        "epochs": 150,
        "batch_size": 256,
        "learning_rate": 0.05,
        "warmup_epochs": 0,
        "weight_decay": 4e-5,
        "dropout": 0.2,
        "crop": "resized",
        "test_crop": 224 / 256,
        "data_workers": 8,
        "rotation": 0.0,
    },
}


def test_policies_hold_the_table() -> None:
    assert {name: policy.to_dict() for name, policy in POLICIES.items()} == TABLE


@pytest.mark.parametrize("name", list(TABLE))
def test_policy_survives_a_round_trip(name: str) -> None:
    assert Policy.from_dict(POLICIES[name].to_dict()) == POLICIES[name]


def test_policy_refuses_an_unknown_key_with_the_nearest_name() -> None:
    data = {**CIFAR10, "dropuot": 0.5}

    with pytest.raises(UserError, match=r"dropuot.*dropout"):
        Policy.from_dict(data)


@pytest.mark.parametrize("missing", ["epochs", "rotation"])
def test_policy_refuses_a_missing_key(missing: str) -> None:
    data = {key: value for key, value in CIFAR10.items() if key != missing}

    with pytest.raises(UserError, match=f"the key '{missing}' is missing"):
        Policy.from_dict(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.0),
        ("epochs", True),
        ("batch_size", 1),
        ("padding", -1),
        ("data_workers", -1),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", "0.1"),
        ("learning_rate", True),
        ("min_learning_rate", -0.1),
        ("min_learning_rate", 0.36),
        ("warmup_epochs", -1),
        ("warmup_epochs", 400),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("weight_decay", -1e-5),
        ("label_smoothing", 1.0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("ema_decay", 1.0),
        ("ema_decay", -0.1),
        ("width", 0.0),
        ("width", math.nan),
        ("test_crop", 0.0),
        ("test_crop", 1.01),
        ("rotation", -1.0),
        ("rotation", 181.0),
        ("crop", "paded"),
        ("class_weights", "balance"),
        ("metric", "f1"),
        ("flip", 1),
    ],
)
def test_policy_refuses_a_value_out_of_range_naming_the_flag(name: str, value: object) -> None:
    changes: dict[str, Any] = {name: value}

    with pytest.raises(UserError, match=rf"^{name}:") as caught:
        Policy(**changes)
    if name != "width":  # checked as that of an architecture is, which is no flag's
        assert caught.value.at_terminal.startswith(f"--{name.replace('_', '-')}:")


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 1, "warmup_epochs": 0},
        {"batch_size": 2},
        {"padding": 0, "data_workers": 0},
        {"min_learning_rate": 0.35},
        {"momentum": 0, "weight_decay": 0, "label_smoothing": 0, "dropout": 0, "ema_decay": 0},
        {"rotation": 180, "test_crop": 1},
        {"warmup_epochs": 2.5},
    ],
)
def test_policy_accepts_the_bounds(changes: dict[str, Any]) -> None:
    assert Policy(**changes).to_dict() == CIFAR10 | changes


OF_PROXIES = ("max_gradient_norm", "class_weights", "statistics_images")  # or not of a policy alone


def test_policy_recipe_carries_every_field() -> None:
    names = [f.name for f in fields(Recipe) if f.name not in OF_PROXIES]
    given: dict[str, Any] = {
        "epochs": 7,
        "batch_size": 11,
        "learning_rate": 0.5,
        "min_learning_rate": 0.01,
        "warmup_epochs": 1.5,
        "frozen_epochs": 2,
        "momentum": 0.8,
        "weight_decay": 1e-3,
        "label_smoothing": 0.05,
        "metric": "macro_f1",
        "ema_decay": 0.99,
        "padding": 3,
        "flip": True,
        "rotation": 9.0,
    }
    assert set(given) == set(names)
    assert all(given[name] != CIFAR10[name] for name in names if name != "flip")

    recipe = Policy(**given).recipe(flip=True)

    assert {name: getattr(recipe, name) for name in names} == given
    assert recipe.max_gradient_norm is None
    assert Policy().recipe(flip=True, class_weights=(0.5, 2.0)).class_weights == (0.5, 2.0)


@pytest.mark.parametrize(("policy", "data"), [(True, False), (False, True), (False, False), (True, True)])
def test_policy_recipe_flips_only_where_both_allow_it(policy: bool, data: bool) -> None:
    assert Policy(flip=policy).recipe(flip=data).flip is (policy and data)


def test_policy_cifar10_gives_the_learning_rate_of_its_formula() -> None:
    recipe = POLICIES["cifar10"].recipe(flip=True)
    steps = 45_000 // recipe.whole_batch(45_000)
    total, warmup = 400 * steps, 5 * steps
    assert (steps, warmup) == (351, 1755)

    def rate(step: int) -> float:
        return learning_rate(
            step,
            total_steps=recipe.epochs * steps,
            warmup_steps=round(recipe.warmup_epochs * steps),
            initial=recipe.learning_rate,
            minimum=recipe.min_learning_rate,
        )

    assert rate(0) == 0
    assert rate(1) == pytest.approx(0.35 / 1755, rel=1e-12)
    assert rate(warmup - 1) == pytest.approx(0.35 * 1754 / 1755, rel=1e-12)
    assert rate(warmup) == 0.35
    middle = total // 2
    share = (middle - warmup) / (total - 1 - warmup)
    assert rate(middle) == pytest.approx(0.175 * (1 + math.cos(math.pi * share)), rel=1e-12)
    assert rate(total - 1) == 0


@pytest.mark.parametrize(
    ("dataset", "size", "expected"),
    [
        ("cifar100", 32, "cifar100"),
        ("cifar10", 224, "cifar10"),
        ("imagenet", 32, "imagenet"),
        ("digits", 64, "cifar10"),
        ("photos/", 65, "photos"),
    ],
)
def test_default_policy_is_that_of_the_data_set_or_of_its_size(
    dataset: str, size: int, expected: str
) -> None:
    assert default_policy(dataset, size) == expected


@pytest.mark.parametrize(
    ("images", "batch_size", "epochs"),
    [
        (10, 16, 400),  # fewer than a batch
        (200, 16, 400),  # 12 steps
        (1000, 16, 323),  # 20 = 2^4.3; 62 steps, 20,000 / 62 = 322.6
        (2454, 64, 400),  # 49 = 2^5.6; 38 steps, 20,000 / 38 = 526
        (12_800, 256, 400),  # 50 steps make just 20,000
        (25_600, 256, 200),
        (1_000_000, 256, 100),
    ],
)
def test_photos_policy_is_by_the_number_of_images(images: int, batch_size: int, epochs: int) -> None:
    policy = photos_policy(images, cores=2)
    assert (policy.batch_size, policy.epochs) == (batch_size, epochs)
    assert policy.learning_rate == pytest.approx(0.1 * batch_size / 256)
    assert Policy.from_dict(policy.to_dict()) == policy


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 1), (4, 3), (64, 8)])
def test_photos_policy_leaves_a_core_to_the_training(cores: int, workers: int) -> None:
    assert photos_policy(1000, cores).data_workers == workers


def changed(
    name: str | None = None, *, dataset: str = "photos/", size: int = 144, **changes: Any
) -> tuple[Policy, list[str]]:
    said: list[str] = []
    policy = changed_policy(
        name, changes, dataset=dataset, input_size=size, images=2454, cores=2, say=said.append
    )
    return policy, said


def test_changed_policy_says_its_numbers() -> None:
    assert changed() == (
        photos_policy(2454, 2),
        [
            "policy     photos: 400 epochs of 38 steps of 64 images, rate 0.025, warm-up 5 epochs, "
            "weight decay 0.0005, label smoothing 0.1, dropout 0.2, random resized crops by 1 data worker"
        ],
    )
    assert changed("imagenet")[0] == POLICIES["imagenet"]
    _, (line,) = changed(size=32, epochs=1)
    assert line.startswith("policy     cifar10: 1 epoch of 19 steps of 128 images")
    with pytest.raises(
        UserError, match="policy: must be one of cifar10, cifar100, imagenet, photos, finetune, got"
    ):
        changed("photo")


@pytest.mark.parametrize("name", ["cifar10", "photos"])
@pytest.mark.parametrize(("epochs", "warmup"), [(1, 0.2), (10, 2), (100, 5)])
def test_changed_policy_warms_up_for_a_fifth_of_fewer_epochs(name: str, epochs: int, warmup: float) -> None:
    assert changed(name, epochs=epochs)[0].warmup_epochs == pytest.approx(warmup)
    assert changed(name, epochs=epochs, warmup_epochs=0.5)[0].warmup_epochs == 0.5


@pytest.mark.parametrize(
    ("images", "processes", "expected"), [(1000, 1, 10), (7, 1, 7), (7, 2, 6), (1000, 3, 9), (10, 2, 10)]
)
def test_recipe_whole_batch_is_no_larger_than_the_images_and_a_multiple_of_the_processes(
    images: int, processes: int, expected: int
) -> None:
    recipe = Recipe(epochs=1, batch_size=10, learning_rate=0.1, warmup_epochs=0)

    assert recipe.whole_batch(images, processes) == expected
