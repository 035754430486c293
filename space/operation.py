"""The row that describes an operation: all that is known of it without torch."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, get_args

from .channels import Order
from .effects import ABSENT, IDENTITY, Effect
from .errors import UserError, check_name
from .layout import Block, Layout

SiteName = Literal["first_conv", "expand", "project", "shortcut", "last_stage", "se"]
Family = Literal["v2", "v3"]

READERS: tuple[SiteName, ...] = ("se", "project")  # of the channels that `expand` makes
FOLLOWERS: tuple[SiteName, ...] = ("expand", *READERS, "shortcut", "last_stage")
WRITERS: tuple[SiteName, ...] = ("first_conv", "project", "shortcut")  # of the channels between blocks


_SITES_OF: dict[str, tuple[SiteName, ...]] = {
    "order": ("expand",),
    "plain": ("expand",),
    "follows": FOLLOWERS,
    "sorts": WRITERS,
    "features": ("last_stage",),
}


@dataclass(frozen=True)
class Operation:
    """An operation of a site.

    Two operations of a site with the same effects in every block of a stage are the same there, and the
    canonical form takes the first in the backbone's list. `cheapsearch.models.contract.check_operation`
    builds an operation and compares what it computes with what its row says.

    Attributes:
        site: Where it goes.
        name: What an `Architecture` calls it.
        what: What it is, in a line.
        families: Of the backbones that offer it.
        builder: Name of the function in `models.operations` that builds it, or the function itself for an
            operation of one's own; from the backbone, the block or layout, and `reduction` where there is
            one. None where nothing is ever built.
        effect: What it amounts to at a block, or at a layout where the site occurs once in a network:
            `absent`, `identity`, or a word that it shares with the operations that compute the same with
            the same weights, their output channels perhaps in another order.
        order: At `expand`, for every output channel, which one of the first operation of its effect it is,
            where its effect is that of another; None where the order is the same.
        plain: At `expand`, the operation that it is from its input channels in the order of `reads`; None
            where it is no other.
        reads: For every channel that `plain` gets, which one of as many input channels it is.
        follows: Everywhere but at `first_conv`, whether it computes the same from input channels in another
            order, with its weights rearranged; at `last_stage` features may come in another order. None for
            no order: so it is safe, if dear, to leave it out.
        sorts: At `first_conv`, `project` and `shortcut`, whether it computes its output channels in any other
            order with its weights rearranged.
        features: At `last_stage`, how many features the classifier gets.
        reduction: Hidden channels to a gate.

    Raises:
        UserError: If a name is unknown, or a field is given that its site does not have, or is missing.
    """

    site: SiteName
    name: str
    what: str
    _: KW_ONLY
    families: tuple[Family, ...]
    builder: str | Callable[..., Any] | None
    effect: Effect
    order: Callable[[Block], Order] | None = None
    plain: str | None = None
    reads: Callable[[int], Order] | None = None
    follows: Callable[..., bool] | None = None
    sorts: bool = False
    features: Callable[[Layout], int] | None = None
    reduction: int | None = None

    def __post_init__(self) -> None:
        check_name(f"site of {self.name}", self.site, get_args(SiteName))
        for family in self.families:
            check_name(f"family of {self.site} {self.name}", family, get_args(Family))
        if (self.plain is None) != (self.reads is None):
            raise UserError(
                f"{self.site} {self.name}: plain and reads must be given both or neither; give both"
            )
        for field, sites in _SITES_OF.items():
            if getattr(self, field) not in (None, False) and self.site not in sites:
                raise UserError(
                    f"{self.site} {self.name}: {field} is only for {', '.join(sites)}; leave it out"
                )
        if self.site == "last_stage" and self.features is None:
            raise UserError(f"{self.site} {self.name}: features must say what the classifier gets; give it")

    @property
    def settings(self) -> Mapping[str, int]:
        """What its builder and `follows` get beside the block."""
        return {} if self.reduction is None else {"reduction": self.reduction}

    def order_at(self, block: Block) -> tuple[int, ...]:
        """The order of its output channels, empty where it is that of its effect."""
        order = () if self.order is None or self.effect(block) == ABSENT else tuple(self.order(block))
        return () if order == tuple(range(len(order))) else order

    def follows_order(self, place: Block | Layout, order: Order) -> bool:
        """Whether it computes the same from input channels in this order, channel j from channel order[j]."""
        if self.effect(place) in (ABSENT, IDENTITY):
            return True
        return self.follows is not None and self.follows(place, order, **self.settings)
