"""Networks trained in full, beside what their proxies said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cheapsearch.reports import load_run, load_trainings, rank_agreement, retraining_frame, trials_frame
from cheapsearch.reports.retraining import curves_frame
from cheapsearch.reports.retraining_figures import learning_curves, proxy_against_retrained, retrained_front
from cheapsearch.space import UserError


@pytest.fixture
def retrained(make_run: Callable[..., Path], write_training: Callable[..., Path]) -> Path:
    """Trials 0 (two seeds), 1 and 2 of a run, trained in full."""
    run = make_run()
    write_training(run, 1, 7, 91.0, 90.0)
    write_training(run, 0, 7, 94.0, 93.0, (10.0, 30.0))
    write_training(run, 0, 8, 96.0, 94.0, (20.0, 60.0))
    write_training(run, 2, 7, 92.0, 90.5)
    return run


def frame_of(run: Path) -> pd.DataFrame:
    return retraining_frame(trials_frame(load_run(run)), load_trainings(run))


def test_load_trainings_leaves_out_what_has_not_ended(retrained: Path) -> None:
    (retrained / "retrain" / "unfinished").mkdir()
    found = [(t.result.settings.trial, t.result.settings.seed) for t in load_trainings(retrained)]
    assert found == [(0, 7), (0, 8), (1, 7), (2, 7)]


@pytest.mark.parametrize(
    ("name", "text"), [("result.json", "{}"), ("result.json", "["), ("metrics.csv", "a\n1\n")]
)
def test_load_trainings_refuses_a_damaged_file(retrained: Path, name: str, text: str) -> None:
    path = next((retrained / "retrain").glob(f"*/{name}"))
    path.write_text(text)
    with pytest.raises(UserError, match=f"{path}: must be what a training wrote"):
        load_trainings(retrained)


def test_retraining_frame_has_mean_and_deviation_over_seeds(retrained: Path) -> None:
    frame = frame_of(retrained).set_index("number")
    trials = load_run(retrained).trials
    assert list(frame.index) == [0, 1, 2]
    assert list(frame["accuracy"]) == [trial.accuracy for trial in trials[:3]]
    assert list(frame["seeds"]) == [2, 1, 1]
    assert (frame.loc[0, "val"], frame.loc[0, "test"]) == (95.0, 93.5)
    assert frame.loc[0, "val_std"] == pytest.approx(2**0.5)  # of 94 and 96, n - 1
    assert np.isnan(frame.loc[1, "val_std"])


def test_curves_frame_is_a_mean_over_seeds(retrained: Path) -> None:
    curves = curves_frame(load_trainings(retrained))
    assert curves[curves["number"] == 0]["val_top1"].tolist() == [15.0, 45.0]
    assert [line.name for line in learning_curves(curves).data] == ["trial 0", "trial 1", "trial 2"]


def test_rank_agreement_gives_both_correlations_with_intervals() -> None:
    proxy, trained = np.arange(12.0), np.array([0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10.0])
    found = rank_agreement(list(proxy), list(trained))
    assert found is not None
    swapped, pairs = 4, 12 * 11 / 2
    assert found.kendall.value == pytest.approx((pairs - 2 * swapped) / pairs)
    squares = float(((proxy - trained) ** 2).sum())
    assert found.spearman.value == pytest.approx(1 - 6 * squares / (12 * (12**2 - 1)))
    for value in (found.kendall, found.spearman):
        assert -1 <= value.low < value.value < value.high <= 1
    assert found.count == 12
    perfect = rank_agreement([1, 2, 3, 4], [1, 2, 3, 4])
    assert perfect is not None
    assert (perfect.kendall.low, perfect.kendall.high) == pytest.approx((1, 1))


def test_rank_agreement_needs_three_networks_that_differ() -> None:
    assert rank_agreement([1, 2], [1, 2]) is None
    assert rank_agreement([1, 1, 1], [1, 2, 3]) is None
    assert not np.isnan(stats.kendalltau([1, 1, 2], [1, 2, 3]).statistic)
    assert rank_agreement([1, 1, 2], [1, 2, 3]) is not None


def test_figures_draw_every_network_with_its_deviation(retrained: Path) -> None:
    frame = frame_of(retrained)
    points = [trace for trace in proxy_against_retrained(frame).data if trace.mode == "markers"]
    drawn = {(x, y) for trace in points for x, y in zip(trace.x, trace.y, strict=True)}
    assert drawn == set(zip(frame["accuracy"], frame["val"], strict=True))
    assert any(trace.error_y.array is not None and max(trace.error_y.array) > 1.4 for trace in points)


def test_retrained_front_draws_published_accuracies_on_cifar100_only(retrained: Path) -> None:
    frame = frame_of(retrained)
    other = retrained_front(frame, "params", dataset="cifar10", backbone="mobilenet_v2")
    assert len(other.layout.shapes) == 0
    published = retrained_front(frame, "flops", dataset="cifar100", backbone="mobilenet_v2")
    assert [shape.y0 for shape in published.layout.shapes] == pytest.approx([100 - 31.5, 100 - 28.76])
    line = published.data[0]
    ordered = frame.sort_values("flops")
    assert list(line.y) == list(ordered["test"].cummax())
    v3 = retrained_front(frame, "flops", dataset="cifar100", backbone="mobilenet_v3_large_e6")
    assert len(v3.layout.shapes) == 4


def test_retrained_front_is_of_validation_where_there_is_no_test_split(
    make_run: Callable[..., Path], write_training: Callable[..., Path]
) -> None:
    run = make_run()
    write_training(run, 0, 7, 91.0, None)
    figure = retrained_front(frame_of(run), "params", dataset="cifar10", backbone="mobilenet_v2")
    assert list(figure.data[0].y) == [91.0]
    assert figure.layout.yaxis.title.text.startswith("validation")
