import math
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cheapsearch.search.data import augment, channel_statistics, normalise

SIDE = 12


@pytest.fixture
def images() -> Tensor:
    """64 images of pixels 1..255, so that a zero comes from padding alone; channels_last."""
    pixels = np.random.RandomState(0).randint(1, 256, (64, SIDE, SIDE, 3)).astype(np.uint8)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def crops(image: Tensor, padding: int, flip: bool) -> list[Tensor]:
    """Every image the crop and the flip can give, by slicing."""
    padded = torch.nn.functional.pad(image, (padding,) * 4)
    cut = [
        padded[:, y : y + SIDE, x : x + SIDE] for y in range(2 * padding + 1) for x in range(2 * padding + 1)
    ]
    return cut + [image.flip(2) for image in cut] * flip


def which(image: Tensor, candidates: list[Tensor]) -> int:
    return [bool((image == candidate).all()) for candidate in candidates].index(True)


def test_augment_crop_gives_windows_of_the_padded_image(images: Tensor) -> None:
    result = augment(images, generator=seeded(), padding=2)
    chosen = [which(after, crops(before, 2, False)) for before, after in zip(images, result, strict=True)]
    # 64 draws from 25 windows: fewer than 15 different ones has a chance below one in a million.
    assert len(set(chosen)) >= 15


def test_augment_crop_reaches_every_corner() -> None:
    image = torch.arange(1, 5, dtype=torch.uint8).reshape(1, 1, 2, 2).expand(200, 3, 2, 2)
    result = augment(image, generator=seeded(), padding=1)
    seen = {tuple(crop[0].flatten().tolist()) for crop in result}
    assert seen == {
        (0, 0, 0, 1), (0, 0, 1, 2), (0, 0, 2, 0),
        (0, 1, 0, 3), (1, 2, 3, 4), (2, 0, 4, 0),
        (0, 3, 0, 0), (3, 4, 0, 0), (4, 0, 0, 0),
    }  # fmt: skip


def test_augment_crop_of_every_image_reaches_the_last_window(
    images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "randint", lambda high, shape, **settings: torch.full(shape, high - 1))
    result = augment(images, generator=seeded(), padding=3)
    assert torch.equal(result[:, :, :-3, :-3], images[:, :, 3:, 3:])
    assert (result[:, :, -3:] == 0).all()
    assert (result[..., -3:] == 0).all()


def test_augment_flip_mirrors_about_half(images: Tensor) -> None:
    result = augment(images, generator=seeded(), flip=True)
    mirrored = [which(after, [before, before.flip(2)]) for before, after in zip(images, result, strict=True)]
    # Binomial(64, 1/2): mean 32, standard deviation 4.
    assert 16 <= sum(mirrored) <= 48


def test_augment_crop_and_flip_compose(images: Tensor) -> None:
    result = augment(images, generator=seeded(), padding=1, flip=True)
    for before, after in zip(images, result, strict=True):
        which(after, crops(before, 1, True))


