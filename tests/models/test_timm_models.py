"""Presets and exported architectures behave as timm's own models do."""

import math
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import timm
import timm.data
import torch
from torch import nn

from cheapsearch.models import build, deploy, load
from cheapsearch.models.timm_models import PREFIX, feature_levels, transform_settings
from cheapsearch.space import PRESETS, Preprocessing, UserError, get_backbone

FIXTURES = Path(__file__).parents[1] / "fixtures" / "schema_0"
WEIGHTS = FIXTURES / "training" / "best.safetensors"
X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def create(name: str, **settings: Any) -> Any:
    torch.manual_seed(0)
    return timm.create_model(f"{PREFIX}{name}", **{"img_size": 32, **settings}).eval()


def create_trained(**settings: Any) -> Any:
    return timm.create_model(f"{PREFIX}architecture", config=WEIGHTS, **settings).eval()


def features_of(network: Any) -> Any:
    return network.blocks(network.first_conv(X))


@pytest.mark.parametrize("name", PRESETS)
def test_preset_answers_as_the_plain_network_does(name: str) -> None:
    model, plain = create(name, num_classes=7), build(name, num_classes=7, input_size=32).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(X), plain(X))
    assert timm.is_model(f"{PREFIX}{name}")
    assert timm.get_pretrained_cfg(f"{PREFIX}{name}").classifier == "classifier"


def test_defaults_are_timms() -> None:
    model = timm.create_model(f"{PREFIX}cheap_v2")
    assert model.default_cfg["input_size"] == (3, 224, 224)
    assert model.get_classifier().out_features == model.num_classes == 1000
    assert model.layout == build("cheap_v2", input_size=224).layout
    with pytest.raises(RuntimeError, match="No pretrained weights exist for cheapsearch_cheap_v2"):
        timm.create_model(f"{PREFIX}cheap_v2", pretrained=True)


# V3 with a reuse last stage begins that with an activation, V2 has none there.
@pytest.mark.parametrize("name", ["cheap_v2", "cheap_v3", "mobilenet_v3_large"])
def test_features_and_head_make_the_whole_and_leave_the_features_alone(name: str) -> None:
    model = create(name, num_classes=7)
    features = model.forward_features(X)
    assert features.shape == (2, model.num_features, 4, 4)
    kept = features.clone()
    assert torch.equal(model.forward_head(features), model(X))
    assert torch.equal(features, kept)
    logits = model.forward_head(features, pre_logits=True)
    assert logits.shape == (2, model.head_hidden_size)
    assert torch.equal(model.get_classifier()(logits), model(X))


