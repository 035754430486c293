"""The deploy form against the network it is made of: the same answers, from less."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from cheapsearch.models import Network, build, count_params, deploy, folding
from cheapsearch.models.folding import Rule
from cheapsearch.models.layers import Shuffle
from cheapsearch.models.traced import Select, Traced
from cheapsearch.space import BACKBONES, Architecture, Preprocessing, UserError

TOLERANCE = 1e-5  # of the largest output
WIDTHS = (0.35, 1.0, 1.4)
SIZE = 16  # pixels
Draw = Callable[[random.Random, str, float], Architecture]
Make = Callable[..., Network]


def columns(name: str, width: float) -> list[Architecture]:
    """Network i of a backbone has operation i of every site, so these hold every operation."""
    operations = BACKBONES[name].operations
    return [
        Architecture(name, width, **{site: ops[min(index, len(ops) - 1)] for site, ops in operations.items()})
        for index in range(max(map(len, operations.values())))
    ]


@torch.no_grad()
def difference(network: nn.Module, deployed: nn.Module, x: Tensor) -> float:
    """Largest difference of an output, in parts of the largest output."""
    expected = network.eval()(x)
    return ((deployed(x) - expected).abs().max() / expected.abs().max()).item()


def layers(module: nn.Module) -> set[type[nn.Module]]:
    return {type(layer) for layer in module.modules()}


@pytest.fixture
def make(randomised: Callable[[nn.Module, int], nn.Module]) -> Make:
    """A network in float32 whose batch norms are drawn at random."""

    def made(architecture: Architecture, input_size: int = SIZE) -> Network:
        network = build(architecture, num_classes=7, input_size=input_size, dropout=0.3)
        randomised(network, 0)
        return network.float()

    return made


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", BACKBONES)
def test_deploy_answers_the_same_with_every_operation(name: str, width: float, make: Make) -> None:
    for architecture in columns(name, width):
        network = make(architecture)
        deployed = deploy(network)
        for batch in (1, 8):
            assert difference(network, deployed, torch.randn(batch, 3, SIZE, SIZE)) < TOLERANCE, architecture
        assert count_params(deployed) < count_params(network)
        assert not layers(deployed) & {nn.BatchNorm2d, nn.Dropout, nn.Identity}


@pytest.mark.parametrize("name", BACKBONES)
def test_deploy_answers_the_same_with_operations_mixed(
    name: str, make: Make, random_architecture: Draw
) -> None:
    rng = random.Random(f"deploy {name}")
    for size in (SIZE, 65):  # an odd side, with the strides of large images
        architecture = random_architecture(rng, name, rng.choice(WIDTHS[:2]))
        network = make(architecture, size)
        assert difference(network, deploy(network), torch.randn(2, 3, size, size)) < TOLERANCE, architecture


def test_every_row_of_the_table_applies_somewhere(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    applied: set[tuple[str, str, Rule]] = set()

    def noted(first: str, second: str, rule: Rule) -> Rule:
        def tried(traced: Traced, *nodes: torch.fx.Node) -> bool:
            done = rule(traced, *nodes)
            applied.update([(first, second, rule)] if done else [])
            return done

        return tried

    rows = folding.FOLDS
    monkeypatch.setattr(folding, "FOLDS", tuple((a, b, noted(a, b, rule)) for a, b, rule in rows))
    shuffled = Architecture("mobilenet_v3_large_d6", 0.35, expand="shuffle_reuse")
    for architecture in (
        *columns("mobilenet_v3_large_d6", 0.35),
        shuffled,
        replace(shuffled, project="reduce"),
    ):
        deploy(make(architecture))
    assert [row for row in rows if row not in applied] == []


@pytest.mark.parametrize(("first_conv", "read"), [("conv", 3), ("reuse", 3), ("pre_reuse", 12)])
def test_the_last_conv_of_a_stem_reads_no_copies(first_conv: str, read: int, make: Make) -> None:
    deployed = deploy(make(Architecture("mobilenet_v2", first_conv=first_conv)))
    convolutions = [m for m in deployed.get_submodule("first_conv").modules() if isinstance(m, nn.Conv2d)]
    assert (convolutions[0].in_channels, convolutions[-1].in_channels) == (3, read)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_classifier_reads_the_last_blocks_channels(name: str, make: Make) -> None:
    network = make(Architecture(name, 0.35, last_stage="reuse"))
    before, after = network.layout.last_tiles
    assert network.classifier.in_features == network.layout.blocks[-1].out_channels * before * after
    weight = deploy(network).get_parameter("classifier.weight")
    assert weight.shape == (7, network.layout.blocks[-1].out_channels)


@pytest.mark.parametrize("expand", ["shuffle_reuse", "group_conv", "reuse_group"])
@pytest.mark.parametrize("project", ["conv", "conv_shuffle"])
@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_large_d6"])
def test_weights_take_every_shuffle_before_a_dense_layer(
    name: str, project: str, expand: str, make: Make
) -> None:
    network = make(Architecture(name, 0.5, expand=expand, project=project, last_stage="group_conv"))
    assert Shuffle in layers(network)
    deployed = deploy(network)
    selections = [name for name, layer in deployed.named_modules() if isinstance(layer, Shuffle | Select)]
    # Only V3's last stage has a grouped convolution after its shuffle, of single pixels.
    assert len(selections) <= (name != "mobilenet_v2")


def test_a_normalising_form_takes_pixels(make: Make) -> None:
    mean, std = (0.25, 0.5, 0.75), (0.125, 0.25, 0.5)
    x = torch.rand(2, 3, SIZE, SIZE)
    normalised = (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    for first_conv in ("conv", "reuse", "pre_reuse"):
        network = make(Architecture("mobilenet_v2", 0.35, first_conv=first_conv))
        network.preprocessing = Preprocessing(SIZE, "square", SIZE, mean, std)
        deployed = deploy(network, normalise=True)
        with torch.no_grad():
            torch.testing.assert_close(deployed(x), network.eval()(normalised), rtol=1e-4, atol=1e-5)
        assert dict(deployed.named_buffers()).keys() == {"mean"}  # the deviations are in the weights


def test_a_normalising_form_divides_where_no_convolution_comes_first(make: Make) -> None:
    network = make(Architecture("mobilenet_v2", 0.35))
    network.preprocessing = Preprocessing(SIZE, "square", SIZE, (0.5,) * 3, (0.25,) * 3)
    assert network.first_conv is not None
    network.first_conv = nn.Sequential(nn.ReLU(), network.first_conv)
    x = torch.rand(2, 3, SIZE, SIZE)
    with torch.no_grad():
        answers = deploy(network, normalise=True)(x)
        torch.testing.assert_close(answers, network.eval()((x - 0.5) / 0.25), rtol=1e-4, atol=1e-5)


def test_a_network_that_knows_no_preprocessing_cannot_normalise() -> None:
    with pytest.raises(UserError, match="normalise: must be left out where the network does not know"):
        deploy(build(Architecture("mobilenet_v2", 0.35)), normalise=True)


def test_deploy_leaves_the_network_as_it_was(make: Make) -> None:
    network = make(columns("mobilenet_v3_small", 0.35)[2]).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random_state = torch.get_rng_state()
    deployed = deploy(network)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert {module.training for module in network.modules()} == {True}
    assert {module.training for module in deployed.modules()} == {False}
    with torch.no_grad():
        for tensor in deployed.state_dict().values():
            tensor.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_deploy_keeps_the_type_of_the_numbers(make: Make) -> None:
    network = make(columns("mobilenet_v3_large", 0.35)[2]).double()
    deployed = deploy(network)
    assert difference(network, deployed, torch.randn(2, 3, SIZE, SIZE, dtype=torch.float64)) < 1e-12


def test_a_deployed_network_can_be_exported_for_any_batch(make: Make) -> None:
    network = make(columns("mobilenet_v3_small", 0.35)[2])
    deployed = deploy(network)
    shapes = ({0: torch.export.Dim("images", min=1)},)
    program = torch.export.export(deployed, (torch.randn(2, 3, SIZE, SIZE),), dynamic_shapes=shapes)
    assert difference(network, program.module(), torch.randn(5, 3, SIZE, SIZE)) < TOLERANCE
