"""The proxy's settings are validated, round-trip, and become a recipe."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from cheapsearch.search.training.proxy import CPU, DIGITS, GPU, Proxy, default_proxy, fitted
from cheapsearch.space import BACKBONES, Architecture, SearchSpace, UserError, get_backbone

PROXY = Proxy(
    epochs=10, width=0.5, input_size=16, images=1000, batch_size=32, learning_rate=0.1, layout_size=16
)


@pytest.mark.parametrize("proxy", [PROXY, DIGITS, CPU, GPU])
def test_proxy_round_trips_through_a_dict(proxy: Proxy) -> None:
    assert Proxy.from_dict(proxy.to_dict()) == proxy


def test_from_dict_names_an_unknown_and_a_missing_key() -> None:
    with pytest.raises(UserError, match=r"^proxy: key: must be one of .*'epoch'; did you mean 'epochs'\?"):
        Proxy.from_dict(PROXY.to_dict() | {"epoch": 3})
    for name in PROXY.to_dict().keys() - {"layout_size", "channel_multiple", "statistics_images"}:
        without = {key: value for key, value in PROXY.to_dict().items() if key != name}
        with pytest.raises(UserError, match=f"^proxy: the key '{name}' is missing$"):
            Proxy.from_dict(without)


@pytest.mark.parametrize(
    ("name", "least"), [("epochs", 1), ("input_size", 8), ("images", 2), ("batch_size", 2)]
)
@pytest.mark.parametrize("value", [None, "3", 3.0, True, 0])
def test_proxy_refuses_what_is_no_whole_number(name: str, least: Any, value: Any) -> None:
    assert getattr(replace(PROXY, **{name: least}), name) == least
    for wrong in (value, least - 1):
        with pytest.raises(UserError) as caught:
            replace(PROXY, **{name: wrong})
        assert str(caught.value) == f"proxy: {name} must be a whole number from {least}, got {wrong!r}"


@pytest.mark.parametrize("name", ["width", "learning_rate"])
@pytest.mark.parametrize("value", [None, "0.5", True, 0, 0.0, -0.1, float("nan")])
def test_proxy_refuses_what_is_no_number_above_zero(name: str, value: Any) -> None:
    with pytest.raises(UserError) as caught:
        replace(PROXY, **{name: value})
    assert str(caught.value) == f"proxy: {name} must be a number above 0, got {value!r}"


@pytest.mark.parametrize(
    ("factor", "width", "expected"),
    [(0.5, 1.0, 0.5), (0.5, 1.4, 0.7), (0.5, 0.3, 0.25), (0.1, 2.0, 0.25), (3.0, 1.0, 2.0), (1, 1.0, 1.0)],
)
def test_network_width_is_held_within_the_valid_range(factor: float, width: float, expected: float) -> None:
    assert replace(PROXY, width=factor).network_width(width) == pytest.approx(expected)


@pytest.mark.parametrize("flip", [True, False])
def test_recipe_warms_up_over_a_fifth_and_crops_by_an_eighth(flip: bool) -> None:
    recipe = PROXY.recipe(flip=flip)
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (10, 32, 0.1)
    assert recipe.warmup_epochs == pytest.approx(10 / 5)
    assert recipe.padding == 16 // 8
    assert recipe.flip is flip
    assert recipe.rotation == 0.0


def test_recipe_limits_the_gradients() -> None:
    limit = PROXY.recipe(flip=True).max_gradient_norm
    assert limit is not None
    assert limit > 0


def test_recipe_crops_the_smallest_images_by_a_pixel() -> None:
    assert replace(PROXY, input_size=8).recipe(flip=True).padding == 1
    assert replace(PROXY, input_size=32).recipe(flip=True).padding == 4  # as is usual for CIFAR


@pytest.mark.parametrize(
    ("dataset", "device", "expected"),
    [
        ("digits", "cpu", DIGITS),
        ("digits", "cuda", DIGITS),
        ("cifar10", "cpu", CPU),
        ("cifar10", "mps", CPU),
        ("cifar10", "cuda", GPU),
        ("some/folder", "cuda:1", GPU),
    ],
)
def test_default_proxy_goes_by_data_set_and_device(dataset: str, device: str, expected: Proxy) -> None:
    assert default_proxy(dataset, device) is expected


def test_proxy_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        PROXY.epochs = 3  # type: ignore[misc]


# --- the same network, narrower and on smaller images -----------------------------------------------


@pytest.mark.parametrize("name", sorted(BACKBONES))
@pytest.mark.parametrize("proxy", [DIGITS, CPU, GPU])
@pytest.mark.parametrize("input_size", [8, 32, 64, 65, 144, 224])
def test_fitted_keeps_the_strides_and_leaves_two_pixels_at_the_end(
    name: str, proxy: Proxy, input_size: int
) -> None:
    found = fitted(proxy, {}, SearchSpace(name), input_size)
    layout, full = found.layout(Architecture(name)), get_backbone(name).layout(1.0, input_size)
    assert [layout.stem_stride, *(block.stride for block in layout.blocks)] == [
        full.stem_stride,
        *(block.stride for block in full.blocks),
    ]
    # a total stride of 8 for up to 64 pixels, of 32 above
    assert found.input_size == (proxy.input_size if input_size <= 64 else 64)
    assert found.input_size >= 2 * layout.total_stride


def test_fitted_keeps_what_is_given() -> None:
    given = {"input_size": 48, "layout_size": 64, "channel_multiple": 2}
    found = fitted(replace(CPU, **given), given, SearchSpace("mobilenet_v2"), 224)
    assert found == replace(CPU, **given)


def test_fitted_refuses_images_that_vanish() -> None:
    space = SearchSpace("mobilenet_v2")
    given = {"input_size": 32}  # one pixel is left after a stride of 32
    assert fitted(replace(CPU, **given), given, space, 224).input_size == 32
    given = {"input_size": 31}
    with pytest.raises(UserError) as caught:
        fitted(replace(CPU, **given), given, space, 224)
    assert str(caught.value) == (
        "proxy: input_size must be at least 32 pixels, the total stride of networks of 224 pixels, got 31; "
        "raise it, or lower layout_size"
    )
    assert fitted(replace(CPU, **given), given, space, 64).input_size == 31


def test_a_proxy_of_before_has_the_layout_of_its_own_images() -> None:
    before = {k: v for k, v in PROXY.to_dict().items() if k not in ("layout_size", "channel_multiple")}
    found = Proxy.from_dict(before | {"input_size": 72})
    assert (found.layout_size, found.channel_multiple) == (72, 8)
    assert found.layout(Architecture("mobilenet_v3_small")) == get_backbone("mobilenet_v3_small").layout(
        0.5, 72
    )
