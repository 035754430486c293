"""Every operation against its cell of design.md's table, written out in the published order."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from inspect import isfunction

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cheapsearch.models import operations
from cheapsearch.models.operations import build_operation
from cheapsearch.space import (
    BACKBONES,
    OPERATIONS,
    SITES,
    Backbone,
    Block,
    Layout,
    UserError,
    get_backbone,
    get_operation,
    shuffle_order,
)
from cheapsearch.space.backbones import scale_channels

V2, V3 = "mobilenet_v2", "mobilenet_v3_large"
# C = 12, H = 72, O = 18: K = 6, and 4 groups in either grouped conv of a ratio of 4 or 6
BLOCK = Block(2, 3, 12, 72, 18, True, "relu", 1, True)
RAGGED = replace(BLOCK, hidden=32)  # K = 2.67, rounded to 3: two whole copies and a cut one
BLOCKS = [BLOCK, replace(BLOCK, activation="hardswish"), RAGGED, replace(BLOCK, hidden=12)]
ACTIVATIONS = {"relu": F.relu, "hardswish": F.hardswish}
Randomised = Callable[[nn.Module, int], nn.Module]


def made(site: str, operation: str, backbone: Backbone, place: Block | Layout) -> nn.Module | None:
    return build_operation(get_operation(site, operation), backbone, place)


def tile(x: Tensor, channels: int) -> Tensor:
    return x[:, [j % x.shape[1] for j in range(channels)]]


def shuffle(x: Tensor, groups: int) -> Tensor:
    return x[:, shuffle_order(x.shape[1], groups)]


def batch_norm(x: Tensor, layer: nn.Module) -> Tensor:
    assert isinstance(layer, nn.BatchNorm2d)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    mean, var, weight, bias = (
        tensor.view(1, -1, 1, 1)
        for tensor in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def dense(x: Tensor, conv: nn.Module, groups: int = 1) -> Tensor:
    """A 1x1 conv, group by group, as a product of matrices."""
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is None
    weight = conv.weight[:, :, 0, 0]
    inputs, outputs = x.chunk(groups, 1), weight.chunk(groups, 0)
    return torch.cat(
        [torch.einsum("oi,nihw->nohw", w, part) for w, part in zip(outputs, inputs, strict=True)], 1
    )


class Layers:
    """The convs and batch norms of a module in order; `finish` checks that all were used."""

    def __init__(self, module: nn.Module) -> None:
        kinds = (nn.Conv2d, nn.Conv1d, nn.BatchNorm2d)
        self._layers: Iterator[nn.Module] = iter([m for m in module.modules() if isinstance(m, kinds)])

    def __call__(self) -> nn.Module:
        return next(self._layers)

    def finish(self) -> None:
        assert list(self._layers) == []


def check(module: nn.Module | None, x: Tensor, reference: Callable[[Tensor, Layers], Tensor]) -> None:
    """The module's output is the reference's, and its input is untouched."""
    assert module is not None
    module.eval()
    layers = Layers(module)
    given = x.clone()
    expected = reference(x, layers)
    layers.finish()
    torch.testing.assert_close(module(given), expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(given, x)


def image(channels: int, size: int = 6) -> Tensor:
    return torch.randn(2, channels, size, size, dtype=torch.float64)


def groups_of(a: int, b: int) -> int:
    """The ratio of the two widths, or the nearest number below it that divides both."""
    ratio = round(max(a, b) / min(a, b))
    return max(g for g in range(1, ratio + 1) if a % g == 0 and b % g == 0)


# Reference of every operation: (x, layers, backbone, block or layout) -> output


def expand_conv(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    return ACTIVATIONS[block.activation](batch_norm(dense(x, layers()), layers()))


def expand_reuse(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    y = tile(x, block.hidden)
    return y if backbone.name == V2 else ACTIVATIONS[block.activation](y)


def expand_shuffle_reuse(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    return expand_reuse(shuffle(x, 6), layers, backbone, block)


def expand_reuse_group(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    z = tile(x, block.hidden)
    most = 3 * round(block.hidden / block.in_channels)
    groups = max(g for g in range(1, most + 1) if block.hidden % g == 0)
    return ACTIVATIONS[block.activation](batch_norm(dense(z, layers(), groups), layers()) + z)


def expand_group_conv(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    groups = groups_of(block.in_channels, block.hidden)
    y = ACTIVATIONS[block.activation](batch_norm(dense(x, layers(), groups), layers()))
    return shuffle(y, groups)


def expand_ghost(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    act = ACTIVATIONS[block.activation]
    half = act(batch_norm(dense(x, layers()), layers()))
    conv = layers()
    assert half.shape[1] == block.hidden // 2
    assert isinstance(conv, nn.Conv2d)
    other = F.conv2d(half, conv.weight, padding=1, groups=half.shape[1])
    return torch.cat([half, act(batch_norm(other, layers()))], 1)


def project_conv(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    return batch_norm(dense(x, layers()), layers())


def project_conv_shuffle(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    copies = round(block.hidden / block.in_channels)
    return shuffle(batch_norm(dense(x, layers()), layers()), copies)


def project_group_conv(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    groups = groups_of(block.hidden, block.out_channels)
    return shuffle(batch_norm(dense(x, layers(), groups), layers()), groups)


def project_reduce(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    sums = torch.stack([x[:, c :: block.in_channels].sum(1) for c in range(block.in_channels)], 1)
    return batch_norm(dense(sums, layers()), layers())


def hard_sigmoid(x: Tensor) -> Tensor:
    return ((x + 3) / 6).clamp(0, 1)


def se_se(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    squeeze, excite = layers(), layers()
    pooled = x.mean((2, 3), keepdim=True)
    squeezed = F.relu(dense(pooled, squeeze))
    assert squeezed.shape[1] == block.hidden // 4
    return x * hard_sigmoid(dense(squeezed, excite))


def se_reuse(x: Tensor, layers: Layers, block: Block, reduction: int) -> Tensor:
    squeezed = F.relu(dense(x.mean((2, 3), keepdim=True), layers()))
    assert squeezed.shape[1] == block.hidden // reduction
    return x * hard_sigmoid(tile(squeezed, block.hidden))


def se_eca(x: Tensor, layers: Layers, backbone: Backbone, block: Block) -> Tensor:
    conv = layers()
    assert isinstance(conv, nn.Conv1d)
    row = x.mean((2, 3))[:, None]  # (N, 1, H)
    gate = F.conv1d(row, conv.weight, padding=conv.weight.shape[2] // 2)[:, 0]
    return x * hard_sigmoid(gate)[:, :, None, None]


def stem_conv(x: Tensor, conv: nn.Module, layout: Layout) -> Tensor:
    assert isinstance(conv, nn.Conv2d)
    assert conv.weight.shape[1:] == (x.shape[1], 3, 3)
    return F.conv2d(x, conv.weight, stride=layout.stem_stride, padding=1)


def first_conv(x: Tensor, layers: Layers, backbone: Backbone, layout: Layout) -> Tensor:
    return ACTIVATIONS[backbone.activation](batch_norm(stem_conv(x, layers(), layout), layers()))


def first_reuse(x: Tensor, layers: Layers, backbone: Backbone, layout: Layout) -> Tensor:
    three = batch_norm(stem_conv(x, layers(), layout), layers())
    assert three.shape[1] == 3
    return ACTIVATIONS[backbone.activation](batch_norm(dense(tile(three, 48), layers()), layers()))


def first_pre_reuse(x: Tensor, layers: Layers, backbone: Backbone, layout: Layout) -> Tensor:
    twelve = batch_norm(stem_conv(tile(x, 12), layers(), layout), layers())
    assert twelve.shape[1] == 12
    return ACTIVATIONS[backbone.activation](batch_norm(dense(tile(twelve, 48), layers()), layers()))


def pool(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


def last_conv(x: Tensor, layers: Layers, backbone: Backbone, layout: Layout) -> Tensor:
    act = ACTIVATIONS[backbone.activation]
    y = pool(act(batch_norm(dense(x, layers()), layers())))
    return y if backbone.name == V2 else act(dense(y, layers()))


def last_reuse(x: Tensor, layers: Layers, backbone: Backbone, layout: Layout) -> Tensor:
    channels = x.shape[1]
    if backbone.name == V2:
        return pool(tile(x, 4 * channels))
    y = pool(F.hardswish(tile(x, 6 * channels)))
    return F.hardswish(tile(y, 12 * channels))


def last_pool_first(x: Tensor, layers: Layers, backbone: Backbone, layout: Layout) -> Tensor:
    return ACTIVATIONS[backbone.activation](batch_norm(dense(pool(x), layers()), layers()))


def last_group_conv(x: Tensor, layers: Layers, backbone: Backbone, layout: Layout) -> Tensor:
    act = ACTIVATIONS[backbone.activation]
    conv = layers()
    assert isinstance(conv, nn.Conv2d)
    groups = groups_of(x.shape[1], conv.out_channels)
    y = pool(shuffle(act(batch_norm(dense(x, conv, groups), layers())), groups))
    if backbone.name == V2:
        return y
    second = layers()
    assert isinstance(second, nn.Conv2d)
    return act(dense(y, second, groups_of(second.in_channels, second.out_channels)))


BLOCK_REFERENCES = {
    ("expand", "conv"): expand_conv,
    ("expand", "reuse"): expand_reuse,
    ("expand", "shuffle_reuse"): expand_shuffle_reuse,
    ("expand", "reuse_group"): expand_reuse_group,
    ("expand", "group_conv"): expand_group_conv,
    ("expand", "ghost"): expand_ghost,
    ("project", "conv"): project_conv,
    ("project", "conv_shuffle"): project_conv_shuffle,
    ("project", "group_conv"): project_group_conv,
    ("project", "reduce"): project_reduce,
    ("se", "se"): se_se,
    ("se", "reuse_r4"): lambda x, layers, backbone, block: se_reuse(x, layers, block, 4),
    ("se", "reuse_r8"): lambda x, layers, backbone, block: se_reuse(x, layers, block, 8),
    ("se", "eca"): se_eca,
}
NETWORK_REFERENCES = {
    ("first_conv", "conv"): first_conv,
    ("first_conv", "reuse"): first_reuse,
    ("first_conv", "pre_reuse"): first_pre_reuse,
    ("last_stage", "conv"): last_conv,
    ("last_stage", "reuse"): last_reuse,
    ("last_stage", "pool_first"): last_pool_first,
    ("last_stage", "group_conv"): last_group_conv,
}


def test_builders_are_those_that_the_rows_name() -> None:
    public = {
        name
        for name, value in vars(operations).items()
        if isfunction(value) and value.__module__ == operations.__name__ and not name.startswith("_")
    }
    assert {row.builder for row in OPERATIONS} - {None} == public - {"build_operation"}


def test_a_builder_that_is_not_there_is_the_users_mistake() -> None:
    row = replace(get_operation("project", "conv"), name="mine", builder="project_mine")
    with pytest.raises(UserError, match=r"^project mine: builder must name .*, got 'project_mine'"):
        build_operation(row, get_backbone(V2), BLOCK)


def test_references_cover_every_operation() -> None:
    checked_below = {("se", "none"), *(("shortcut", operation) for operation in SITES["shortcut"].operations)}
    everything = {(name, operation) for name, site in SITES.items() for operation in site.operations}
    assert {*BLOCK_REFERENCES, *NETWORK_REFERENCES} | checked_below == everything


@pytest.mark.parametrize("backbone_name", [V2, V3])
@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: f"{b.in_channels}-{b.hidden}-{b.activation}")
@pytest.mark.parametrize(("site", "operation"), BLOCK_REFERENCES)
def test_block_operation_is_that_of_the_design(
    site: str, operation: str, block: Block, backbone_name: str, randomised: Randomised
) -> None:
    backbone = get_backbone(backbone_name)
    module = made(site, operation, backbone, block)
    assert module is not None
    x = image(block.in_channels if site == "expand" else block.hidden)
    reference = BLOCK_REFERENCES[site, operation]
    check(randomised(module, 1), x, lambda x, layers: reference(x, layers, backbone, block))


@pytest.mark.parametrize("input_size", [32, 224])
@pytest.mark.parametrize(
    ("name", "site", "operation"),
    [
        (name, site, operation)
        for name in (V2, V3, "mobilenet_v3_large_k")
        for site, operation in NETWORK_REFERENCES
        if operation in BACKBONES[name].operations[site]
    ],
)
def test_network_operation_is_that_of_the_design(
    name: str, site: str, operation: str, input_size: int, randomised: Randomised
) -> None:
    backbone = get_backbone(name)
    layout = backbone.layout(0.5, input_size)
    module = made(site, operation, backbone, layout)
    assert module is not None
    x = image(3, 9) if site == "first_conv" else image(layout.blocks[-1].out_channels, 3)
    reference = NETWORK_REFERENCES[site, operation]
    # in place on its own input is fine for the last stage: nothing else reads the last block's output
    randomised(module, 1)
    module.eval()
    layers = Layers(module)
    expected = reference(x, layers, backbone, layout)
    layers.finish()
    torch.testing.assert_close(module(x.clone()), expected, rtol=1e-10, atol=1e-10)


def test_reuse_is_the_identity_in_the_first_block_of_v2() -> None:
    # "V2's first block (expansion 1) keeps its 1x1 conv 32 -> 32 as published, so `conv` builds it there
    # and `reuse` is the identity"
    backbone = get_backbone(V2)
    block = backbone.layout().blocks[0]
    reuse, conv = (made("expand", name, backbone, block) for name in ("reuse", "conv"))
    assert reuse is not None
    assert conv is not None
    x = torch.randn(1, 32, 4, 4)
    assert torch.equal(reuse(x), x)
    assert [tuple(p.shape) for p in conv.parameters()] == [(32, 32, 1, 1), (32,), (32,)]


@pytest.mark.parametrize("operation", SITES["se"].operations)
def test_se_is_left_out_where_the_table_has_none(operation: str) -> None:
    backbone = get_backbone(V3)
    assert made("se", operation, backbone, replace(BLOCK, squeeze_excitation=False)) is None
    assert (made("se", operation, backbone, BLOCK) is None) == (operation == "none")


SAME, WIDER, NARROWER = (
    replace(BLOCK, out_channels=12),
    replace(BLOCK, out_channels=30),
    replace(BLOCK, out_channels=8),
)


@pytest.mark.parametrize("operation", SITES["shortcut"].operations)
def test_shortcut_is_the_identity_where_shapes_agree(operation: str) -> None:
    module = made("shortcut", operation, get_backbone(V2), SAME)
    check(module, image(12), lambda x, layers: x)


@pytest.mark.parametrize("block", [WIDER, NARROWER])
@pytest.mark.parametrize("operation", SITES["shortcut"].operations)
def test_shortcut_where_only_channels_differ(operation: str, block: Block, randomised: Randomised) -> None:
    module = made("shortcut", operation, get_backbone(V2), block)
    if operation == "identity":
        assert module is None
    elif operation == "conv":
        assert module is not None
        check(randomised(module, 1), image(12), lambda x, layers: batch_norm(dense(x, layers()), layers()))
    else:
        check(module, image(12), lambda x, layers: tile(x, block.out_channels))


def pooled(x: Tensor) -> Tensor:
    """Mean of each 2x2 window; at an odd side the last window holds what is left."""
    rows, columns = (range(0, side, 2) for side in x.shape[2:])
    return torch.stack(
        [torch.stack([x[:, :, r : r + 2, c : c + 2].mean((2, 3)) for c in columns], -1) for r in rows], -2
    )


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("block", [SAME, WIDER, NARROWER])
@pytest.mark.parametrize("operation", SITES["shortcut"].operations)
def test_shortcut_where_the_stride_is_2(operation: str, block: Block, size: int) -> None:
    module = made("shortcut", operation, get_backbone(V2), replace(block, stride=2))
    if operation != "pool_reuse":
        assert module is None
        return
    x = image(12, size)
    check(module, x, lambda x, layers: tile(pooled(x), block.out_channels))
    assert module is not None
    assert module(x).shape[2:] == (math.ceil(size / 2),) * 2


def params(module: nn.Module | None) -> int:
    return 0 if module is None else sum(p.numel() for p in module.parameters())


TORCHVISION = ("mobilenet_v3_large_torchvision", "mobilenet_v3_small_torchvision")

# Parameters by formula: weights of the convs and two numbers per channel of a batch norm.
BLOCK_PARAMS: dict[tuple[str, str], Callable[[int, int, int], int]] = {
    ("expand", "conv"): lambda c, h, o: c * h + 2 * h,
    ("expand", "reuse"): lambda c, h, o: 0,
    ("expand", "shuffle_reuse"): lambda c, h, o: 0,
    ("expand", "group_conv"): lambda c, h, o: c * h // groups_of(c, h) + 2 * h,
    ("expand", "ghost"): lambda c, h, o: c * h // 2 + 9 * h // 2 + 2 * h,
    ("project", "conv"): lambda c, h, o: h * o + 2 * o,
    ("project", "conv_shuffle"): lambda c, h, o: h * o + 2 * o,
    ("project", "group_conv"): lambda c, h, o: h * o // groups_of(h, o) + 2 * o,
    ("project", "reduce"): lambda c, h, o: c * o + 2 * o,
    ("se", "se"): lambda c, h, o: 2 * h * (h // 4),
    ("se", "reuse_r4"): lambda c, h, o: h * (h // 4),
    ("se", "reuse_r8"): lambda c, h, o: h * (h // 8),
    ("se", "none"): lambda c, h, o: 0,
}


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize(("site", "operation"), BLOCK_PARAMS)
def test_block_operation_has_the_parameters_of_its_formula(site: str, operation: str, name: str) -> None:
    backbone = get_backbone(name)
    for block in backbone.layout().blocks:
        block = replace(block, squeeze_excitation=True, expands=True)
        module = made(site, operation, backbone, block)
        expected = BLOCK_PARAMS[site, operation](block.in_channels, block.hidden, block.out_channels)
        if site == "se" and name in TORCHVISION:
            expected = torchvision_gate(operation, block.hidden)
        assert params(module) == expected, block


def torchvision_gate(operation: str, hidden: int) -> int:
    """Parameters with biases, and where two layers are, with a multiple of 8 between them."""
    if operation == "se":
        squeezed = scale_channels(hidden // 4, 1.0)
        return 2 * hidden * squeezed + squeezed + hidden
    squeezed = {"reuse_r4": hidden // 4, "reuse_r8": hidden // 8, "none": 0}[operation]
    return (hidden + 1) * squeezed


def test_reuse_group_has_3k_groups_in_mobilenet_v3_large_k() -> None:
    # H * H / (3 K) weights and a batch norm; 3 K divides H in every block of this backbone
    backbone = get_backbone("mobilenet_v3_large_k")
    for block in backbone.layout().blocks[1:]:
        h, groups = block.hidden, 3 * block.hidden // block.in_channels
        assert h % groups == 0
        module = made("expand", "reuse_group", backbone, block)
        assert params(module) == h * h // groups + 2 * h


@pytest.mark.parametrize("name", BACKBONES)
def test_network_operations_have_the_parameters_of_their_formulas(name: str) -> None:
    backbone = get_backbone(name)
    layout = backbone.layout()
    stem, last = layout.stem_channels, layout.blocks[-1].out_channels
    hidden, out = layout.last_hidden, layout.last_channels
    mix = 48 * stem + 2 * stem  # the 1x1 conv after the tile, BN
    expected = {
        ("first_conv", "conv"): 27 * stem + 2 * stem,
        ("first_conv", "reuse"): 3 * 3 * 9 + 2 * 3 + mix,
        ("first_conv", "pre_reuse"): 12 * 12 * 9 + 2 * 12 + mix,
        ("last_stage", "reuse"): 0,
    }
    if hidden is None:
        expected["last_stage", "conv"] = last * out + 2 * out
        expected["last_stage", "pool_first"] = last * out + 2 * out
        expected["last_stage", "group_conv"] = last * out // groups_of(last, out) + 2 * out
    else:
        expected["last_stage", "conv"] = last * hidden + 2 * hidden + hidden * out
        expected["last_stage", "group_conv"] = (
            last * hidden // groups_of(last, hidden) + 2 * hidden + hidden * out // groups_of(hidden, out)
        )
        if name in TORCHVISION:  # a bias in the second of the two
            expected["last_stage", "conv"] += out
            expected["last_stage", "group_conv"] += out
    found = {
        (site, operation): params(made(site, operation, backbone, layout))
        for site in ("first_conv", "last_stage")
        for operation in backbone.operations[site]
    }
    assert found == expected
