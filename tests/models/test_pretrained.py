"""Trained weights: which files are taken, and what a network takes over of them."""

from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn

from cheapsearch.models import Network, build, describe, weights_bytes
from cheapsearch.models.carrying import CARRIED, carry
from cheapsearch.models.layers import Ghost
from cheapsearch.models.operations import build_operation
from cheapsearch.models.pretrained import read_pretrained, wanted_weights
from cheapsearch.space import (
    OPERATIONS,
    Architecture,
    Block,
    Preprocessing,
    UserError,
    get_backbone,
    get_operation,
)

V2, V3 = "mobilenet_v2_torchvision", "mobilenet_v3_small_torchvision"
BLOCK = Block(2, 3, 12, 72, 18, True, "relu", 1, True)  # K = 6
PREPROCESSING = Preprocessing(32, "square", 32, (0.25, 0.5, 0.75), (0.125, 0.25, 0.5))


def at_block(site: str, operation: str) -> nn.Module:
    module = build_operation(get_operation(site, operation), get_backbone(V2), BLOCK)
    assert module is not None
    return module.eval()


def carried(site: str, operation: str, randomised: Callable[..., nn.Module]) -> tuple[nn.Module, nn.Module]:
    """An operation that has taken over what it can of a dense layer, and that layer."""
    module, dense = at_block(site, operation).double(), randomised(at_block(site, "conv"), 1)
    with torch.no_grad():
        for tensor, value in CARRIED[site, operation](module, dense):
            tensor.copy_(value)
    return module, dense


def connected(module: nn.Module, channels: int) -> Tensor:
    """By output and input channel, whether the output depends on the input."""
    given = torch.eye(channels, dtype=torch.float64)[:, :, None, None]
    silent = module(torch.zeros(1, channels, 1, 1, dtype=torch.float64))
    return ((module(given) - silent).abs() > 0).flatten(1).T