@pytest.mark.parametrize(
    ("name", "img_size", "strides"),
    [
        ("mobilenet_v2", 32, [1, 2, 4, 8]),
        ("mobilenet_v2", 96, [2, 4, 8, 16, 32]),
        ("cheap_v3_shuffle", 96, [2, 4, 8, 16, 32]),
    ],
)
def test_features_only_has_every_stride(name: str, img_size: int, strides: list[int]) -> None:
    model = create(name, img_size=img_size, features_only=True)
    assert model.feature_info.reduction() == strides
    x = torch.randn(1, 3, 96, 96)
    shapes = [
        (1, channels, 96 // s, 96 // s)
        for channels, s in zip(model.feature_info.channels(), strides, strict=True)
    ]
    features = model(x)
    assert [tuple(feature.shape) for feature in features] == shapes
    # Found by hooks, in a model that nothing was taken from.
    hooked = create(name, img_size=img_size, features_only=True, feature_cls="hook")(x)
    assert all(torch.equal(one, other) for one, other in zip(features, hooked, strict=True))
    two = create(name, img_size=img_size, features_only=True, out_indices=(1, -1))
    assert two.feature_info.reduction() == [strides[1], strides[-1]]
    assert torch.equal(two(x)[-1], features[-1])


def test_features_only_has_the_place_of_every_stride_that_is_last() -> None:
    # The paper's table 2 at 224 pixels: the last row before each stride of 2, and the last of all.
    levels = feature_levels(get_backbone("mobilenet_v2").layout(1.0, 224))
    assert [info["num_chs"] for _, info in levels] == [16, 24, 32, 96, 320]
    # Here the stem alone has stride 2.
    (_, first), *_ = feature_levels(get_backbone("mobilenet_v3_small").layout(1.0, 224))
    assert first == {"num_chs": 16, "reduction": 2, "module": "first_conv"}


def test_intermediates_come_with_the_last_features_or_stop_early() -> None:
    model = create("cheap_v2")
    last, features = model.forward_intermediates(X, indices=2)
    assert torch.equal(last, model.forward_features(X))
    assert [feature.shape[1] for feature in features] == [96, 320]
    assert torch.equal(features[-1], last)
    ran: list[int] = []
    model.blocks[-1].register_forward_hook(lambda *_: ran.append(1))
    (early,) = model.forward_intermediates(X, indices=[0], intermediates_only=True, stop_early=True)
    assert early.shape == (2, 24, 32, 32)
    assert not ran


# The inputs of the classifier are copies in the first two, which fold in the deploy form.
@pytest.mark.parametrize("name", ["cheap_v2", "cheap_v3", "mobilenet_v2"])
def test_reset_classifier_puts_another_in_place(name: str) -> None:
    model = create(name, num_classes=7, drop_rate=0.2)
    assert model.dropout.p == 0.2
    features = model.forward_head(model.forward_features(X), pre_logits=True)
    model.reset_classifier(0)
    assert torch.equal(model(X), features)
    model.reset_classifier(5)
    assert model.num_classes == 5
    nn.init.normal_(model.get_classifier().weight)
    whole = model(X)
    assert whole.shape == (2, 5)
    deployed: Any = deploy(model)
    assert torch.allclose(deployed(X), whole, atol=1e-5 * whole.abs().max().item())
    folds = name != "mobilenet_v2"
    assert (deployed.classifier.in_features < model.get_classifier().in_features) == folds
    assert create(name, num_classes=0)(X).shape == features.shape


def test_architecture_has_what_the_weights_know() -> None:
    model, plain = create_trained(pretrained=True), load(WEIGHTS).eval()
    assert torch.equal(model(X), plain(X))
    assert (model.classes, model.preprocessing) == (plain.classes, plain.preprocessing)
    assert model.pretrained_cfg["label_names"] == plain.classes
    known = plain.preprocessing
    assert known is not None
    assert timm.data.resolve_model_data_config(model) == {
        **{"input_size": (3, 32, 32), "interpolation": "bilinear", "crop_pct": 1.0, "crop_mode": "center"},
        **{"mean": known.mean, "std": known.std},
    }


def test_architecture_takes_weights_for_other_classes() -> None:
    model, plain = create_trained(pretrained=True, num_classes=3), load(WEIGHTS).eval()
    assert model(X).shape == (2, 3)
    assert model.classes is None
    assert torch.equal(model.forward_features(X), features_of(plain))
    fresh = create_trained()
    assert not torch.equal(fresh.forward_features(X), features_of(plain))
    # Fresh weights know no classes, and the preprocessing is of one size.
    for model in (fresh, create_trained(pretrained=True, img_size=64)):
        assert (model.classes, model.preprocessing) == (None, None)


def test_architecture_builds_an_exported_yaml() -> None:
    path = str(FIXTURES / "staged.yaml")
    model = timm.create_model(f"{PREFIX}architecture", config=path).eval()
    plain = load(path).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(X), plain(X))
    assert model.pretrained_cfg["num_classes"] == 10


@pytest.mark.parametrize("size", [8, 32, 96, 160, 224])
def test_transforms_scale_to_the_side_of_the_preprocessing(size: int) -> None:
    for resized in range(size, 2 * size):
        settings = transform_settings(Preprocessing(size, "shorter_side", resized, (0.5,) * 3, (0.5,) * 3))
        assert math.floor(size / settings["crop_pct"]) == resized  # as timm.data.create_transform does


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"in_chans": 1}, r"^in_chans: must be 3, .* got 1$"),
        ({"global_pool": "max"}, r"^global_pool: must be avg, .* got 'max'; forward_features gives"),
        ({"img_size": (32, 64)}, r"^img_size: must be one side in pixels, .* got \(32, 64\)$"),
    ],
)
def test_what_networks_cannot_do_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        create("cheap_v2", **settings)


def test_architecture_needs_a_config_that_is_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^config: must be an exported YAML or a file of weights, got"):
        timm.create_model(f"{PREFIX}architecture")
    with pytest.raises(UserError, match=r"none\.yaml: must be a readable YAML file"):
        timm.create_model(f"{PREFIX}architecture", config=tmp_path / "none.yaml")


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cheapsearch.models.timm_models")
    monkeypatch.setitem(sys.modules, "timm.models", None)
    with pytest.raises(UserError, match=r"needs the package timm, .*'cheapsearch\[timm\]'`$"):
        import_module("cheapsearch.models.timm_models")
