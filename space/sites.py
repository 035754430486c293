"""The six modification sites and the operations that can go there."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Site:
    """A place in the network where an operation can replace the published layer.

    Attributes:
        name: Field name in an `Architecture`.
        where: The layer that stands there in the unmodified network.
        operations: Operation names with a one-line description each.
        staged: Whether the site occurs in every stage, so that a choice per stage makes sense.
    """

    name: str
    where: str
    operations: MappingProxyType[str, str]
    staged: bool


# C input channels of a block, H hidden (expanded) channels, O output channels, K = H / C.
_SITES = (
    Site(
        "first_conv",
        "the stem, 3 -> C0",
        MappingProxyType(
            {
                "conv": "3x3 conv, BN, act",
                "reuse": "3x3 conv 3 -> 3, BN, tile to 48, 1x1 conv, BN, act",
                "pre_reuse": "tile to 12, 3x3 conv 12 -> 12, BN, tile to 48, 1x1 conv, BN, act",
            }
        ),
        staged=False,
    ),
    Site(
        "expand",
        "the 1x1 conv before the depthwise conv, C -> H",
        MappingProxyType(
            {
                "conv": "1x1 conv, BN, act",
                "reuse": "tile C to H (V3: act)",
                "shuffle_reuse": "channel shuffle of 6 groups, then tile C to H (V3: act)",
                "reuse_group": "z = tile C to H; BN(grouped 1x1 conv of z) + z, act",
                "group_conv": "grouped 1x1 conv, BN, act, channel shuffle",
                "ghost": "half by 1x1 conv, half by a 3x3 depthwise conv of that half",
            }
        ),
        staged=True,
    ),
    Site(
        "project",
        "the 1x1 conv after the depthwise conv, H -> O",
        MappingProxyType(
            {
                "conv": "1x1 conv, BN",
                "conv_shuffle": "1x1 conv, BN, channel shuffle of K groups",
                "group_conv": "grouped 1x1 conv, BN, channel shuffle",
                "reduce": "sum the K groups of C channels, 1x1 conv C -> O, BN",
            }
        ),
        staged=True,
    ),
    Site(
        "shortcut",
        "around a block",
        MappingProxyType(
            {
                "identity": "where input and output agree in shape",
                "conv": "also where stride is 1 and C != O: 1x1 conv, BN",
                "reuse": "also where stride is 1 and C != O: tile C to O",
                "pool_reuse": "in every block: 2x2 average pool where stride is 2, tile C to O",
            }
        ),
        staged=True,
    ),
    Site(
        "last_stage",
        "after the last block, before the classifier",
        MappingProxyType(
            {
                "conv": "1x1 conv, BN, act, pool (V3: 1x1 conv, act after it)",
                "reuse": "V2: tile 4, pool; V3: tile 6, act, pool, tile 2, act",
                "pool_first": "V2 only: pool, 1x1 conv, BN, act",
                "group_conv": "as conv, with grouped 1x1 convs",
            }
        ),
        staged=False,
    ),
    Site(
        "se",
        "squeeze-and-excitation after the depthwise conv (V3 only)",
        MappingProxyType(
            {
                "se": "FC H -> H/4, ReLU, FC back, hard sigmoid",
                "reuse_r4": "FC H -> H/4, ReLU, tile 4, hard sigmoid",
                "reuse_r8": "FC H -> H/8, ReLU, tile 8, hard sigmoid",
                "eca": "1-D conv over the channels, hard sigmoid",
                "none": "nothing",
            }
        ),
        staged=True,
    ),
)

SITES: MappingProxyType[str, Site] = MappingProxyType({site.name: site for site in _SITES})
SITE_NAMES: tuple[str, ...] = tuple(SITES)
STAGED_SITES: tuple[str, ...] = tuple(name for name, site in SITES.items() if site.staged)
