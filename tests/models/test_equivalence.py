"""The proofs behind `space/canonical.py`: equal architectures compute the same with permuted weights.

For two networks A and B that the canonical form declares equal, `mapping` gives for every entry of A's
state the entry of B's that goes there: an index into B's numbers, without repetition. Loaded with the
weights of B in that order, A must give B's outputs in eval and in train mode, B's running statistics,
and B's gradients. So A and B are one function class, and training cannot tell them apart.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations, product

import pytest
import torch
from torch import Tensor, nn

from cheapsearch.models import Network, build
from cheapsearch.models.layers import GroupSum, Shuffle, Tile
from cheapsearch.models.network import InvertedResidual
from cheapsearch.models.operations import build_operation
from cheapsearch.space import (
    BACKBONES,
    SITES,
    STAGED_SITES,
    Architecture,
    Block,
    canonical,
    conv_groups,
    get_backbone,
    get_operation,
    largest_divisor,
    shuffle_order,
)
from cheapsearch.space.canonical import network_form, stage_form

WIDTHS = (0.28, 0.5)
BLOCK_WIDTHS = (0.28, 1.0)  # 0.28 is where a tiled gate lets a shuffle pass (mobilenet_v3_small, stage 3)
# Torchvision's twins have the layouts of the published ones; what differs is tested where it matters.
PUBLISHED = [name for name in BACKBONES if not name.endswith("_torchvision")]
SHUFFLE = 6  # groups of shuffle_reuse in design.md

Randomised = Callable[[nn.Module, int], nn.Module]
Index = tuple[str, Tensor]
Form = tuple[str, ...]  # operations of the staged sites, in order


# Mapping the weights


def channels_seen(module: nn.Module, channels: int) -> Tensor:
    """The input channel that each output channel of the shuffles and tiles in a module copies."""
    numbers = torch.arange(channels, dtype=torch.float32).view(1, channels, 1, 1)
    for layer in module.modules():
        if isinstance(layer, (Shuffle, Tile)):
            numbers = layer(numbers)
    return numbers.flatten().long()


def layers_with_state(name: str, module: nn.Module | None) -> Iterator[tuple[str, nn.Module]]:
    for inner, layer in [] if module is None else module.named_modules(prefix=name):
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.BatchNorm2d, nn.Linear)):
            yield inner, layer


class Mapping(dict[str, Index]):
    """Entry of A's state -> entry of B's state and the index into its flattened numbers."""

    def __init__(self, a: nn.Module, b: nn.Module) -> None:
        super().__init__()
        self.a, self.b = a, b

    def put(
        self,
        name_a: str,
        name_b: str,
        layer: nn.Module,
        rows: Tensor | None = None,
        columns: Tensor | None = None,
    ) -> None:
        """Row i of A's layer is row `rows[i]` of B's, and its column j there is `columns[i, j]`."""
        for key, value in layer.state_dict().items():
            index = torch.arange(value.numel()).view(value.shape)
            if rows is not None and index.dim():
                index = index[rows]
            if columns is not None and index.dim() > 1:
                index = index[torch.arange(len(index))[:, None], columns]
            self[f"{name_a}.{key}"] = (f"{name_b}.{key}", index)

    def put_alike(self, name: str, rows: Tensor | None = None, columns: Tensor | None = None) -> None:
        """A submodule of both, whose layers correspond in order though they may be wrapped otherwise.

        The rows are permuted in every layer of it, the columns in every convolution.
        """
        a, b = (get(network, name) for network in (self.a, self.b))
        pairs = zip(layers_with_state(name, a), layers_with_state(name, b), strict=True)
        for (name_a, layer_a), (name_b, layer_b) in pairs:
            assert str(layer_a) == str(layer_b)
            self.put(name_a, name_b, layer_b, rows, columns)

    def put_reader(self, name: str, columns: Tensor) -> None:
        """As `put_alike`, of what reads its input by a dense convolution, whose columns are permuted."""
        self.put_alike(name)
        if not torch.equal(columns, columns.sort().values):
            first, conv = next(iter(layers_with_state(name, get(self.b, name))))
            assert isinstance(conv, nn.Conv2d)
            assert conv.groups == 1
            self.put(first, first, conv, columns=columns.expand(conv.out_channels, -1))


def get(module: nn.Module, name: str) -> nn.Module | None:
    """A submodule by its dotted name, None where it is not built."""
    for part in name.split("."):
        module = getattr(module, part)
    return module


def map_block(
    mapping: Mapping, prefix: str, block: Block, before: Tensor | None = None, after: Tensor | None = None
) -> None:
    """Add one block: `sigma` permutes its hidden channels, `rows` the outputs.

    Channel i that A's block gets is channel `before[i]` of B's, and one that it makes is `after[i]`.
    """
    a, b = (get(network, prefix) if prefix else network for network in (mapping.a, mapping.b))
    assert isinstance(a, InvertedResidual)
    assert isinstance(b, InvertedResidual)
    dot = f"{prefix}." if prefix else ""
    hidden = torch.arange(block.hidden)
    before = torch.arange(block.in_channels) if before is None else before
    after = torch.arange(block.out_channels) if after is None else after

    sigma = hidden
    if a.expand is None or b.expand is None:
        assert a.expand is b.expand
        sigma = before
    elif not list(a.expand.parameters()):
        # A's hidden channel j is a copy of the input channel that B's hidden channel sigma[j] copies.
        seen_a, seen_b = (channels_seen(expand, block.in_channels) for expand in (a.expand, b.expand))
        wanted = before[seen_a]
        if not torch.equal(wanted, seen_b):
            place_in_b = seen_b[: block.in_channels].argsort()
            sigma = hidden // block.in_channels * block.in_channels + place_in_b[wanted]
        assert sigma.max() < block.hidden
        assert torch.equal(seen_b[sigma], wanted)
    else:
        mapping.put_reader(f"{dot}expand", before)

    mapping.put_alike(f"{dot}depthwise", rows=sigma)
    map_gate(mapping, f"{dot}se", sigma)

    # The outputs are z[order] of the projection's z, so row order_a[i] of A is row order_b[after[i]] of B.
    assert a.project is not None
    assert b.project is not None
    order_a, order_b = (channels_seen(project, block.out_channels) for project in (a.project, b.project))
    rows = torch.empty_like(order_a)
    rows[order_a] = order_b[after]
    assert torch.equal(after, after.sort().values) or all(conv.groups == 1 for conv in convs(b.project))
    mapping.put_alike(f"{dot}project", rows=rows, columns=project_columns(b.project, sigma, block))
    if b.shortcut is None or not convs(b.shortcut):
        if b.shortcut is not None:
            seen = channels_seen(b.shortcut, block.in_channels)
            assert torch.equal(before[seen], seen[after])
        mapping.put_alike(f"{dot}shortcut")
    else:
        mapping.put_alike(f"{dot}shortcut", rows=after, columns=before.expand(len(after), -1))


def convs(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def map_gate(mapping: Mapping, name: str, sigma: Tensor) -> None:
    gate = get(mapping.b, name)
    if gate is None:
        assert get(mapping.a, name) is None
        return
    layers = list(layers_with_state(name, gate))
    if isinstance(layers[0][1], nn.Conv1d):
        mapping.put_alike(name)  # depends on the order of the channels: only sigma = identity will do
        return
    (squeeze_name, squeeze), *rest = layers
    assert isinstance(squeeze, nn.Conv2d)
    gates = torch.arange(squeeze.out_channels)
    if not rest:
        # Tiled: channel j of A reads gate j mod G, channel sigma[j] of B reads gate sigma[j] mod G.
        read = torch.arange(len(sigma)) % len(gates)
        gates = gates.clone()
        gates[read] = sigma % len(gates)
    mapping.put(squeeze_name, squeeze_name, squeeze, gates, sigma.expand(len(gates), -1))
    for excite_name, excite in rest:
        mapping.put(excite_name, excite_name, excite, rows=sigma)


def project_columns(project: nn.Module, sigma: Tensor, block: Block) -> Tensor:
    """Where each input of A's projection is among those of B's, row by row."""
    conv = next(layer for layer in project.modules() if isinstance(layer, nn.Conv2d))
    if any(isinstance(layer, GroupSum) for layer in project.modules()):
        sigma = sigma[: block.in_channels]  # the same permutation in every copy that is summed
    # The rank within the group: it is sigma itself where sigma keeps to the groups.
    groups = sigma.view(conv.groups, -1).argsort(1).argsort(1)
    return groups.repeat_interleave(block.out_channels // conv.groups, dim=0)


def streams_turned(a: Network, b: Network) -> Iterator[list[Tensor]]:
    """Orders of the channels between stages that may take A to B, from the stem's on, likeliest first.

    Channels are reordered as a block that reads them sees them in one network and not in the other, and those
    at both ends of an identity alike.
    """
    layout = get_backbone(a.architecture.backbone).layout(a.architecture.width, a.input_size)
    channels = [layout.stem_channels]
    orders: dict[int, Tensor] = {}
    groups = [0]
    for index, block in enumerate(layout.blocks):
        own_a, own_b = a.blocks[index], b.blocks[index]
        assert isinstance(own_a, InvertedResidual)
        assert isinstance(own_b, InvertedResidual)
        first = index == 0 or layout.blocks[index - 1].stage != block.stage
        if first:
            channels.append(block.out_channels)
            groups.append(groups[-1] if isinstance(own_b.shortcut, nn.Identity) else block.stage)
        expands = [own.expand for own in (own_a, own_b) if own.expand is not None]
        if expands and not list(expands[1].parameters()):
            seen_a, seen_b = (
                channels_seen(expand, block.in_channels)[: block.in_channels] for expand in expands
            )
            if not torch.equal(seen_a, seen_b):
                orders[groups[block.stage - first]] = seen_b[seen_a.argsort()]
    for size in range(len(orders), -1, -1):
        for turned in combinations(orders, size):
            yield [
                orders[group] if group in turned else torch.arange(count)
                for group, count in zip(groups, channels, strict=True)
            ]


def map_network(a: Network, b: Network) -> Mapping:
    """Map with the first orders between the stages that every layer of B can follow."""
    failed: Exception | None = None
    for orders in streams_turned(a, b):
        try:
            return map_streams(a, b, orders)
        except (AssertionError, IndexError) as error:
            failed = failed or error
    assert failed is not None
    raise failed


def map_streams(a: Network, b: Network, orders: list[Tensor]) -> Mapping:
    mapping = Mapping(a, b)
    mapping.put_alike("first_conv")
    for name, layer in list(layers_with_state("first_conv", b.first_conv))[-2:]:
        mapping.put(name, name, layer, rows=orders[0])
    stage = 0
    for index, block in enumerate(a.layout.blocks):
        map_block(mapping, f"blocks.{index}", block, orders[stage], orders[block.stage])
        stage = block.stage
    mapping.put_alike("classifier")
    assert b.last_stage is not None
    if list(b.last_stage.parameters()):
        mapping.put_reader("last_stage", orders[-1])
    else:
        features, count = torch.arange(b.classifier.in_features), len(orders[-1])
        copies = features // count * count + orders[-1][features % count]
        mapping.put("classifier", "classifier", b.classifier, columns=copies.expand(b.num_classes, -1))
    return mapping


# Comparing the networks


def load(mapping: Mapping) -> None:
    """Give A the weights of B, after checking that every number of B is used once."""
    state_b = mapping.b.state_dict()
    assert set(mapping) == set(mapping.a.state_dict())
    assert sorted(name for name, _ in mapping.values()) == sorted(state_b)
    for name, index in mapping.values():
        used = torch.zeros(state_b[name].numel(), dtype=torch.bool)
        used[index.flatten()] = True
        assert used.all()
        assert index.numel() == used.numel()
    mapping.a.load_state_dict({key: state_b[name].flatten()[index] for key, (name, index) in mapping.items()})


def assert_equal(mapping: Mapping, x: Tensor) -> None:
    """Outputs, gradients and running statistics of A and B agree."""
    load(mapping)
    a, b = mapping.a, mapping.b
    with torch.no_grad():
        expected = b.eval()(x)
        assert expected.std() > 1e-4  # there is something to compare
        torch.testing.assert_close(a.eval()(x), expected, rtol=1e-10, atol=1e-10)

    outputs = [network.train()(x.clone()) for network in (a, b)]
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-10, atol=1e-10)
    direction = torch.randn_like(outputs[0])
    for output in outputs:
        output.backward(direction)
    gradients = {name: parameter.grad for name, parameter in b.named_parameters()}
    state_a, state_b = a.state_dict(), b.state_dict()
    for key, (name, index) in mapping.items():
        torch.testing.assert_close(state_a[key], state_b[name].flatten()[index], rtol=1e-10, atol=1e-10)
    for key, parameter in a.named_parameters():
        name, index = mapping[key]
        gradient = gradients[name]
        assert gradient is not None
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient.flatten()[index], rtol=1e-7, atol=1e-8)


# Whole networks


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", BACKBONES)
def test_canonical_form_of_a_random_architecture_computes_the_same(
    name: str,
    width: float,
    random_architecture: Callable[[random.Random, str, float], Architecture],
    randomised: Randomised,
) -> None:
    rng = random.Random(f"{name} {width}")
    architecture = random_architecture(rng, name, width)
    while canonical(architecture) == architecture:
        architecture = random_architecture(rng, name, width)
    a, b = build(architecture), build(canonical(architecture))
    randomised(a, 1)
    randomised(b, 2)
    assert_equal(map_network(a, b), torch.randn(3, 3, 16, 16, dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "sites"),
    [
        ("mobilenet_v2", {"expand": "shuffle_reuse"}),
        ("mobilenet_v2", {"expand": "shuffle_reuse", "project": "reduce"}),
        ("mobilenet_v2", {"project": "conv_shuffle"}),
        ("mobilenet_v3_large_d6", {"expand": "shuffle_reuse", "project": "conv_shuffle"}),
        ("mobilenet_v3_large_e6", {"expand": "shuffle_reuse", "se": "none"}),
        ("mobilenet_v3_large", {"expand": "shuffle_reuse"}),
        ("mobilenet_v3_large_d6", {"expand": "shuffle_reuse", "se": "eca"}),
    ],
)
def test_equality_needs_the_permutation(name: str, sites: dict[str, str], randomised: Randomised) -> None:
    """The comparison can fail: with the weights copied straight, the outputs differ."""
    architecture = Architecture(name, 0.5, **sites)
    a, b = build(architecture), build(canonical(architecture))
    assert canonical(architecture) != architecture
    randomised(a, 1)
    randomised(b, 2).eval()
    mapping = map_network(a, b)
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    state = b.state_dict()
    with torch.no_grad():
        expected = b(x)
        a.load_state_dict({key: state[source] for key, (source, _) in mapping.items()})
        assert (a.eval()(x) - expected).abs().max() > 1e-3 * expected.abs().max()
        load(mapping)
        torch.testing.assert_close(a(x), expected, rtol=1e-10, atol=1e-10)


# Networks that are equal though no stage is on its own


def turning(name: str) -> Iterator[tuple[Architecture, Architecture]]:
    """A shuffle that no stage absorbs and the network does, with its canonical form, at every combination."""
    operations = get_backbone(name).operations
    for project, shortcut, last, se in product(
        operations["project"], operations["shortcut"], operations["last_stage"], operations["se"]
    ):
        given = Architecture(
            name, expand="shuffle_reuse", project=project, shortcut=shortcut, last_stage=last, se=se
        )
        by_stage = {
            stage_form(name, 1.0, stage, "shuffle_reuse", project, shortcut, se)[0]
            for stage in range(1, get_backbone(name).stages + 1)
        }
        if "shuffle_reuse" in by_stage and canonical(given).expand == "reuse":
            yield given, canonical(given)


@pytest.mark.parametrize("size", [32, 224])
@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_that_are_one_only_as_a_whole_compute_the_same(
    name: str, size: int, randomised: Randomised
) -> None:
    pairs = [pair for pair in turning(name) if pair[0].project != "conv_shuffle"]
    assert bool(pairs) is (BACKBONES[name].family == "v3")
    for given, form in pairs if size == 32 else pairs[::4]:  # where strides are 2 there are fewer shortcuts
        a, b = (build(architecture, input_size=size) for architecture in (given, form))
        randomised(a, 1)
        randomised(b, 2).eval()
        try:
            load(map_network(a, b))
            with torch.no_grad():
                x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
                expected = b(x)
                assert expected.std() > 1e-4
                torch.testing.assert_close(a.eval()(x), expected, rtol=1e-10, atol=1e-10)
        except AssertionError as error:
            error.add_note(f"{given} is not {form}")
            raise


@pytest.mark.parametrize("name", [name for name, found in BACKBONES.items() if found.family == "v3"])
def test_networks_that_are_one_only_as_a_whole_train_the_same(name: str, randomised: Randomised) -> None:
    given, form = next(turning(name))
    a, b = build(given), build(form)
    randomised(a, 1)
    randomised(b, 2)
    assert_equal(map_network(a, b), torch.randn(3, 3, 16, 16, dtype=torch.float64))


# Every collapse of every block


Case = tuple[str, Block, Form, Form]


@cache
def collapses() -> tuple[Case, ...]:
    """Every kind of block with operations that the canonical form of its stage replaces.

    Of the blocks that differ in the number of channels only, the smallest stands for all. The sites are
    independent but for `expand`, whose form depends on `project` and `se`, so these three are combined there,
    and each site goes alone through its operations.
    """
    found: dict[tuple[object, ...], Case] = {}
    for (name, backbone), width in product(BACKBONES.items(), BLOCK_WIDTHS):
        operations = backbone.operations
        first = tuple(operations[site][0] for site in STAGED_SITES)
        alone = {
            (*first[:index], operation, *first[index + 1 :])
            for index, site in enumerate(STAGED_SITES)
            for operation in operations[site]
        }
        for block in (block for size in (32, 224) for block in backbone.layout(width, size).blocks):
            gates = operations["se"] if block.squeeze_excitation else first[3:]
            shuffled = {
                ("shuffle_reuse", project, first[2], se)
                for project, se in product(operations["project"], gates)
            }
            for given in sorted(alone | shuffled):
                form = stage_form(name, width, block.stage, *given)
                if form != given:
                    key = (kind(block, given, form), given, form, backbone.activation_after_reuse)
                    if key not in found or block.hidden < found[key][1].hidden:
                        found[key] = (name, block, given, form)
    return tuple(found.values())


def kind(block: Block, given: Form, form: Form) -> tuple[object, ...]:
    """What permutations, groups and cuts depend on, and for a shortcut the shapes it joins."""
    channels, hidden = block.in_channels, block.hidden
    around = (channels == block.out_channels, block.stride) if form[2] != given[2] else ()
    gates = [hidden // reduction for reduction in (4, 8)] if block.squeeze_excitation else []
    return (
        block.expands,
        block.copies,
        hidden % channels == 0,
        largest_divisor(channels, SHUFFLE),
        conv_groups(channels, hidden),
        conv_groups(hidden, block.out_channels),
        *(hidden % gate == 0 for gate in gates),
        *around,
    )


def kinds(site: str) -> set[tuple[str, str]]:
    index = STAGED_SITES.index(site)
    return {(given[index], form[index]) for _, _, given, form in collapses() if given[index] != form[index]}


def test_collapses_are_of_every_kind() -> None:
    assert kinds("expand") == {
        ("shuffle_reuse", "reuse"),
        # an empty site; for group_conv also V2's first block, where it has one group
        *((operation, "conv") for operation in SITES["expand"].operations if operation != "conv"),
    }
    assert kinds("project") == {("conv_shuffle", "conv"), ("group_conv", "conv"), ("reduce", "conv")}
    assert kinds("shortcut") == {
        ("identity", "conv"),
        ("conv", "identity"),  # on torchvision's V2, whose unmodified network has the identity
        ("reuse", "conv"),
        ("reuse", "identity"),
        ("pool_reuse", "reuse"),
    }
    assert kinds("se") == {(operation, "se") for operation in SITES["se"].operations if operation != "se"}
    absorbed = [
        (block, given)
        for _, block, given, form in collapses()
        if (given[0], form[0]) == ("shuffle_reuse", "reuse") and block.hidden > block.in_channels
    ]
    assert {project for _, (_, project, _, _) in absorbed} == set(SITES["project"].operations)
    gates = {se for block, (_, _, _, se) in absorbed if block.squeeze_excitation}
    assert gates == {"se", "reuse_r4", "none"}


@pytest.mark.parametrize("name", BACKBONES)
def test_canonical_form_of_every_block_computes_the_same(name: str, randomised: Randomised) -> None:
    backbone = get_backbone(name)
    for case_name, block, given, form in collapses():
        if case_name != name:
            continue
        a, b = (
            InvertedResidual(backbone, block, dict(zip(STAGED_SITES, operations, strict=True)))
            for operations in (given, form)
        )
        randomised(a, 1)
        randomised(b, 2)
        mapping = Mapping(a, b)
        map_block(mapping, "", block)
        x = torch.randn(2, block.in_channels, 3, 3, dtype=torch.float64)
        try:
            assert_equal(mapping, x)
        except AssertionError as error:
            error.add_note(f"{given} is not {form} in {block}")
            raise


# Where it must refuse


def absorbs_in_principle(block: Block, project: str, se: str) -> bool:
    """Whether any permutation at all of the hidden channels takes `reuse` to `shuffle_reuse`.

    It has to keep the input channel that a hidden channel copies and the group of the grouped projection
    that reads it. Channels that share a gate must share one afterwards, whichever (the FC before the
    gates is dense). ECA's convolution takes no permutation. So the permutation exists if and only if,
    gate by gate, both networks have as many channels of each kind.
    """
    if not block.expands:
        return True
    order = shuffle_order(block.in_channels, SHUFFLE)
    plain = [j % block.in_channels for j in range(block.hidden)]
    shuffled = [order[channel] for channel in plain]
    if block.squeeze_excitation and se == "eca":
        return plain == shuffled
    groups = conv_groups(block.hidden, block.out_channels) if project == "group_conv" else 1
    gates = block.hidden // int(se[-1]) if block.squeeze_excitation and se.startswith("reuse_r") else 1

    def gate_contents(seen: list[int]) -> Counter[frozenset[tuple[tuple[int, int], int]]]:
        contents: list[Counter[tuple[int, int]]] = [Counter() for _ in range(gates)]
        for j, channel in enumerate(seen):
            contents[j % gates][channel, j * groups // block.hidden] += 1
        return Counter(frozenset(content.items()) for content in contents)

    return gate_contents(plain) == gate_contents(shuffled)


@pytest.mark.parametrize("width", [0.25, 1.0, 1.75])
@pytest.mark.parametrize("name", BACKBONES)
def test_shuffle_reuse_collapses_exactly_where_a_permutation_exists(name: str, width: float) -> None:
    backbone = get_backbone(name)
    blocks = backbone.layout(width).blocks
    operations = backbone.operations
    for stage, project, se in product(range(1, backbone.stages + 1), operations["project"], operations["se"]):
        form = stage_form(name, width, stage, "shuffle_reuse", project, operations["shortcut"][0], se)
        expected = all(absorbs_in_principle(block, project, se) for block in blocks if block.stage == stage)
        assert (form[0] != "shuffle_reuse") == expected, (stage, project, se)


@pytest.mark.parametrize(
    ("name", "sites"),
    [
        ("mobilenet_v2", {"project": "group_conv"}),
        ("mobilenet_v3_large_d6", {"project": "group_conv"}),
        # a tile around the block that widens holds two streams to the order they have
        ("mobilenet_v3_large_k", {"shortcut": "reuse", "se": "reuse_r4"}),
        ("mobilenet_v3_large_e6", {"shortcut": "reuse", "se": "eca"}),
        # what comes last reads groups of neighbours
        ("mobilenet_v3_large_e6", {"last_stage": "group_conv", "se": "eca"}),
        ("mobilenet_v3_large", {"last_stage": "group_conv", "se": "eca"}),
    ],
)
def test_shuffle_reuse_stays_another_network_where_channel_order_matters(
    name: str, sites: dict[str, str], randomised: Randomised
) -> None:
    reuse = Architecture(name, 1.0, expand="reuse", **sites)
    shuffled = Architecture(name, 1.0, expand="shuffle_reuse", **sites)
    assert canonical(reuse) != canonical(shuffled)
    a, b = build(shuffled), build(reuse)
    randomised(a, 1)
    randomised(b, 2)
    state = b.state_dict()
    # gates that are not moved as one have no place to go: keep them in order
    mapping = {
        key: (
            source,
            index if len(index.unique()) == index.numel() else torch.arange(index.numel()).view(index.shape),
        )
        for key, (source, index) in map_network(a, b).items()
    }
    a.load_state_dict({key: state[source].flatten()[index] for key, (source, index) in mapping.items()})
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        expected = b.eval()(x)
        assert (a.eval()(x) - expected).abs().max() > 1e-3 * expected.abs().max()


# The last stage


@pytest.mark.parametrize("width", [0.25, 0.5, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("name", BACKBONES)
def test_last_stage_collapses_exactly_where_no_conv_is_grouped(name: str, width: float) -> None:
    backbone = get_backbone(name)
    layout = backbone.layout(width)
    layers = {}
    for operation in backbone.operations["last_stage"]:
        module = build_operation(get_operation("last_stage", operation), backbone, layout)
        layers[operation] = [layer for _, layer in layers_with_state("", module)]
    for operation, own in layers.items():
        form = network_form(name, width, "last_stage", operation)
        assert str(own) == str(layers[form])
        grouped = any(isinstance(layer, nn.Conv2d) and layer.groups > 1 for layer in own)
        assert grouped == (operation == "group_conv" and form == "group_conv")