def test_augment_rotation_stays_within_the_angle() -> None:
    # A bar through the centre: its end at radius 20 moves sideways by 20 sin(angle).
    side, radius, largest = 49, 20, 15.0
    bar = torch.zeros(200, 3, side, side, dtype=torch.uint8)
    bar[..., side // 2] = 255
    turned = augment(bar, generator=seeded(), rotation=largest).float()
    row = turned[:, 0, side // 2 - radius]
    moved = (row * torch.arange(side)).sum(1) / row.sum(1) - side // 2
    bound = radius * math.tan(math.radians(largest))
    assert moved.abs().max() <= bound + 0.5
    assert moved.max() > 0.8 * bound
    assert moved.min() < -0.8 * bound


def test_augment_rotation_of_a_quarter_turn_is_exact(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape, **settings: torch.ones(*shape))
    result = augment(images, generator=seeded(), rotation=90)
    quarter = [torch.rot90(images, turns, (2, 3)) for turns in (1, 3)]
    # The corner samples fall on the edge up to rounding.
    assert min((result.int() - candidate.int()).abs().max() for candidate in quarter) <= 1


def test_augment_rotation_keeps_shape_in_images_that_are_not_square() -> None:
    # A disc stays a disc; sheared by an uneven grid it would not.
    y, x = torch.meshgrid(torch.arange(24), torch.arange(48), indexing="ij")
    disc = (((y - 11.5) ** 2 + (x - 23.5) ** 2 < 81) * 255).to(torch.uint8).expand(20, 3, 24, 48)
    turned = augment(disc, generator=seeded(), rotation=45)
    assert ((turned.int() - disc.int()).abs() > 140).sum(dim=(1, 2, 3)).max() < 40


def test_augment_fills_the_outside_with_zeros() -> None:
    white = torch.full((32, 3, 16, 16), 255, dtype=torch.uint8)
    turned = augment(white, generator=seeded(), rotation=30)
    assert (turned[:, :, 8, 8] == 255).all()
    assert (turned[:, :, 0, 0] == 0).any()


def test_augment_is_the_same_for_the_same_generator(images: Tensor) -> None:
    settings: dict[str, Any] = {"padding": 2, "flip": True, "rotation": 15.0}
    first, again, other = (augment(images, generator=seeded(seed), **settings) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_augment_ignores_the_global_seed(images: Tensor) -> None:
    before = torch.get_rng_state()
    augment(images, generator=seeded(), padding=2, flip=True, rotation=15)
    assert torch.equal(torch.get_rng_state(), before)


def test_augment_changes_nothing_where_nothing_is_asked_for(images: Tensor) -> None:
    assert augment(images, generator=seeded()) is images


def test_augment_leaves_its_input_as_it_was(images: Tensor) -> None:
    before = images.clone()
    augment(images, generator=seeded(), padding=2, flip=True, rotation=15)
    assert torch.equal(images, before)


@pytest.mark.parametrize("rotation", [0.0, 15.0])
def test_augment_gives_uint8_channels_last_from_either_layout(images: Tensor, rotation: float) -> None:
    settings: dict[str, Any] = {"padding": 2, "flip": True, "rotation": rotation}
    result = augment(images, generator=seeded(), **settings)
    assert result.dtype == torch.uint8
    assert result.shape == images.shape
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(augment(images.contiguous(), generator=seeded(), **settings), result)


def test_normalise_gives_zero_mean_and_unit_variance(images: Tensor) -> None:
    mean, std = channel_statistics(images.permute(0, 2, 3, 1).numpy())
    result = normalise(images, mean, std)
    assert result.dtype == torch.float32
    assert result.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(result.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(result.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_normalise_scales_by_hand() -> None:
    pixel = torch.tensor([255, 0, 51], dtype=torch.uint8).reshape(1, 3, 1, 1)
    result = normalise(pixel, torch.tensor([0.5, 0.5, 0.1]), torch.tensor([0.25, 0.5, 0.2]))
    torch.testing.assert_close(result.flatten(), torch.tensor([2.0, -1.0, 0.5]))


def test_channel_statistics_equals_the_plain_formula(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    array = images.permute(0, 2, 3, 1).numpy()
    # The package re-exports the function under the name of its module.
    monkeypatch.setattr(import_module("cheapsearch.search.data.augment"), "CHUNK", 10)
    mean, std = channel_statistics(array)
    np.testing.assert_allclose(mean, (array / 255).mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(std, (array / 255).std((0, 1, 2)), rtol=1e-6)


def test_channel_statistics_of_a_constant_channel_can_be_divided_by() -> None:
    mean, std = channel_statistics(np.full((2, 4, 4, 3), 51, np.uint8))
    torch.testing.assert_close(mean, torch.full((3,), 0.2))
    torch.testing.assert_close(std, torch.full((3,), 1 / 255))
