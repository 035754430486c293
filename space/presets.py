"""The published networks as points of the space."""

from types import MappingProxyType

from .architecture import Architecture
from .errors import check_name

PRESETS: MappingProxyType[str, Architecture] = MappingProxyType(
    {
        "mobilenet_v2": Architecture("mobilenet_v2"),
        "cheap_v2": Architecture("mobilenet_v2", expand="reuse", shortcut="reuse", last_stage="reuse"),
        # As published: nothing is expanded in the first stage, and shortcuts copy. The backbone's unmodified
        # network has convolutions there, and 7.6 % more multiply-adds at 224 px.
        "mobilenet_v2_paper": Architecture(
            "mobilenet_v2", expand=("reuse", *["conv"] * 6), shortcut="identity"
        ),
        "mobilenet_v3_large": Architecture("mobilenet_v3_large"),
        "cheap_v3": Architecture("mobilenet_v3_large_e6", expand="reuse", last_stage="reuse", se="reuse_r4"),
        "cheap_v3_shuffle": Architecture(
            "mobilenet_v3_large_e6", first_conv="reuse", expand="reuse", last_stage="reuse", se="reuse_r8"
        ),
        "cheap_v3_shuffle6": Architecture(
            "mobilenet_v3_large_d6",
            first_conv="reuse",
            expand="shuffle_reuse",
            last_stage="reuse",
            se="reuse_r8",
        ),
        "cheap_v3_imagenet": Architecture(
            "mobilenet_v3_large_d6",
            first_conv="pre_reuse",
            expand="shuffle_reuse",
            last_stage="reuse",
            se="reuse_r8",
        ),
        "cheap_v3_shuffle6_last": Architecture(
            "mobilenet_v3_large_d6", expand="shuffle_reuse", se="reuse_r8"
        ),
        "cheap_v3_k": Architecture(
            "mobilenet_v3_large_k", expand="reuse_group", project="conv_shuffle", se="reuse_r4"
        ),
        "mobilenet_v2_torchvision": Architecture("mobilenet_v2_torchvision"),
        "mobilenet_v3_large_torchvision": Architecture("mobilenet_v3_large_torchvision"),
        "mobilenet_v3_small_torchvision": Architecture("mobilenet_v3_small_torchvision"),
    }
)


def get_preset(name: str) -> Architecture:
    """Look a preset up by name.

    Raises:
        UserError: If there is none of that name.
    """
    return PRESETS[check_name("preset", name, PRESETS)]
