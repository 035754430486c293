"""What becomes of an architecture's decisions in a narrower copy of its network.

Rounding channels to multiples of 8 can make C and O alike that differ in the full network, or a tile fit that
is cut there. Two architectures may then become one network, or one network two.
"""

from collections.abc import Iterable
from functools import cache
from itertools import product

from .architecture import Architecture
from .backbones import CHANNEL_MULTIPLE, get_backbone
from .canonical import canonical, network_form, stage_form
from .sites import SITE_NAMES, STAGED_SITES

_MULTIPLES = (CHANNEL_MULTIPLE, 4)  # finer ones leave channels that no group count divides


@cache
def best_multiple(backbone: str, width: float, narrow: float) -> int:
    """The coarsest multiple of channels that tells architectures apart just as the full network does.

    Where none does, the coarsest that makes no two architectures one, and 8 where none does that either.

    Args:
        width: Of the full network.
        narrow: Of its copy.
    """
    full = _forms(backbone, width, CHANNEL_MULTIPLE)
    found = {multiple: _forms(backbone, narrow, multiple) for multiple in _MULTIPLES}
    apart = [multiple for multiple in _MULTIPLES if _decides(found[multiple], full)]
    alike = [multiple for multiple in apart if _decides(full, found[multiple])]
    return next(iter([*alike, *apart]), CHANNEL_MULTIPLE)


def narrow_form(architecture: Architecture, narrow: float, multiple: int) -> tuple[str, ...]:
    """A name of an architecture's narrower copy, equal for architectures whose copies are the same network.

    It is also equal wherever the full networks are the same.
    """
    full, backbone = canonical(architecture), architecture.backbone
    stages = range(1, get_backbone(backbone).stages + 1)
    staged = (
        stage_form(backbone, narrow, stage, *(full.operation(site, stage) for site in STAGED_SITES), multiple)
        for stage in stages
    )
    ends = (
        network_form(backbone, narrow, site, str(getattr(full, site)), multiple)
        for site in SITE_NAMES
        if site not in STAGED_SITES
    )
    return (*(operation for form in staged for operation in form), *ends)


def narrow_size(architectures: Iterable[Architecture], narrow: float, multiple: int) -> int:
    """How many networks the narrower copies of architectures are."""
    return len({narrow_form(architecture, narrow, multiple) for architecture in architectures})


def _forms(backbone: str, width: float, multiple: int) -> list[list[object]]:
    """By place, each stage and each end, the canonical form of every choice there."""
    operations = get_backbone(backbone).operations
    staged: list[list[object]] = [
        [
            stage_form(backbone, width, stage, *chosen, multiple)
            for chosen in product(*(operations[site] for site in STAGED_SITES))
        ]
        for stage in range(1, get_backbone(backbone).stages + 1)
    ]
    ends: list[list[object]] = [
        [network_form(backbone, width, site, operation, multiple) for operation in operations[site]]
        for site in SITE_NAMES
        if site not in STAGED_SITES
    ]
    return [*staged, *ends]


def _decides(forms: list[list[object]], others: list[list[object]]) -> bool:
    """Whether choices alike in `forms` are alike in `others`, everywhere."""
    return all(
        len(set(zip(mine, theirs, strict=True))) == len(set(mine))
        for mine, theirs in zip(forms, others, strict=True)
    )
