"""ONNX files answer as their networks do, and say of themselves what they are told to and no more."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cheapsearch
from cheapsearch.devices import onnx_file
from cheapsearch.devices.checking import MismatchError, check_answers
from cheapsearch.devices.onnx_file import check_onnx, open_session, write_onnx
from cheapsearch.space import Architecture, UserError, extras, get_backbone

onnx: Any = pytest.importorskip("onnx")

# Copies, sums and shuffles, pooled shortcuts, and every kind of activation and gate between the two.
V2 = Architecture("mobilenet_v2", 0.25, expand="ghost", project="reduce", shortcut="pool_reuse")
V3 = Architecture(
    "mobilenet_v3_small",
    0.25,
    first_conv="pre_reuse",
    expand="shuffle_reuse",
    project="group_conv",
    se=("se", "eca", "reuse_r4", "reuse_r8", "none"),
    last_stage="reuse",
)


class Doubled(nn.Module):
    """Twice the mean of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x.mean((2, 3))


@pytest.mark.parametrize("of_file", [True, False])
def test_answers_that_are_no_numbers_are_no_match(of_file: bool, tmp_path: Path) -> None:
    path = tmp_path / "any"
    path.touch()
    broken, whole = (lambda x: Doubled()(x) * float("nan")), Doubled()
    module = whole if of_file else nn.Sequential(whole, nn.Threshold(float("inf"), float("nan")))
    with pytest.raises(MismatchError, match="are not all finite; it is removed"):
        check_answers(path, broken if of_file else whole, module, shape=(3, 4, 4), batches=(1, 2))
    assert not path.exists()


def operators(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def called_layers(module: nn.Module) -> list[nn.Module]:
    """What one image goes through."""
    found: list[nn.Module] = []
    for layer in module.modules():
        layer.register_forward_hook(lambda layer, *_: found.append(layer))
    module.eval()(torch.zeros(1, 3, 16, 16))
    return found


@pytest.mark.parametrize(
    ("architecture", "form"), [(V2, "training"), (V3, "deploy")], ids=["V2 training", "V3 deploy"]
)
def test_write_onnx_gives_a_clean_graph_that_answers_as_the_network(
    architecture: Architecture, form: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    layout = get_backbone(architecture.backbone).layout(0.25, 16)
    layout = replace(layout, blocks=layout.blocks[:6])  # a layer takes the exporter a tenth of a second
    network = cheapsearch.build(architecture, num_classes=3, input_size=16, layout=layout)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):  # or folding them would be no change
            layer.running_mean.normal_()  # type: ignore[union-attr]
            layer.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    module = network if form == "training" else cheapsearch.deploy(network)
    path = tmp_path / "network.onnx"

    assert write_onnx(module, path, shape=(3, 16, 16), metadata={"form": form}) < 1e-5
    found = operators(path)
    # An activation is one operator, and what is known of a shape while exporting is not computed again.
    called = Counter(type(layer) for layer in called_layers(module))
    for kind, operator in ((nn.ReLU, "Relu"), (nn.Hardswish, "HardSwish"), (nn.Hardsigmoid, "HardSigmoid")):
        assert found[operator] == called[kind], operator
    assert not {"BatchNormalization", "Shape", "Cast", "CastLike", "Expand", "Constant"} & set(found)


def test_write_onnx_says_what_it_is_told_and_no_path_of_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "doubled.onnx"
    write_onnx(Doubled(), path, shape=(3, 4, 4), metadata={"classes": '["grün"]'})
    session = open_session(path)
    assert session.get_modelmeta().custom_metadata_map == {"classes": '["grün"]'}
    assert [(one.name, one.shape) for one in session.get_inputs()] == [("images", ["batch", 3, 4, 4])]
    assert [one.name for one in session.get_outputs()] == ["scores"]
    assert b".py" not in path.read_bytes()


def test_write_onnx_fixes_the_batch_where_told_so(tmp_path: Path) -> None:
    path = tmp_path / "doubled.onnx"
    write_onnx(Doubled(), path, shape=(3, 4, 4), metadata={}, dynamic_batch=False)
    assert open_session(path).get_inputs()[0].shape == [1, 3, 4, 4]


def test_check_onnx_refuses_a_file_of_another_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "doubled.onnx"
    write_onnx(Doubled(), path, shape=(3, 4, 4), metadata={})
    written = path.read_bytes()

    class Tripled(Doubled):
        def forward(self, x: Tensor) -> Tensor:
            return 1.5 * super().forward(x)

    with pytest.raises(MismatchError, match=r"doubled\.onnx: answers of the file must be"):
        check_onnx(path, Tripled(), shape=(3, 4, 4))
    assert not path.exists()
    monkeypatch.setattr(onnx_file, "_exported", lambda *given: written)
    with pytest.raises(MismatchError):
        write_onnx(Tripled(), path, shape=(3, 4, 4), metadata={})
    assert not path.exists()


def test_a_missing_package_is_one_line_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", refuse)
    with pytest.raises(UserError, match=r"needs the package onnxruntime, .*`pip install 'cheapsearch\[dep"):
        open_session(Path("any.onnx"))
