"""A search as a run of MLflow, with one below it for each trial and each retraining.

Where the server is says MLFLOW_TRACKING_URI, as for every program that logs to MLflow, and the experiment
MLFLOW_EXPERIMENT_NAME, `cheapsearch` if it does not.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

from ...space.extras import imported
from .entry import Entry

# MLflow's own defaults would hold a search up for minutes where the server is away.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
_SEARCH, _ENTRY = "cheapsearch.search", "cheapsearch.entry"  # tags


class MlflowRuns:
    """Logs at once, through the client of MLflow.

    Args:
        key: Names the search, whoever goes on with it.
        title: What people call it.
        settings: Of the search.
    """

    def __init__(self, key: str, title: str, settings: Mapping[str, str]) -> None:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        mlflow = imported("mlflow", extra="mlflow", argument="--track mlflow")
        self._entities = mlflow.entities
        self._client = mlflow.MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "cheapsearch")
        known = self._client.get_experiment_by_name(name)
        self._experiment = known.experiment_id if known else self._client.create_experiment(name)
        tags = {_SEARCH: key}
        found = self._find(tags) or self._client.create_run(self._experiment, run_name=title, tags=tags)
        if found.info.status != "FINISHED":
            self._log(found.info.run_id, settings, ())
            self._client.set_terminated(found.info.run_id)
        self._parent = found.info.run_id

    def log(self, entry: Entry) -> None:
        """Log an entry, unless it is there."""
        tags = {"mlflow.parentRunId": self._parent, _ENTRY: entry.name}
        known = self._find(tags)  # a request that timed out may have been answered all the same
        if known is not None and known.info.status == "FINISHED":
            return
        run = known or self._client.create_run(self._experiment, run_name=entry.name, tags=tags)
        now = int(1000 * time.time())
        metric = self._entities.Metric
        metrics = [metric(name, value, now, 0) for name, value in entry.metrics.items()]
        for row in entry.curve:
            step = int(row["epoch"])
            metrics += [metric(f"epoch_{name}", row[name], now, step) for name in row if name != "epoch"]
        self._log(run.info.run_id, {"kind": entry.kind, **entry.labels}, metrics)
        self._client.set_terminated(run.info.run_id)

    def close(self) -> None:
        pass

    def _log(self, run: str, labels: Mapping[str, str], metrics: Any) -> None:
        """In as many requests as MLflow's limits ask for."""
        params = [self._entities.Param(name, value[:6000]) for name, value in labels.items()]
        self._client.log_batch(run, params=params[:100])
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(run, metrics=metrics[start : start + 1000])

    def _find(self, tags: Mapping[str, str]) -> Any:
        wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        return next(iter(self._client.search_runs([self._experiment], wanted, max_results=1)), None)
