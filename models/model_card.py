"""What a trained network says of itself to a reader: the text of a model card, in Markdown."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from ..space import COSTS, SITE_NAMES, ArchitectureConfig, TrainingResult, get_operation, shown, text
from ..space.records import join_choice
from ..space.rungs import networks_trained
from ..space.saved_run import SavedRun
from ..space.verdict import verdict

_MOST_CLASSES = 30
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


@dataclass(frozen=True)
class CardFacts:
    """What a card is made of.

    Attributes:
        config: Of the network.
        trainings: Of the network: the one whose weights these are, then those of other seeds.
        run: That its architecture is from.
    """

    config: ArchitectureConfig
    trainings: tuple[TrainingResult, ...] = ()
    run: SavedRun | None = None


def card_text(facts: CardFacts, *, repo: str) -> str:
    """The text of a card, without the metadata before it.

    Args:
        repo: What `from_pretrained` is to be given.
    """
    parts = [_title(facts), *(part for make in _SECTIONS if (part := make(facts))), _use(facts, repo)]
    return "\n\n".join(parts) + "\n"


def dataset_name(dataset: str) -> str:
    """A data set without the folders that it lay in: where those are is nobody else's business."""
    return Path(dataset).name or dataset


def _plain(name: object) -> str:
    """A name as Markdown shows it as it is."""
    return _SPECIAL.sub(r"\\\1", shown(name))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _title(facts: CardFacts) -> str:
    config = facts.config
    width = config.architecture.width
    what = f"{_plain(config.architecture.backbone)}{'' if width == 1 else f' at width {width:g}'}"
    return (
        f"# {what}, {config.hash}\n\nAn image classifier of {config.num_classes} classes for images of "
        f"{config.input_size} x {config.input_size} pixels: {what} with the operations below, by cheapsearch."
    )


def _accuracy(facts: CardFacts) -> str:
    if not facts.trainings:
        return ""
    own, *others = facts.trainings
    rows = []
    splits = (
        ("test", own.test_images, own.test_top1, own.test_score),
        ("validation", own.settings.val_images, own.val_top1, own.val_score),
    )
    scored = own.metric != "accuracy"
    for split, images, top1, score in splits:
        if top1 is not None and score is not None:
            count = text.MISSING if images is None else f"{images:,}"
            rows.append([split, count, f"{top1:.2f} %", _interval(top1, images)])
            if scored:
                rows[-1].append(f"{score:.2f} %")
    header = ["images", "number", "accuracy", "95 % interval", *([own.metric] if scored else [])]
    tested = "there were none for testing" if own.test_top1 is None else "the test images were read once"
    lines = [
        "The intervals are Wilson's: they say what other images of the same kind may give, not other seeds.",
        f"The epoch was chosen by the validation images, so that theirs is a little too high; {tested}.",
        _seeds(facts.trainings)
        if others
        else "It was trained with one seed; another may end higher or lower.",
    ]
    return "## Accuracy\n\n" + _table(header, rows) + "\n\n" + " ".join(lines)


def _interval(top1: float, images: int | None) -> str:
    if not images:
        return text.MISSING
    from scipy.stats import binomtest

    interval = binomtest(round(top1 / 100 * images), images).proportion_ci(method="wilson")
    return f"{100 * interval.low:.2f} to {100 * interval.high:.2f}"


def _seeds(trainings: Sequence[TrainingResult]) -> str:
    """Mean and deviation over the seeds, of the splits that all of them have."""
    said = []
    for split, values in (
        ("test", [training.test_top1 for training in trainings]),
        ("validation", [training.val_top1 for training in trainings]),
    ):
        known = [value for value in values if value is not None]
        if len(known) == len(trainings):
            said.append(f"{split} accuracy {text.spread(fmean(known), stdev(known))} %")
    return (
        f"Over the {len(trainings)} seeds that this network was trained with, mean and standard deviation: "
        f"{text.listed(said)}. These are the weights of seed {trainings[0].settings.seed}."
    )


def _costs(facts: CardFacts) -> str:
    known = [kind for name, kind in COSTS.items() if name in facts.config.costs]
    rows = [[kind.heading, kind.format(facts.config.costs[kind.name])] for kind in known]
    notes: dict[str, str] = {}
    for kind in known:
        if kind.convention:
            notes.setdefault(kind.convention, kind.title)
    lines = [f"{title} are {convention}." for convention, title in notes.items()]
    if any(kind.deploy for kind in known):
        lines.append(
            "Deployed is the smaller module that `cheapsearch.deploy` makes, which answers the same."
        )
    return "## Costs\n\n" + _table(["cost", "of this network"], rows) + "\n\n" + " ".join(lines)


