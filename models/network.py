"""The network of an architecture: one block for V2 and V3, the operations at their sites."""

from torch import Tensor, nn

from ..space import (
    STAGED_SITES,
    Architecture,
    Backbone,
    Block,
    Layout,
    Preprocessing,
    UserError,
    flag,
    get_backbone,
    get_operation,
    get_preset,
)
from .layers import activation, conv_bn
from .memory import enough_memory
from .operations import build_operation


class InvertedResidual(nn.Module):
    """Expand, depthwise conv, squeeze-and-excitation, activation, project, shortcut.

    With the backbone's `gate_last` the activation comes before the squeeze-and-excitation.

    Shapes: (N, C, H, W) to (N, O, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, backbone: Backbone, block: Block, operations: dict[str, str]) -> None:
        super().__init__()

        def make(site: str) -> nn.Module | None:
            return build_operation(get_operation(site, operations[site]), backbone, block)

        self.expand = make("expand")
        self.depthwise = conv_bn(
            block.hidden,
            block.hidden,
            kernel_size=block.kernel_size,
            stride=block.stride,
            groups=block.hidden,
        )
        self.se = make("se")
        self.act = activation(block.activation)
        self.gate_last = backbone.conventions.gate_last
        self.project = make("project")
        self.shortcut = make("shortcut")

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else self.expand(x)
        y = self.depthwise(y)
        if self.se is None:
            y = self.act(y)
        else:
            y = self.se(self.act(y)) if self.gate_last else self.act(self.se(y))
        y = self.project(y)  # type: ignore[misc]
        return y if self.shortcut is None else y + self.shortcut(x)  # type: ignore[no-any-return]


class Network(nn.Module):
    """The classifier that an `Architecture` describes.

    Shapes: (N, 3, S, S) to (N, `num_classes`), for S of at least the layout's total stride.

    Attributes:
        layout: Its channels and strides: as given, or of its width at `input_size`.
        classes: Names of the classes in the order of the outputs, None where they are not known.
        preprocessing: How an image becomes the input, None where that is not known.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        num_classes: int,
        input_size: int,
        dropout: float = 0.0,
        layout: Layout | None = None,
    ) -> None:
        super().__init__()
        backbone = get_backbone(architecture.backbone)
        layout = layout or backbone.layout(architecture.width, input_size)
        self.layout = layout
        self.architecture = architecture
        self.num_classes = num_classes
        self.input_size = input_size
        self.classes: tuple[str, ...] | None = None
        self.preprocessing: Preprocessing | None = None

        first_conv = get_operation("first_conv", str(architecture.first_conv))
        last_stage = get_operation("last_stage", str(architecture.last_stage))
        self.first_conv = build_operation(first_conv, backbone, layout)
        self.blocks = nn.Sequential(
            *(
                InvertedResidual(
                    backbone,
                    block,
                    {site: architecture.operation(site, block.stage) for site in STAGED_SITES},
                )
                for block in layout.blocks
            )
        )
        self.last_stage = build_operation(last_stage, backbone, layout)
        self.dropout = nn.Dropout(dropout)
        assert last_stage.features is not None
        self.classifier = nn.Linear(last_stage.features(layout), num_classes)
        _initialise(self, backbone)

    def forward(self, x: Tensor) -> Tensor:
        x = self.last_stage(self.blocks(self.first_conv(x)))  # type: ignore[misc]
        return self.classifier(self.dropout(x.flatten(1)))  # type: ignore[no-any-return]


def build(
    architecture: Architecture | str,
    *,
    num_classes: int = 10,
    input_size: int = 32,
    dropout: float = 0.0,
    layout: Layout | None = None,
) -> Network:
    """Build the network of an architecture, with fresh weights.

    Args:
        architecture: An architecture or the name of a preset.
        num_classes: Number of classes, 2 or more.
        input_size: Side of the square input in pixels, 8 or more.
        dropout: Probability of dropping a feature before the classifier, at least 0 and below 1.
        layout: Channels and strides; None for those of the architecture's width at `input_size`.

    Raises:
        UserError: If a value is out of range, the preset is unknown, or the memory does not suffice.
    """
    if isinstance(architecture, str):
        architecture = get_preset(architecture)
    for name, value in (("num_classes", num_classes), ("input_size", input_size)):
        if type(value) is not int:
            raise UserError(f"{flag(name)}: must be a whole number, got {value!r}")
    if num_classes < 2:
        raise UserError(f"--num-classes: must be 2 or more, got {num_classes}")
    if not 0 <= dropout < 1:
        raise UserError(f"dropout: must be at least 0 and below 1, got {dropout}")
    with enough_memory(f"num_classes {num_classes}"):
        return Network(
            architecture, num_classes=num_classes, input_size=input_size, dropout=dropout, layout=layout
        )


def _initialise(network: nn.Module, backbone: Backbone) -> None:
    """The weights torchvision's MobileNets start from, and the backbone's batch norm."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = backbone.conventions.norm_eps, backbone.conventions.norm_momentum
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
            nn.init.zeros_(module.bias)
