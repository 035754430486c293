"""Every operation of every site, one row each."""

from types import MappingProxyType
from typing import get_args

from .effects import (
    ABSENT,
    always,
    any_order,
    around,
    copies_alike,
    expanding,
    gated,
    gates_alike,
    grouped_expand,
    grouped_last,
    grouped_project,
    last_channels,
    shuffled_input,
    shuffled_order,
    shuffled_tile,
    summed,
    tiled_channels,
    within_groups,
)
from .errors import check_name
from .operation import Family, Operation, SiteName

BOTH: tuple[Family, ...] = ("v2", "v3")
V2: tuple[Family, ...] = ("v2",)
V3: tuple[Family, ...] = ("v3",)

# The first operation of a site and family is the unmodified network's.
# C input channels of a block, H hidden (expanded) channels, O output channels, K = H / C.
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "first_conv",
        "conv",
        "3x3 conv, BN, act",
        families=BOTH,
        builder="first_conv",
        effect=always("conv"),
        sorts=True,
    ),
    Operation(
        "first_conv",
        "reuse",
        "3x3 conv 3 -> 3, BN, tile to 48, 1x1 conv, BN, act",
        families=BOTH,
        builder="first_reuse",
        effect=always("reuse"),
        sorts=True,
    ),
    Operation(
        "first_conv",
        "pre_reuse",
        "tile to 12, 3x3 conv 12 -> 12, BN, tile to 48, 1x1 conv, BN, act",
        families=BOTH,
        builder="first_pre_reuse",
        effect=always("pre_reuse"),
        sorts=True,
    ),
    Operation(
        "expand",
        "conv",
        "1x1 conv, BN, act",
        families=BOTH,
        builder="expand_conv",
        effect=expanding("conv"),
        follows=any_order,
    ),
    Operation(
        "expand",
        "reuse",
        "tile C to H (V3: act)",
        families=BOTH,
        builder="expand_reuse",
        effect=expanding("tile"),
    ),
    Operation(
        "expand",
        "shuffle_reuse",
        "channel shuffle of 6 groups, then tile C to H (V3: act)",
        families=BOTH,
        builder="expand_shuffle_reuse",
        effect=shuffled_tile,
        order=shuffled_order,
        plain="reuse",
        reads=shuffled_input,
    ),
    Operation(
        "expand",
        "reuse_group",
        "z = tile C to H; BN(grouped 1x1 conv of z) + z, act",
        families=BOTH,
        builder="expand_reuse_group",
        effect=expanding("reuse_group"),
    ),
    Operation(
        "expand",
        "group_conv",
        "grouped 1x1 conv, BN, act, channel shuffle",
        families=BOTH,
        builder="expand_group_conv",
        effect=grouped_expand,
    ),
    Operation(
        "expand",
        "ghost",
        "half by 1x1 conv, half by a 3x3 depthwise conv of that half",
        families=BOTH,
        builder="expand_ghost",
        effect=expanding("ghost"),
        follows=any_order,
    ),
    Operation(
        "project",
        "conv",
        "1x1 conv, BN",
        families=BOTH,
        builder="project_conv",
        effect=always("conv"),
        follows=any_order,
        sorts=True,
    ),
    Operation(
        "project",
        "conv_shuffle",
        "1x1 conv, BN, channel shuffle of K groups",
        families=BOTH,
        builder="project_conv_shuffle",
        effect=always("conv"),
        follows=any_order,
        sorts=True,
    ),
    Operation(
        "project",
        "group_conv",
        "grouped 1x1 conv, BN, channel shuffle",
        families=BOTH,
        builder="project_group_conv",
        effect=grouped_project,
        follows=within_groups,
    ),
    Operation(
        "project",
        "reduce",
        "sum the K groups of C channels, 1x1 conv C -> O, BN",
        families=BOTH,
        builder="project_reduce",
        effect=summed,
        follows=copies_alike,
        sorts=True,
    ),
    Operation(
        "shortcut",
        "conv",
        "also where stride is 1 and C != O: 1x1 conv, BN",
        families=V2,
        builder="shortcut_conv",
        effect=around("conv", ABSENT),
        follows=any_order,
        sorts=True,
    ),
    Operation(
        "shortcut",
        "identity",
        "where input and output agree in shape",
        families=BOTH,
        builder=None,
        effect=around(ABSENT, ABSENT),
    ),
    Operation(
        "shortcut",
        "reuse",
        "also where stride is 1 and C != O: tile C to O",
        families=BOTH,
        builder="shortcut_reuse",
        effect=around("tile", ABSENT),
    ),
    Operation(
        "shortcut",
        "pool_reuse",
        "in every block: 2x2 average pool where stride is 2, tile C to O",
        families=V2,
        builder="shortcut_pool_reuse",
        effect=around("tile", "pool_tile"),
    ),
    Operation(
        "last_stage",
        "conv",
        "1x1 conv, BN, act, pool (V3: 1x1 conv, act after it)",
        families=BOTH,
        builder="last_conv",
        effect=always("conv"),
        features=last_channels,
        follows=any_order,
    ),
    Operation(
        "last_stage",
        "reuse",
        "V2: tile 4, pool; V3: tile 6, act, pool, tile 2, act",
        families=BOTH,
        builder="last_reuse",
        effect=always("reuse"),
        features=tiled_channels,
        follows=any_order,
    ),
    Operation(
        "last_stage",
        "pool_first",
        "V2 only: pool, 1x1 conv, BN, act",
        families=V2,
        builder="last_pool_first",
        effect=always("pool_first"),
        features=last_channels,
        follows=any_order,
    ),
    Operation(
        "last_stage",
        "group_conv",
        "as conv, with grouped 1x1 convs",
        families=BOTH,
        builder="last_group_conv",
        effect=grouped_last,
        features=last_channels,
    ),
    Operation(
        "se",
        "se",
        "FC H -> H/4, ReLU, FC back, hard sigmoid",
        families=V3,
        builder="se",
        effect=gated("se"),
        follows=any_order,
        reduction=4,
    ),
    Operation(
        "se",
        "reuse_r4",
        "FC H -> H/4, ReLU, tile 4, hard sigmoid",
        families=V3,
        builder="se_reuse",
        effect=gated("reuse_r4"),
        follows=gates_alike,
        reduction=4,
    ),
    Operation(
        "se",
        "reuse_r8",
        "FC H -> H/8, ReLU, tile 8, hard sigmoid",
        families=V3,
        builder="se_reuse",
        effect=gated("reuse_r8"),
        follows=gates_alike,
        reduction=8,
    ),
    Operation(
        "se",
        "eca",
        "1-D conv over the channels, hard sigmoid",
        families=V3,
        builder="se_eca",
        effect=gated("eca"),
    ),
    Operation("se", "none", "nothing", families=BOTH, builder=None, effect=always(ABSENT)),
)

_BY_NAME: MappingProxyType[tuple[str, str], Operation] = MappingProxyType(
    {(operation.site, operation.name): operation for operation in OPERATIONS}
)


def get_operation(site: str, name: str) -> Operation:
    """Look an operation up.

    Raises:
        UserError: If the site is unknown or has none of that name.
    """
    if (site, name) not in _BY_NAME:
        check_name("site", site, get_args(SiteName))
        check_name(site, name, [row.name for row in OPERATIONS if row.site == site])
    return _BY_NAME[site, name]


def offered(family: Family, *, bare_shortcuts: bool = False) -> MappingProxyType[str, tuple[str, ...]]:
    """The names of the operations that the backbones of a family offer, by site.

    Args:
        bare_shortcuts: Whether nothing is built around a block in the unmodified network.
    """

    def rows(site: str) -> list[Operation]:
        found = [row for row in OPERATIONS if row.site == site and family in row.families]
        if bare_shortcuts and site == "shortcut":
            found.sort(key=lambda row: row.builder is not None)
        return found

    return MappingProxyType({site: tuple(row.name for row in rows(site)) for site in get_args(SiteName)})