def _operations(facts: CardFacts) -> str:
    rows = []
    for site in SITE_NAMES:
        choice = getattr(facts.config.architecture, site)
        names = [choice] if isinstance(choice, str) else list(dict.fromkeys(choice))
        what = [
            get_operation(site, name).what if len(names) == 1 else f"{name}: {get_operation(site, name).what}"
            for name in names
        ]
        rows.append([site, text.choice(join_choice(choice)), _plain("; ".join(what))])
    return "## Operations\n\n" + _table(["site", "operation", "what it is"], rows)


def _data(facts: CardFacts) -> str:
    config = facts.config
    lines = []
    if facts.trainings:
        settings = facts.trainings[0].settings
        lines.append(
            f"Trained on {settings.train_images:,} images of {_plain(dataset_name(settings.dataset))}, "
            f"scored on {settings.val_images:,} others; their fingerprint is {_plain(settings.fingerprint)}."
        )
    if config.classes is not None:
        more = len(config.classes) - _MOST_CLASSES
        names = [_plain(name) for name in config.classes[:_MOST_CLASSES]]
        lines.append(
            f"Classes in the order of the outputs: {', '.join(names)}"
            + (f" and {more:,} more, see config.json." if more > 0 else ".")
        )
    return "## Data\n\n" + "\n\n".join(lines) if lines else ""


def _preprocessing(facts: CardFacts) -> str:
    known = facts.config.preprocessing
    if known is None:
        return ""
    side = f"{known.input_size} x {known.input_size} pixels"
    scaled = {
        "square": f"Cut the central square and scale it to {side}",
        "shorter_side": f"Scale the shorter side to {known.resize_to} pixels and cut the central {side}",
    }[known.resize]
    mean, std = ([f"{value:.6g}" for value in values] for values in (known.mean, known.std))
    return (
        f"## Preprocessing\n\nTurn the image upright ({known.orientation.upper()}), make it {known.colours} "
        f"with {known.transparent} behind transparent pixels. {scaled} ({known.interpolation}"
        f"{', antialiased' if known.antialias else ''}). Divide by 255, subtract the mean "
        f"({', '.join(mean)}) and divide by the deviation ({', '.join(std)}) of each channel. `predict` "
        "below does all this."
    )


def _origin(facts: CardFacts) -> str:
    lines = [f"cheapsearch {_plain(facts.config.version)} wrote the weights."]
    if facts.trainings:
        settings = facts.trainings[0].settings
        packages = ", ".join(f"{_plain(name)} {_plain(number)}" for name, number in settings.versions.items())
        lines.append(
            f"Trained from {text.date(settings.created)} on {settings.device} with seed {settings.seed}; the "
            f"weights are of epoch {facts.trainings[0].best_epoch} of {facts.trainings[0].epochs}. With "
            f"{packages}. Settings: {', '.join(_setting(*item) for item in settings.policy.items())}."
        )
        if facts.run is not None and settings.trial is not None:
            lines.append(_search(facts.run, settings.trial))
    return "## Where it comes from\n\n" + "\n\n".join(lines)


def _setting(name: str, value: object) -> str:
    return f"{_plain(name)} {_plain(dataset_name(value) if isinstance(value, str) else value)}"


def _search(run: SavedRun, trial: int) -> str:
    trained, longer = networks_trained(run.trials), networks_trained(run.trials, above=1)
    compared = f"{longer} of them longer; networks are compared after trainings {run.rung} times as long"
    objectives = text.listed([_plain(name) for name in run.record.settings.objectives])
    said = [_plain(line[:1].upper() + line[1:] + ".") for line in verdict(run)]
    found = f" What the search found: {' '.join(said)}" if said else ""
    return (
        f"The architecture is trial {trial} of a search by {objectives} among networks of "
        f"{_plain(run.record.settings.backbone)}; it trained {trained} for a short time"
        f"{f', {compared}' if longer else ''}.{found}"
    )


def _use(facts: CardFacts, repo: str) -> str:
    config = facts.config
    lines = [
        "import cheapsearch",
        "from cheapsearch.models.huggingface import HubNetwork",
        "",
        f"network = HubNetwork.from_pretrained({repo!r})  # an nn.Module",
    ]
    if config.classes is not None and config.preprocessing is not None:
        lines += [
            'found = cheapsearch.predict(network, ["photo.jpg"])',
            "print(found.images[0].class_name, found.images[0].probability)",
        ]
    lines.append("deployed = cheapsearch.deploy(network)  # a smaller one that answers the same")
    return (
        "## Use\n\nWith cheapsearch and its extra `hub` installed:\n\n```python\n"
        + "\n".join(lines)
        + "\n```\n\n`model.safetensors` is whole by itself: `cheapsearch.load` and "
        '`timm.create_model("cheapsearch_architecture", config=..., pretrained=True)` take it too.'
    )


_SECTIONS: tuple[Callable[[CardFacts], str], ...] = (
    _accuracy,
    _costs,
    _operations,
    _data,
    _preprocessing,
    _origin,
)
