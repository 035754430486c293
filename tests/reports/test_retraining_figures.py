"""The figures of networks trained in full."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cheapsearch.reports import load_trainings, retraining_frame, trials_frame
from cheapsearch.reports.retraining import curves_frame
from cheapsearch.reports.retraining_figures import learning_curves, proxy_against_retrained, retrained_front
from cheapsearch.space import UserError
from cheapsearch.space.saved_run import load_run


def frame_of(run: Path) -> pd.DataFrame:
    return retraining_frame(trials_frame(load_run(run)), load_trainings(run))


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


def test_figures_mark_the_unmodified_network(retrained: Path) -> None:
    frame = frame_of(retrained)
    front = retrained_front(frame, "params", dataset="cifar10", backbone="mobilenet_v2")
    for figure in (front, proxy_against_retrained(frame)):
        found = {trace.name: trace for trace in figure.data}
        assert list(found["unmodified network"].y) in ([95.0], [93.5])  # trial 0: validation, test
        assert found["unmodified network"].marker.symbol != found["retrained"].marker.symbol


def test_figures_draw_no_bar_for_a_single_seed(retrained: Path, write_training: Callable[..., Path]) -> None:
    write_training(retrained, 1, 8, 93.0, 92.0)  # trial 1 has two seeds now, trial 2 one
    found = {trace.name: trace for trace in proxy_against_retrained(frame_of(retrained)).data}
    bars = np.asarray(found["retrained"].error_y.array, float)
    assert bars[0] == pytest.approx(2**0.5)  # of 91 and 93
    assert np.isnan(bars[1])


def test_retrained_front_of_one_network_gives_its_axis_a_width(retrained: Path) -> None:
    figure = retrained_front(
        frame_of(retrained).head(1), "params", dataset="cifar10", backbone="mobilenet_v2"
    )
    low, high = figure.layout.xaxis.range
    assert low < 2_000_000 < high


def test_retrained_front_refuses_another_cost(retrained: Path) -> None:
    with pytest.raises(UserError, match=r"cost: must be one of params, flops, .*, got 'latency'"):
        retrained_front(frame_of(retrained), "latency", dataset="cifar10", backbone="mobilenet_v2")


def test_learning_curves_draw_a_line_for_each_network(retrained: Path) -> None:
    lines = learning_curves(curves_frame(load_trainings(retrained))).data
    assert [line.name for line in lines] == ["trial 0", "trial 1", "trial 2"]
    assert list(lines[0].y) == [15.0, 45.0]  # of 10 and 20, of 30 and 60
    assert all(f"trial {number}</b>" in line.hovertemplate for number, line in enumerate(lines))