@pytest.mark.parametrize(
    ("site", "operation"),
    [("expand", "group_conv"), ("project", "group_conv"), ("project", "conv_shuffle")],
)
@torch.no_grad()
def test_grouped_conv_answers_as_the_dense_one_without_what_no_group_reads(
    site: str, operation: str, randomised: Callable[..., nn.Module]
) -> None:
    module, dense = carried(site, operation, randomised)
    channels = BLOCK.in_channels if site == "expand" else BLOCK.hidden
    weight = next(dense.parameters())
    # An activation hides what depends on what, if it is not seen before it.
    plain = at_block(site, operation).double()
    for layer in plain.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.fill_(1.0)
    mask = connected(plain, channels)
    weight.mul_(mask[:, :, None, None])
    x = torch.randn(2, channels, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(module(x), dense(x))
    assert 0 < weight.count_nonzero() <= weight.numel()
    assert (operation == "conv_shuffle") is bool(mask.all())


@torch.no_grad()
def test_residual_grouped_conv_reads_its_copies_with_the_dense_weights(
    randomised: Callable[..., nn.Module],
) -> None:
    module, dense = carried("expand", "reuse_group", randomised)
    tile, residual = module.children()
    weight, groups = residual.conv[0].weight, residual.conv[0].groups  # type: ignore[index,union-attr]
    size = weight.shape[1]
    for row in range(BLOCK.hidden):
        first = row // (BLOCK.hidden // groups) * size
        read = tile.order[first : first + size]  # type: ignore[index]
        assert torch.equal(weight[row].flatten(), dense[0].weight[row, read].flatten())  # type: ignore[index]


@torch.no_grad()
def test_sum_of_copies_that_are_alike_is_projected_as_the_copies_were(
    randomised: Callable[..., nn.Module],
) -> None:
    module, dense = carried("project", "reduce", randomised)
    x = torch.randn(2, BLOCK.in_channels, 3, 3, dtype=torch.float64).repeat(1, BLOCK.copies, 1, 1)
    torch.testing.assert_close(module(x), dense(x))


@torch.no_grad()
def test_ghost_makes_its_first_half_as_the_dense_layer_does(randomised: Callable[..., nn.Module]) -> None:
    module, dense = carried("expand", "ghost", randomised)
    assert isinstance(module, Ghost)
    x = torch.randn(2, BLOCK.in_channels, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(module.primary(x), dense(x)[:, : BLOCK.hidden // 2])


def network(architecture: Architecture, seed: int) -> Network:
    torch.manual_seed(seed)
    found = build(architecture, num_classes=3)
    for tensor in found.state_dict().values():
        if tensor.dim():
            tensor.normal_()
    return found


@pytest.mark.parametrize("name", [V2, V3])
def test_every_operation_takes_over_what_the_table_says_and_the_rest_is_fresh(name: str) -> None:
    backbone = get_backbone(name)
    trained = network(Architecture(name, 0.35), 0)
    source = trained.state_dict()
    for site, operations in backbone.operations.items():
        for operation in operations[1:]:
            mine = network(Architecture(name, 0.35, **{site: operation}), 1)
            before = {key: value.clone() for key, value in mine.state_dict().items()}
            found = carry(mine, trained, classifier=True)
            assert found.tensors == sum(value.dim() > 0 for value in before.values())
            assert not found.whole & found.partly
            assert any(
                key.startswith(f"blocks.3.{'expand' if site != 'expand' else 'project'}")
                for key in found.whole
            )
            for key, value in mine.state_dict().items():
                if key in found.whole:
                    assert key not in source or torch.equal(value, source[key])
                elif key not in found.partly:
                    assert torch.equal(value, before[key])
            of_site = {key for key in found.partly if f".{site}." in f".{key}"}
            rule = CARRIED.get((site, operation))
            if rule is None:
                assert not found.partly, (site, operation)
            elif operation != "pool_first":
                assert found.partly == of_site, (site, operation)
                assert bool(found.partly) is any(".".join(key.split(".")[:3]) for key in of_site)


def test_table_names_operations() -> None:
    assert set(CARRIED) <= {(row.site, row.name) for row in OPERATIONS}


def trained_file(
    path: Path,
    architecture: Architecture,
    classes: tuple[str, ...] = ("cat", "dog"),
    preprocessing: Preprocessing | None = PREPROCESSING,
) -> dict[str, Tensor]:
    config = describe(
        architecture,
        num_classes=len(classes),
        input_size=32,
        version="0.1.0",
        origin={},
        classes=classes,
        preprocessing=preprocessing,
    )
    weights = build(architecture, num_classes=len(classes)).state_dict()
    path.write_bytes(weights_bytes(weights, config))
    return weights


def test_trainings_of_the_unmodified_network_are_taken_at_its_width(tmp_path: Path) -> None:
    path, plain = tmp_path / "best.safetensors", Architecture("mobilenet_v2", 0.25)
    weights = trained_file(path, plain)
    found = read_pretrained("mobilenet_v2", 0.25, path)
    assert (found.mean, found.std) == (PREPROCESSING.mean, PREPROCESSING.std)
    assert len(found.hash) == 16
    for classes, fresh in ((("cat", "dog"), 0), (("cat", "cow"), 2), (None, 0), (("a", "b", "c"), 2)):
        mine = build(plain, num_classes=len(classes or "ab"))
        carried = found.start(mine, classes)
        assert carried.tensors - len(carried.whole) == fresh
        assert f"{fresh} fresh" in carried.in_words()
        assert all(torch.equal(mine.state_dict()[name], weights[name]) for name in carried.whole)
    with pytest.raises(UserError, match=r"^width: must be that of the pretrained weights, 0.25, got 0.5"):
        found.start(build(Architecture("mobilenet_v2", 0.5), num_classes=2))
    # The second is the same network with its channels in another order.
    for site, operation in (("expand", "reuse"), ("project", "conv_shuffle")):
        trained_file(path, Architecture("mobilenet_v2", 0.25, **{site: operation}))
        said = rf"^weights: must be .* unmodified mobilenet_v2 of width 0.25, .* \({site} {operation}\)$"
        with pytest.raises(UserError, match=said):
            read_pretrained("mobilenet_v2", 0.25, path)
    trained_file(path, plain, preprocessing=None)
    with pytest.raises(UserError, match=r"^weights: must say how images are prepared, .* does not; train"):
        read_pretrained("mobilenet_v2", 0.25, path)


def test_starting_draws_no_random_numbers(tmp_path: Path) -> None:
    trained_file(tmp_path / "best.safetensors", Architecture("mobilenet_v2", 0.25))
    found = read_pretrained("mobilenet_v2", 0.25, tmp_path / "best.safetensors")
    mine = build(Architecture("mobilenet_v2", 0.25), num_classes=2)
    before = torch.get_rng_state()
    found.start(mine)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("backbone", "width", "file", "message"),
    [
        (
            "mobilenet_v2",
            1.0,
            "junk.pth",
            "torchvision's weights need a backbone .* got mobilenet_v2; give one",
        ),
        (V2, 0.5, "junk.pth", "^width: must be 1 with torchvision's weights, got 0.5"),
        (V2, 1.0, "nowhere.pth", "^weights: must be a file that can be read, .*nowhere.pth is not"),
        (V2, 1.0, "junk.pth", "^weights: must be a state dict that torch.save wrote"),
        (
            V2,
            1.0,
            "list.pth",
            "^weights: must be the state dict of torchvision's mobilenet_v2, .* has no features",
        ),
        (
            V2,
            1.0,
            "other.pth",
            "^weights: must be the state dict of torchvision's mobilenet_v2, .* that fits",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    backbone: str, width: float, file: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "junk.pth").write_bytes(b"junk")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"features.0.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=message) as error:
        read_pretrained(backbone, width, tmp_path / file)
    assert "\n" not in str(error.value)


def test_weights_that_cannot_be_downloaded_are_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def download(url: str, path: str, **options: object) -> None:
        asked.append((url, path, options))
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    plain = Architecture(V3)
    with pytest.raises(
        UserError, match=r"^pretrained: needs (\S+), which could not be downloaded .*--weights|weights FILE"
    ):
        wanted_weights(plain, "imagenet", None)
    ((url, path, options),) = asked
    assert path == str(tmp_path / "checkpoints" / url.rpartition("/")[2])
    assert f"-{options['hash_prefix']}.pth" in url
    with pytest.raises(
        UserError, match=r"^pretrained: torchvision's weights need .*, got mobilenet_v3_large;"
    ):
        wanted_weights(Architecture("mobilenet_v3_large"), "imagenet", None)
    assert wanted_weights(plain, "none", None) is None
