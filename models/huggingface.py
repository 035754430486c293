"""Networks on the Hugging Face Hub, and in folders as it has them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Any, Self

from .. import __version__
from ..space import ArchitectureConfig, TrainingResult, UserError, shown
from ..space.extras import missing
from ..space.saved_run import RECORD_FILE, load_run
from ..space.training_folder import TrainingFolder, read_results
from ..space.training_records import RETRAIN_FOLDER
from .config import check_same
from .cost import count
from .model_card import CardFacts, card_text, dataset_name
from .network import Network
from .weights_file import load_weights, read_weights_config, weights_bytes

try:
    from huggingface_hub import EvalResult, ModelCard, ModelCardData, ModelHubMixin, hf_hub_download
except ImportError:
    raise missing("huggingface_hub", extra="hub", argument="cheapsearch.models.huggingface") from None

WEIGHTS_FILE = "model.safetensors"
_TASK = "image-classification"


class HubNetwork(
    Network,
    ModelHubMixin,
    library_name="cheapsearch",
    pipeline_tag=_TASK,
    tags=["cheapsearch", "mobilenet"],
):
    """A network that the Hub's mixin saves, uploads and downloads.

    `save_pretrained` and `push_to_hub` write model.safetensors, which is whole by itself, config.json, which
    is the exported architecture, and README.md, the card, unless there is one. `from_pretrained` takes a
    repository or such a folder, and gives the network in eval mode.

    Args:
        config: An exported architecture as plain data.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        known = ArchitectureConfig.from_dict(config, "config.json")
        super().__init__(known.architecture, num_classes=known.num_classes, input_size=known.input_size)
        self.classes, self.preprocessing = known.classes, known.preprocessing
        self.facts = CardFacts(known)

    @classmethod
    def of(cls, source: Network | str | Path) -> Self:
        """A network as it is, or that of a training's folder or of weights, with what is known of it.

        Raises:
            UserError: If the weights cannot be read or do not say what they are of.
        """
        if isinstance(source, Network):
            made = cls(_described(source).to_dict())
            made.load_state_dict(source.state_dict())
        else:
            path = TrainingFolder(Path(source)).weights_path if Path(source).is_dir() else Path(source)
            facts = _facts_of(path)
            made = cls(facts.config.to_dict())
            made.facts = facts
            load_weights(made, path)
        return made.eval()

    def push_to_hub(self, repo_id: str, **settings: Any) -> str:
        """Upload it; further arguments are those of huggingface_hub's `ModelHubMixin.push_to_hub`."""
        settings["model_card_kwargs"] = {"repo": repo_id, **(settings.get("model_card_kwargs") or {})}
        return str(super().push_to_hub(repo_id, **settings))

    def generate_model_card(self, *, repo: str = "FOLDER") -> ModelCard:
        """The card; the metadata has the accuracies of the training."""
        known = self._hub_mixin_info.model_card_data
        results = evaluations(self.facts.trainings[0]) if self.facts.trainings else None
        data = ModelCardData(
            library_name=known.library_name,
            pipeline_tag=known.pipeline_tag,
            tags=[*(known.tags or ()), self.architecture.backbone],
            model_name=repo.rpartition("/")[2],
            eval_results=results,
        )
        return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{card_text(self.facts, repo=repo)}")

    def _save_pretrained(self, save_directory: Path) -> None:
        path = save_directory / WEIGHTS_FILE
        path.write_bytes(weights_bytes(self.state_dict(), self.facts.config))

    @classmethod
    def _from_pretrained(
        cls, *, model_id: str, config: Mapping[str, Any] | None = None, **where: Any
    ) -> Self:
        folder = Path(model_id)
        path = folder / WEIGHTS_FILE if folder.is_dir() else hf_hub_download(model_id, WEIGHTS_FILE, **where)
        beside = None if config is None else ArchitectureConfig.from_dict(config, "config.json")
        own = read_weights_config(path)
        if own is not None and beside is not None:
            check_same(beside, own, WEIGHTS_FILE)
        known = own or beside
        if known is None:
            raise UserError(f"WEIGHTS: {shown(path)} must say what it is of, or config.json beside it must")
        made = cls(known.to_dict())
        load_weights(made, path)
        return made.eval()


def evaluations(result: TrainingResult) -> list[EvalResult]:
    """The accuracies of a training as the metadata of a card has them, in 0..1."""
    name = dataset_name(result.settings.dataset)
    splits = {"validation": result.val_top1, "test": result.test_top1}
    return [
        EvalResult(
            task_type=_TASK,
            dataset_type=name,
            dataset_name=name,
            dataset_split=split,
            metric_type="accuracy",
            metric_value=round(top1 / 100, 6),
        )
        for split, top1 in splits.items()
        if top1 is not None
    ]


def _described(network: Network) -> ArchitectureConfig:
    return ArchitectureConfig(
        architecture=network.architecture,
        num_classes=network.num_classes,
        input_size=network.input_size,
        costs=count(network),
        version=__version__,
        classes=network.classes,
        preprocessing=network.preprocessing,
    )


def _facts_of(weights: Path) -> CardFacts:
    """What weights say of themselves, and what stands beside them where a training wrote it."""
    config = read_weights_config(weights)
    if config is None:
        raise UserError(
            f"WEIGHTS: '{shown(weights)}' must say what it is of, and does not, an older version or another "
            "tool wrote it; load it with the YAML of its architecture and give the network"
        )
    origin = dict(config.origin)
    if isinstance(origin.get("trained_on"), str):
        origin["trained_on"] = dataset_name(origin["trained_on"])
    config = replace(config, origin=origin)
    folder = weights.parent
    own = TrainingFolder(folder).read_result()
    if own is None or own.settings.hash != config.hash:
        return CardFacts(config)
    base = re.sub(r"-seed\d+$", "", folder.absolute().name)
    beside = [folder.parent / base, *sorted(folder.parent.glob(f"{escape(base)}-seed*"))]
    others = [one for one in read_results(beside) if _another_seed(own, one)]
    run = folder.absolute().parents[1] if folder.absolute().parent.name == RETRAIN_FOLDER else None
    found = load_run(run) if run is not None and (run / RECORD_FILE).exists() else None
    return CardFacts(config, (own, *others), found)


def _another_seed(own: TrainingResult, other: TrainingResult) -> bool:
    """Whether only chance tells two trainings apart."""
    same = ("hash", "policy", "fingerprint", "input_size")
    return own.settings.seed != other.settings.seed and all(
        getattr(own.settings, name) == getattr(other.settings, name) for name in same
    )
