"""Networks of a run after full training, and how well their proxies had ranked them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..space import COSTS, METRICS, RETRAIN_FOLDER, TrainingResult, text
from ..space.rungs import fullest
from ..space.training_folder import TrainingFolder


@dataclass(frozen=True)
class Training:
    """A finished training.

    Attributes:
        curve: The rows of metrics.csv.
    """

    result: TrainingResult
    curve: pd.DataFrame


def load_trainings(run_path: Path) -> list[Training]:
    """The finished trainings in a run folder, by trial and seed; those under way are left out.

    Raises:
        UserError: If a file is damaged.
    """
    found = []
    for path in sorted((run_path / RETRAIN_FOLDER).glob("*/result.json")):
        folder = TrainingFolder(path.parent)
        result = folder.read_result()
        assert result is not None
        found.append(Training(result, pd.DataFrame(folder.read_metrics(), columns=list(METRICS))))
    return sorted(found, key=lambda t: (_trial(t), t.result.settings.seed))


def retraining_frame(frame: pd.DataFrame, trainings: Sequence[Training]) -> pd.DataFrame:
    """One row for each network of a trial that was trained in full, in the order of the trials.

    A trial that was trained at several widths has a row for each: they are different networks.

    Args:
        frame: What `trials_frame` returns.
        trainings: What `load_trainings` returns.

    Returns:
        `number`, `preset`, `unmodified` of the trial; `hash` and the costs of the network as trained;
        `seeds`, how many; `val`, `test`, means over the seeds, and `val_std`, `test_std` (not a number for
        one seed, or where there is no test split); for each rung that the trials were trained at
        `accuracy_RUNG`, the proxy's after that training (not a number where there was none), and `accuracy`,
        the same of the one rung that most of these networks have, `rung`.
    """
    complete = frame[frame["state"] == "complete"]
    rungs = sorted(complete["rung"].unique())
    rows = []
    for (number, key), group in _by_network(trainings).items():
        trial = frame[frame["number"] == number]
        if trial.empty:
            continue
        val = np.array([training.result.val_score for training in group])
        test = np.array([np.nan if (t := g.result.test_score) is None else t for g in group])
        settings = group[0].result.settings
        same = complete[complete["hash"] == trial["hash"].iloc[0]]
        known = {f"accuracy_{rung}": same.loc[same["rung"] == rung, "accuracy"].mean() for rung in rungs}
        known |= {f"accuracy_{trial['rung'].iloc[0]}": trial["accuracy"].iloc[0]}
        rows.append(
            {
                "number": number,
                **{name: trial[name].iloc[0] for name in ("preset", "unmodified")},
                **known,
                "hash": key,
                **settings.costs,
                "seeds": len(group),
                "val": val.mean(),
                "val_std": val.std(ddof=1) if len(val) > 1 else np.nan,
                "test": test.mean(),
                "test_std": test.std(ddof=1) if len(test) > 1 else np.nan,
            }
        )
    proxies = [f"accuracy_{rung}" for rung in rungs]
    columns = ["number", "hash", "preset", "unmodified", *proxies, *COSTS, "seeds"]
    found = pd.DataFrame(rows, columns=[*columns, "val", "val_std", "test", "test_std"])
    rung = fullest({rung: int(found[name].count()) for rung, name in zip(rungs, proxies, strict=True)})
    return found.assign(rung=rung, accuracy=found[f"accuracy_{rung}"] if rungs else np.nan)


def proxy_rungs(retrained: pd.DataFrame) -> list[int]:
    """The rungs that the trials of a run were trained at, the shortest first.

    Args:
        retrained: What `retraining_frame` returns.
    """
    prefix = "accuracy_"
    return [int(name[len(prefix) :]) for name in map(str, retrained.columns) if name.startswith(prefix)]


def proxy_of(retrained: pd.DataFrame) -> str:
    """What the column `accuracy` is of: `proxy`, and which training where there are several lengths."""
    if len(proxy_rungs(retrained)) < 2:
        return "proxy"
    return f"proxy {text.times(int(retrained['rung'].iloc[0]))}"


def curves_frame(trainings: Sequence[Training]) -> pd.DataFrame:
    """Validation scores over the epochs, a mean over the seeds: `number`, `hash`, `epoch`, `val_score`."""
    parts = [
        training.curve[["epoch", "val_score"]].assign(number=number, hash=key)
        for (number, key), group in _by_network(trainings).items()
        for training in group
    ]
    if not parts:
        return pd.DataFrame(columns=["number", "hash", "epoch", "val_score"])
    means = pd.concat(parts).groupby(["number", "hash", "epoch"])["val_score"].mean()
    return means.reset_index()


def _by_network(trainings: Sequence[Training]) -> dict[tuple[int, str], list[Training]]:
    groups: dict[tuple[int, str], list[Training]] = {}
    for training in trainings:
        settings = training.result.settings
        if settings.trial is not None:
            groups.setdefault((settings.trial, settings.hash), []).append(training)
    return groups


def _trial(training: Training) -> int:
    number = training.result.settings.trial
    return -1 if number is None else number
