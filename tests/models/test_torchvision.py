"""The backbones named after torchvision's networks are those networks, to the last parameter."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from cheapsearch.models import build, count_params
from cheapsearch.models.pretrained import read_pretrained

PARAMETERS = {  # torchvision's documentation of the weights, `num_params`
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "mobilenet_v3_small": 2_542_856,
}


def randomised(network: nn.Module) -> nn.Module:
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            for tensor in (layer.weight.data, layer.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (layer.bias.data, layer.running_mean):
                tensor.normal_(0.0, 0.3)
    return network.eval()


@pytest.mark.parametrize("name", PARAMETERS)
def test_unmodified_network_takes_torchvisions_weights_and_answers_as_it_does(
    name: str, tmp_path: Path
) -> None:
    theirs = randomised(getattr(torchvision.models, name)(weights=None))
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    ours = build(f"{name}_torchvision", num_classes=1000, input_size=224).eval()
    assert count_params(ours) == PARAMETERS[name]
    pretrained = read_pretrained(f"{name}_torchvision", 1.0, tmp_path / "weights.pth")
    carried = pretrained.start(ours)
    assert len(carried.whole) == carried.tensors
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = theirs(x)
        torch.testing.assert_close(ours(x), expected, rtol=1e-5, atol=1e-6)
        assert expected.std() > 1e-3
    assert [(n.eps, n.momentum) for n in ours.modules() if isinstance(n, nn.BatchNorm2d)] == [
        (n.eps, n.momentum) for n in theirs.modules() if isinstance(n, nn.BatchNorm2d)
    ]
