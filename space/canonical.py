"""Which architectures are the same function class, and the hash that names one.

Four kinds of sameness collapse, each proved in `tests/models/test_equivalence.py` by mapping the
weights of one network onto the other and comparing the outputs:

- an operation has nothing to act on (no expand conv, no squeeze-and-excitation in the stage);
- two operations build the same layers there (a shortcut where shapes agree, one group, one copy);
- `conv_shuffle` is `conv` with its rows, and those of its batch norm, permuted;
- `shuffle_reuse` is `reuse` with the hidden channels permuted, as long as everything up to the
  projection can be permuted along.

Nothing collapses that differs at another input size, so one hash serves every input size.
"""

import hashlib
import json
from functools import cache
from itertools import pairwise
from math import gcd

from .architecture import Architecture, Choice
from .backbones import Block, get_backbone
from .sites import STAGED_SITES

SHUFFLE_GROUPS = 6  # of shuffle_reuse
_INPUT_SIZES = (32, 224)  # one on each side of the input size where the strides change


def largest_divisor(number: int, limit: int) -> int:
    """The largest divisor of `number` that is not above `limit`."""
    return next(divisor for divisor in range(min(number, max(1, limit)), 0, -1) if number % divisor == 0)


def conv_groups(in_channels: int, out_channels: int) -> int:
    """Groups of a grouped 1x1 conv: the ratio of its two widths, or the nearest divisor below it."""
    ratio = round(max(in_channels, out_channels) / min(in_channels, out_channels))
    return largest_divisor(gcd(in_channels, out_channels), ratio)


def shuffle_order(channels: int, groups: int) -> list[int]:
    """The input channel that a channel shuffle puts at each output channel (ShuffleNet, figure 1)."""
    groups = largest_divisor(channels, groups)
    return [(i % groups) * (channels // groups) + i // groups for i in range(channels)]


def shortcut_effect(operation: str, block: Block) -> str:
    """What a shortcut operation amounts to at a block: none, identity, conv, tile, or pool_tile."""
    same_channels = block.in_channels == block.out_channels
    if block.stride == 1 and same_channels:
        return "identity"
    if block.stride == 1:
        return {"identity": "none", "conv": "conv", "reuse": "tile", "pool_reuse": "tile"}[operation]
    return "pool_tile" if operation == "pool_reuse" else "none"


def canonical(architecture: Architecture) -> Architecture:
    """The architecture that stands for all those with the same function class.

    Wherever several operations come to the same, the first in the backbone's list is taken, and a
    per-stage list becomes one operation where one operation says the same.
    """
    backbone = get_backbone(architecture.backbone)
    forms = stage_forms(architecture)
    choices: dict[str, Choice] = {}
    for index, site in enumerate(STAGED_SITES):
        wanted = tuple(form[index] for form in forms)
        choices[site] = wanted
        for operation in backbone.operations[site]:
            uniform = [(*form[:index], operation, *form[index + 1 :]) for form in forms]
            given = [
                stage_form(backbone.name, architecture.width, stage, *form)[index]
                for stage, form in enumerate(uniform, 1)
            ]
            if tuple(given) == wanted:
                choices[site] = operation
                break
    return Architecture(
        backbone=backbone.name,
        width=architecture.width,
        first_conv=architecture.first_conv,
        last_stage=last_stage_form(backbone.name, architecture.width, str(architecture.last_stage)),
        **choices,
    )


def architecture_hash(architecture: Architecture) -> str:
    """Twelve hexadecimal digits that name an architecture's canonical form in every file."""
    text = json.dumps(canonical(architecture).to_dict(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def stage_forms(architecture: Architecture) -> list[tuple[str, ...]]:
    """The canonical operations (expand, project, shortcut, se) of every stage."""
    return [
        stage_form(
            architecture.backbone,
            architecture.width,
            stage,
            *(architecture.operation(site, stage) for site in STAGED_SITES),
        )
        for stage in range(1, get_backbone(architecture.backbone).stages + 1)
    ]


@cache
def stage_form(
    name: str, width: float, stage: int, expand: str, project: str, shortcut: str, se: str
) -> tuple[str, str, str, str]:
    """The canonical operations of one stage, whatever the other stages hold."""
    backbone = get_backbone(name)
    layouts = [backbone.layout(width, size).blocks for size in _INPUT_SIZES]
    blocks = [block for block in layouts[0] if block.stage == stage]
    either_stride = [block for blocks in layouts for block in blocks if block.stage == stage]

    def first_alike(site: str, wanted: str) -> str:
        effects = [shortcut_effect(wanted, block) for block in either_stride]
        return next(
            operation
            for operation in backbone.operations[site]
            if [shortcut_effect(operation, block) for block in either_stride] == effects
        )

    if not any(block.squeeze_excitation for block in blocks):
        se = backbone.operations["se"][0]
    return (
        _expand_form(expand, project, se, blocks),
        _project_form(project, blocks),
        first_alike("shortcut", shortcut),
        se,
    )


def _expand_form(expand: str, project: str, se: str, blocks: list[Block]) -> str:
    if not any(block.expands for block in blocks):
        return "conv"
    if expand == "group_conv" and all(_expand_groups(block) == 1 for block in blocks):
        return "conv"
    if expand == "shuffle_reuse" and all(_absorbs_shuffle(block, project, se) for block in blocks):
        return "reuse"
    return expand


def _project_form(project: str, blocks: list[Block]) -> str:
    if project == "conv_shuffle":
        return "conv"
    if project == "reduce" and all(block.hidden == block.in_channels for block in blocks):
        return "conv"
    if project == "group_conv" and all(_project_groups(block) == 1 for block in blocks):
        return "conv"
    return project


@cache
def last_stage_form(name: str, width: float, operation: str) -> str:
    """The canonical operation of the last stage: grouped convs with one group are plain ones."""
    layout = get_backbone(name).layout(width)
    widths = [layout.blocks[-1].out_channels, layout.last_hidden, layout.last_channels]
    convs = [width for width in widths if width is not None]
    if operation == "group_conv" and all(conv_groups(a, b) == 1 for a, b in pairwise(convs)):
        return "conv"
    return operation


def _expand_groups(block: Block) -> int:
    return conv_groups(block.in_channels, block.hidden)


def _project_groups(block: Block) -> int:
    return conv_groups(block.hidden, block.out_channels)


def _absorbs_shuffle(block: Block, project: str, se: str) -> bool:
    """Whether the block computes the same with and without a shuffle before its tile.

    The shuffle permutes the hidden channels by sigma. Depthwise conv, batch norm and activation work
    channel by channel and follow any permutation, and so do dense layers. A tiled gate follows if
    channels that share a gate still do, a grouped projection if no channel leaves its group.
    """
    if not block.expands:
        return True
    channels, hidden = block.in_channels, block.hidden
    if hidden % channels:
        return False  # the cut-off tile holds other channels than the shuffled one
    order = shuffle_order(channels, SHUFFLE_GROUPS)
    sigma = [order[j % channels] + j // channels * channels for j in range(hidden)]
    if sigma == list(range(hidden)):
        return True
    if block.squeeze_excitation:
        if se == "eca":
            return False
        if se in ("reuse_r4", "reuse_r8"):
            gates = hidden // (4 if se == "reuse_r4" else 8)
            moved: dict[int, int] = {}
            if any(moved.setdefault(j % gates, sigma[j] % gates) != sigma[j] % gates for j in range(hidden)):
                return False
    if project == "group_conv":
        size = hidden // _project_groups(block)
        return all(sigma[j] // size == j // size for j in range(hidden))
    return True
