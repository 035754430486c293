"""The set of architectures a search may choose from: one backbone, some sites stage by stage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from math import prod

from .architecture import Architecture
from .backbones import check_width, get_backbone
from .canonical import canonical, network_form, stage_form
from .errors import UserError, check_keys, check_name
from .known_operations import own_names
from .sites import SITE_NAMES, STAGED_SITES
from .streams import Bound, end, links_of, shuffles, start, step, turns


@dataclass(frozen=True)
class SearchSpace:
    """All architectures of a backbone at one width.

    Attributes:
        backbone: Name of the backbone.
        width: Width multiplier of every architecture.
        per_stage: Sites that get one choice per stage instead of one for the network.
        own: Hashes of the loaded files whose operations are searched too.

    Raises:
        UserError: If a name is unknown or a site does not occur per stage.
    """

    backbone: str
    width: float = 1.0
    per_stage: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        backbone = get_backbone(self.backbone)
        object.__setattr__(self, "width", check_width(self.width))
        for site in self.per_stage:
            check_name("--per-stage", site, [s for s in STAGED_SITES if len(backbone.operations[s]) > 1])
        ordered = tuple(site for site in STAGED_SITES if site in self.per_stage)
        object.__setattr__(self, "per_stage", ordered)

    @cached_property
    def operations(self) -> Mapping[str, tuple[str, ...]]:
        """The options at each site, the unmodified network's first."""
        backbone = get_backbone(self.backbone)
        return {
            site: (*known, *own_names(site, backbone.family, self.own))
            for site, known in backbone.operations.items()
        }

    @property
    def unmodified(self) -> Architecture:
        return Architecture(self.backbone, self.width)

    @cached_property
    def parameters(self) -> dict[str, tuple[str, ...]]:
        """The choices to make: `expand`, or `expand.1` to `expand.7` where it goes stage by stage.

        A choice with one option, or that changes nothing (an empty site in a stage), is left out.
        """
        backbone = get_backbone(self.backbone)
        found: dict[str, tuple[str, ...]] = {}
        for site in SITE_NAMES:
            operations = self.operations[site]
            if len(operations) == 1:
                continue
            if site not in self.per_stage:
                found[site] = operations
                continue
            for stage in range(1, backbone.stages + 1):
                if len({self._alone(site, stage, operation) for operation in operations}) > 1:
                    found[f"{site}.{stage}"] = operations
        return found

    @property
    def size(self) -> int:
        """The number of combinations of choices."""
        return prod(len(operations) for operations in self.parameters.values())

    @property
    def distinct_size(self) -> int:
        """The number of canonical forms, counted stage by stage so that millions take no time.

        The choices made once for the whole network tie the stages together: every combination of
        them allows a set of forms in each stage, and the forms of whole networks are the union of
        these products. Walking the stages with the combinations that are still possible counts
        each form once, unless operations in it turn into others of the space (`space.streams`).
        """
        backbone = get_backbone(self.backbone)
        options: list[tuple[str | None, ...]] = [
            (None,) if site in self.per_stage else self.operations[site] for site in STAGED_SITES
        ]
        combinations = list(product(*options))
        stages = range(1, backbone.stages + 1)
        allowed = [[self._stage_forms(stage, chosen) for chosen in combinations] for stage in stages]
        # Chosen once, an operation turns into another of the space only if it does in every stage.
        turned_away = any if "expand" in self.per_stage else all

        @cache
        def count(
            stage: int, alive: frozenset[int], bound: Bound, turning: frozenset[bool], last: str
        ) -> int:
            if stage == len(allowed):
                turning |= self._turning(end(self.backbone, self.width, last, bound))
                return not (turning and turned_away(turning))
            total = 0
            for form in frozenset().union(*(allowed[stage][index] for index in alive)):
                ended, own = step(bound, links_of(self.backbone, self.width, stage + 1, form))
                left = frozenset(index for index in alive if form in allowed[stage][index])
                total += count(stage + 1, left, own, turning | self._turning(ended), last)
            return total

        firsts, lasts = (
            {network_form(self.backbone, self.width, site, op) for op in self.operations[site]}
            for site in ("first_conv", "last_stage")
        )
        everything = frozenset(range(len(combinations)))
        return sum(
            count(0, everything, start(first), frozenset(), last) for first, last in product(firsts, lasts)
        )

    def architecture(self, choices: Mapping[str, str]) -> Architecture:
        """The architecture that a value for each of `parameters` describes."""
        backbone = get_backbone(self.backbone)
        check_keys("choices", choices, self.parameters)
        sites: dict[str, str | tuple[str, ...]] = {}
        for site in SITE_NAMES:
            default = backbone.operations[site][0]
            if site in self.per_stage:
                sites[site] = tuple(
                    choices.get(f"{site}.{stage}", default) for stage in range(1, backbone.stages + 1)
                )
            else:
                sites[site] = choices.get(site, default)
        return Architecture(self.backbone, self.width, **sites)

    def choices(self, architecture: Architecture) -> dict[str, str]:
        """The inverse of `architecture`.

        Raises:
            UserError: If the architecture is not in the space.
        """
        if architecture not in self:
            raise UserError(
                f"architecture: must have backbone {self.backbone}, width {self.width} and per-stage choices "
                f"only at {', '.join(self.per_stage) or 'no site'}, got {architecture.to_dict()}"
            )
        return {
            name: architecture.operation(site, int(stage or 1))
            for name in self.parameters
            for site, _, stage in [name.partition(".")]
        }

    def canonical_choices(self, choices: Mapping[str, str]) -> dict[str, str]:
        """The choices of the canonical form: equal for choices that make the same network."""
        return self.choices(canonical(self.architecture(choices)))

    def __contains__(self, architecture: object) -> bool:
        return (
            isinstance(architecture, Architecture)
            and (architecture.backbone, architecture.width) == (self.backbone, self.width)
            and set(architecture.own) <= set(self.own)
            and all(
                isinstance(getattr(architecture, site), str)
                for site in SITE_NAMES
                if site not in self.per_stage
            )
        )

    def __iter__(self) -> Iterator[Architecture]:
        """Every combination of choices, the last site varying fastest."""
        parameters = self.parameters
        for values in product(*parameters.values()):
            yield self.architecture(dict(zip(parameters, values, strict=True)))

    def distinct(self) -> Iterator[Architecture]:
        """Every canonical form once, in the order of first appearance."""
        seen: set[Architecture] = set()
        for architecture in self:
            form = canonical(architecture)
            if form not in seen:
                seen.add(form)
                yield form

    def _turning(self, bound: Bound | None) -> frozenset[bool]:
        """Whether the operation that reads these streams turns, nothing where it has no plain one."""
        if bound is None or bound.expand not in shuffles(self.backbone):
            return frozenset()
        return frozenset({turns(self.backbone, bound)})

    def _alone(self, site: str, stage: int, operation: str) -> tuple[str, ...]:
        backbone = get_backbone(self.backbone)
        chosen = [operation if name == site else backbone.operations[name][0] for name in STAGED_SITES]
        return stage_form(self.backbone, self.width, stage, *chosen)

    def _stage_forms(self, stage: int, chosen: Sequence[str | None]) -> frozenset[tuple[str, ...]]:
        options = [
            self.operations[site] if operation is None else (operation,)
            for site, operation in zip(STAGED_SITES, chosen, strict=True)
        ]
        return frozenset(
            stage_form(self.backbone, self.width, stage, *operations) for operations in product(*options)
        )
