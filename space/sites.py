"""The six modification sites and the operations that can go there."""

from dataclasses import dataclass
from types import MappingProxyType

from .operation import SiteName
from .operations import OPERATIONS


@dataclass(frozen=True)
class Site:
    """A place in the network where an operation can replace the published layer.

    Attributes:
        name: Field name in an `Architecture`.
        where: The layer that stands there in the unmodified network.
        staged: Whether the site occurs in every stage, so that a choice per stage makes sense.
    """

    name: SiteName
    where: str
    staged: bool

    @property
    def operations(self) -> MappingProxyType[str, str]:
        """Names of the package's operations with a one-line description each."""
        return MappingProxyType({row.name: row.what for row in OPERATIONS if row.site == self.name})


_SITES = (
    Site("first_conv", "the stem, 3 -> C0", staged=False),
    Site("expand", "the 1x1 conv before the depthwise conv, C -> H", staged=True),
    Site("project", "the 1x1 conv after the depthwise conv, H -> O", staged=True),
    Site("shortcut", "around a block", staged=True),
    Site("last_stage", "after the last block, before the classifier", staged=False),
    Site("se", "squeeze-and-excitation after the depthwise conv (V3 only)", staged=True),
)

SITES: MappingProxyType[str, Site] = MappingProxyType({site.name: site for site in _SITES})
SITE_NAMES: tuple[str, ...] = tuple(SITES)
STAGED_SITES: tuple[str, ...] = tuple(name for name, site in SITES.items() if site.staged)
