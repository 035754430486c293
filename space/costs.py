"""What a network costs: one table, whose rows everything that counts, limits or shows a cost walks.

A further cost is a row here and the function that counts it in `models/cost.py`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import text
from .errors import UserError, check_name

Number = type[int] | type[float]
FLOPS_CONVENTION = "multiply-adds of convolutions, linear layers and matrix products (fvcore), one each"


LATENCY = "latency_ms"  # the cost that is also measured here


@dataclass(frozen=True)
class CostKind:
    """A cost of a network. All are known before any training, those of a device by a table of it.

    Attributes:
        name: In files and on the command line.
        title: In a sentence or above a figure.
        unit: Of the number, where the title does not say it.
        type: Whether it is whole.
        format: Writes one number short, with the unit of a measurement: `1.174 M`, `3.2 ms`.
        convention: What is counted and what is not, empty where the title says it all.
        additive: Whether it adds up over the sites of a network; else whole networks are measured.
        deploy: Whether it is of the deploy form (`models.deploy`), not of the network as it is trained.
        device: Whether it is known only where there is a table of what pieces of networks cost on a device
            (`space.device_table`).
    """

    name: str
    title: str
    unit: str = ""
    type: Number = int
    format: Callable[[float], str] = text.count
    convention: str = ""
    additive: bool = True
    deploy: bool = False
    device: bool = False

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


def _on_device(name: str, title: str, unit: str, convention: str) -> CostKind:
    return CostKind(
        name,
        title,
        unit,
        float,
        lambda value: text.measured(value, unit),
        convention,
        additive=False,
        deploy=True,
        device=True,
    )


COSTS: dict[str, CostKind] = {
    kind.name: kind
    for kind in (
        CostKind("params", "parameters"),
        CostKind("flops", "FLOPs", unit="multiply-adds", convention=FLOPS_CONVENTION),
        CostKind("deploy_params", "deployed parameters", deploy=True),
        CostKind(
            "deploy_flops",
            "deployed FLOPs",
            unit="multiply-adds",
            convention=FLOPS_CONVENTION,
            deploy=True,
        ),
        _on_device(LATENCY, "latency", "ms", "of one answer of the deploy form, predicted by its pieces"),
        _on_device("energy_mj", "energy", "mJ", "of one answer, predicted by a table of one's own"),
        _on_device("own_cost", "own cost", "", "predicted by a table of one's own"),
    )
}

# Whether a further cost is searched for is for the user to say.
DEFAULT_OBJECTIVES = ("accuracy", "params", "flops")


class Cost(Mapping[str, float]):
    """What one network costs, by name of the cost; immutable.

    A value is also an attribute: `cost.params` is `cost["params"]`.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, float] | None = None, /, **named: float) -> None:
        self._values: dict[str, float] = {**(values or {}), **named}

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"Cost has no {name!r}")
        return self._values[name]

    @classmethod
    def total(cls, parts: Iterable["Cost"], names: Iterable[str] | None = None) -> "Cost":
        """Of one or more parts of a network, whose costs have the same names; of some of these alone."""
        values = [part._values for part in parts]
        return cls(
            {name: sum([value[name] for value in values]) for name in (values[0] if names is None else names)}
        )

    def __add__(self, other: "Cost") -> "Cost":
        return self.total((self, other))

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Cost({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


def additive_costs() -> list[str]:
    """Names of the costs that add up over the sites of a network."""
    return [name for name, kind in COSTS.items() if kind.additive]


def table_costs() -> list[str]:
    """Names of the costs that a table of a device says."""
    return [name for name, kind in COSTS.items() if kind.device]


def shown_costs(objectives: Collection[str] = ()) -> list[str]:
    """Those that are shown where there is room for few: of networks as they are trained, and objectives."""
    return [name for name, kind in COSTS.items() if not kind.deploy or name in objectives]


def exact(name: str, value: float) -> str:
    """A value with every digit that says something, without the unit."""
    return f"{value:,}" if COSTS[name].type is int else f"{value:.4g}"


def check_cost(cost: Mapping[str, float], prefix: str = "") -> None:
    """Make sure that every value is of a known cost, and a number of its type from 0.

    Args:
        prefix: What a message writes before the name of the cost.

    Raises:
        UserError: If one is not.
    """
    for name, value in cost.items():
        whole = COSTS[check_name("costs", name, COSTS)].type is int
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not value >= 0:
            kind = "a whole number" if whole else "a number"
            raise UserError(f"{prefix}{name}: must be {kind} from 0, got {value!r}")


def flattened(data: Mapping[str, Any]) -> dict[str, Any]:
    """As it is written to a file: the entries of `costs` in its place."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= value if key == "costs" else {key: value}
    return flat


def gathered(data: Mapping[str, Any]) -> dict[str, Any]:
    """Inverse of `flattened`: what is named like a cost is under `costs`."""
    rest = {key: value for key, value in data.items() if key not in COSTS}
    return rest | {"costs": Cost({name: data[name] for name in COSTS if name in data})}


def in_every_file() -> list[str]:
    """The costs no file lacks; one whose row came later is missing from older files."""
    return [name for name in COSTS if name in DEFAULT_OBJECTIVES]
