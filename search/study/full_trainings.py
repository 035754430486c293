"""Which trainings under a full policy a search with several lengths learns from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...space import METRIC_TITLES, RETRAIN_FOLDER, Architecture, RunRecord, TrainingResult, text
from ...space.training_folder import read_results
from ..training.proxy import Proxy

# Of the work of the search's longest trainings what one does at least that stands above them. A full policy,
# with more augmentation and a longer end, makes more of its work than a proxy does: a fine-tuning comes to
# less than four times a proxy of full width, and is what counts all the same.
_LEAST = 0.5


@dataclass(frozen=True)
class FullTrainings:
    """Those in a run folder.

    Attributes:
        known: Networks with their validation scores in percent, which are learnt from.
        left_out: How many are not, by the reason.
    """

    known: list[tuple[Architecture, float]]
    left_out: Mapping[str, int]

    def lines(self) -> list[str]:
        """What is not learnt from, a line for each reason."""
        return [
            f"{text.many(count, 'training')} in full not learnt from: {reason}"
            for reason, count in self.left_out.items()
        ]


def full_trainings(folder: Path, record: RunRecord) -> FullTrainings:
    """Those of a run; none count in a search of one length, which learns from its own alone."""
    if not record.settings.has_rungs:
        return FullTrainings([], {})
    results = read_results(sorted((folder / RETRAIN_FOLDER).glob("*")))
    reasons = [_left_out(result, record) for result in results]
    known = [
        (result.settings.architecture, result.val_score)
        for result, reason in zip(results, reasons, strict=True)
        if not reason
    ]
    return FullTrainings(known, Counter(filter(None, reasons)))


def _left_out(result: TrainingResult, record: RunRecord) -> str:
    """Why a training is not learnt from, empty where it is."""
    settings = record.settings
    if result.settings.architecture not in settings.space:
        return "of no network of the space"
    if result.metric != METRIC_TITLES[settings.metric]:
        return f"scored by {result.metric}, not by {METRIC_TITLES[settings.metric]}"
    if _work(result) < _LEAST * _longest_work(record):
        return (
            f"less than {_LEAST:g} of the search's longest trainings, by epochs x images x pixels x width^2"
        )
    return ""


def _work(result: TrainingResult) -> float:
    """Grows as the multiply-adds of a training do, for one architecture."""
    made = result.settings
    pixels = made.input_size**2
    return result.epochs * made.train_images * pixels * made.architecture.width**2


def _longest_work(record: RunRecord) -> float:
    """The same of the search's longest trainings."""
    settings, proxy = record.settings, Proxy.from_dict(record.settings.proxy)
    images, width = min(proxy.images, record.train_images), proxy.network_width(settings.space.width)
    return settings.lengths[-1] * proxy.epochs * images * proxy.input_size**2 * width**2
