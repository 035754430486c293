"""A search as a run of Weights & Biases, a row for each trial, and a run for each retraining.

WANDB_PROJECT, WANDB_ENTITY, WANDB_DIR and WANDB_MODE are read by the package itself; with WANDB_MODE=offline
everything lies in a folder that `wandb sync` sends.
"""

import os
from collections.abc import Mapping
from typing import Any

from ...space.extras import imported
from .entry import Entry


class WandbRuns:
    """Logs through the package's own process, which sends when it can.

    Args:
        key: Names the search, whoever goes on with it.
        title: What people call it.
        settings: Of the search.
    """

    def __init__(self, key: str, title: str, settings: Mapping[str, str]) -> None:
        self._wandb = imported("wandb", extra="wandb", argument="--track wandb")
        self._key, self._title, self._settings = key, title, dict(settings)
        self._search: Any = None

    def log(self, entry: Entry) -> None:
        if entry.kind == "trial":
            if self._search is None:
                self._search = self._begin(self._key, self._title, "search", self._settings)
            # The same step whenever it is logged, so that the server keeps a trial once.
            self._search.log({**entry.labels, **entry.metrics}, step=entry.step)
            return
        run = self._begin(f"{self._key}-{entry.name}", entry.name, entry.kind, entry.labels)
        for row in entry.curve:
            run.log({f"epoch_{name}": value for name, value in row.items()}, step=int(row["epoch"]))
        run.summary.update(dict(entry.metrics))
        run.finish()

    def close(self) -> None:
        if self._search is not None:
            self._search.finish()

    def _begin(self, key: str, title: str, kind: str, config: Mapping[str, str]) -> Any:
        return self._wandb.init(
            project=os.environ.get("WANDB_PROJECT", "cheapsearch"),
            id=key,
            name=title,
            group=self._key,
            job_type=kind,
            config=dict(config),
            resume="allow",
            reinit="create_new",
            settings=self._wandb.Settings(silent=True, console="off", init_timeout=30),
        )
