"""The row that describes an operation: all that is known of it without torch."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

from .channels import Order
from .effects import ABSENT, IDENTITY, Effect
from .errors import UserError, check_name
from .layout import Block, Layout

SiteName = Literal["first_conv", "expand", "project", "shortcut", "last_stage", "se"]
Family = Literal["v2", "v3"]

READERS: tuple[SiteName, ...] = ("se", "project")  # of the channels that `expand` makes


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
        builder: Name of the function in `models.operations` that builds it, from the backbone, the block or
            layout, and `reduction` where there is one; None where nothing is ever built.
        effect: What it amounts to at a block, or at a layout where the site occurs once in a network:
            `absent`, `identity`, or a word that it shares with the operations that compute the same with
            the same weights, their output channels perhaps in another order.
        order: At `expand`, for every output channel, which one of the first operation of its effect it is,
            where its effect is that of another; None where the order is the same.
        follows: At `se` and `project`, whether it computes the same from input channels in another order,
            with its weights rearranged. None for no order: so it is safe, if dear, to leave it out.
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
    builder: str | None
    effect: Effect
    order: Callable[[Block], Order] | None = None
    follows: Callable[..., bool] | None = None
    features: Callable[[Layout], int] | None = None
    reduction: int | None = None

    def __post_init__(self) -> None:
        check_name(f"site of {self.name}", self.site, get_args(SiteName))
        for family in self.families:
            check_name(f"family of {self.site} {self.name}", family, get_args(Family))
        for field, sites in (("order", ("expand",)), ("follows", READERS), ("features", ("last_stage",))):
            if getattr(self, field) is not None and self.site not in sites:
                raise UserError(
                    f"{self.site} {self.name}: {field} is only for {' and '.join(sites)}; leave it out"
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

    def follows_order(self, block: Block, order: Order) -> bool:
        """Whether it computes the same from input channels in this order, channel j from channel order[j]."""
        if self.effect(block) in (ABSENT, IDENTITY):
            return True
        return self.follows is not None and self.follows(block, order, **self.settings)
