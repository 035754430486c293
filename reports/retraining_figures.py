"""The figures of networks after full training."""

import pandas as pd
import plotly.graph_objects as go

from ..space import COSTS, check_name, text
from .figures import cost_title
from .retraining import proxy_of
from .theme import BLUE, FRONT_MARKER, GREY, OF_TRIALS, UNMODIFIED_MARKER, new_figure

# Published CIFAR-100 top-1 error in percent, by family of backbones.
PUBLISHED = {
    "mobilenet_v2": {"MobileNetV2": 31.5, "cheap_v2": 28.76},
    "mobilenet_v3": {
        "MobileNetV3": 26.5,
        "cheap_v3": 25.88,
        "cheap_v3_shuffle": 25.74,
        "cheap_v3_shuffle6": 24.82,
    },
}


def proxy_against_retrained(frame: pd.DataFrame) -> go.Figure:
    """Retrained validation accuracy over the proxy's, with the deviation over seeds.

    Args:
        frame: What `retraining_frame` returns.
    """
    figure = new_figure(height=440)
    for name, rows, marker in _groups(frame):
        figure.add_scatter(
            x=rows["accuracy"],
            y=rows["val"],
            error_y=_error_bars(rows["val_std"]),
            mode="markers",
            marker=marker,
            hovertext=_hover(rows),
            hoverinfo="text",
            customdata=rows["number"].tolist(),
            meta=OF_TRIALS,
            name=name,
        )
    figure.update_xaxes(title_text=f"validation accuracy of the {proxy_of(frame)} (%)")
    figure.update_yaxes(title_text="validation accuracy, retrained (%)")
    return figure


def retrained_front(frame: pd.DataFrame, cost: str, *, dataset: str, backbone: str) -> go.Figure:
    """Retrained accuracy over a cost: on the test split, on validation where there is none.

    The line is the best accuracy reachable at each cost. Published accuracies of the backbone's family
    are drawn where the data set is CIFAR-100.

    Args:
        frame: What `retraining_frame` returns.
        cost: Its name.

    Raises:
        UserError: If there is no such cost.
    """
    check_name("cost", cost, COSTS)
    figure = new_figure(height=480)
    split = "val" if frame["test"].isna().any() else "test"
    ordered = frame.sort_values([cost, split], ascending=[True, False])
    figure.add_scatter(
        x=ordered[cost],
        y=ordered[split].cummax(),
        mode="lines",
        line={"shape": "hv", "color": BLUE, "width": 2},
        hoverinfo="skip",
        name="best at each cost",
    )
    for name, rows, marker in _groups(frame):
        figure.add_scatter(
            x=rows[cost],
            y=rows[split],
            error_y=_error_bars(rows[f"{split}_std"]),
            mode="markers",
            marker=marker,
            hovertext=_hover(rows),
            hoverinfo="text",
            customdata=rows["number"].tolist(),
            meta=OF_TRIALS,
            name=name,
        )
    if dataset == "cifar100":
        family = "mobilenet_v2" if backbone == "mobilenet_v2" else "mobilenet_v3"
        for name, error in PUBLISHED[family].items():
            figure.add_hline(
                y=100 - error, line={"dash": "dot", "color": GREY}, annotation_text=f"{name}, published"
            )
    figure.update_xaxes(title_text=cost_title(cost), tickformat="~s")
    if frame[cost].nunique() == 1:  # else the ticks would differ in their seventh digit
        figure.update_xaxes(range=[0.9 * frame[cost].iloc[0], 1.1 * frame[cost].iloc[0]])
    figure.update_yaxes(title_text=f"{'test' if split == 'test' else 'validation'} accuracy, retrained (%)")
    return figure


def learning_curves(curves: pd.DataFrame) -> go.Figure:
    """Validation accuracy over the epochs, a line for each network.

    Args:
        curves: What `curves_frame` returns.
    """
    figure = new_figure(height=440)
    for (number, key), rows in curves.groupby(["number", "hash"]):
        figure.add_scatter(
            x=rows["epoch"],
            y=rows["val_score"],
            mode="lines",
            line={"width": 1.5},
            hovertemplate=f"<b>trial {number}</b> {key}<br>epoch %{{x}}<br>%{{y:.2f}} %<extra></extra>",
            name=f"trial {number}",
        )
    figure.update_xaxes(title_text="epoch")
    figure.update_yaxes(title_text="validation accuracy (%)")
    return figure


def _groups(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame, dict[str, object]]]:
    unmodified = frame["unmodified"].astype(bool)
    groups = [
        ("retrained", frame[~unmodified], FRONT_MARKER),
        ("unmodified network", frame[unmodified], UNMODIFIED_MARKER),
    ]
    return [group for group in groups if not group[1].empty]


def _error_bars(deviations: pd.Series) -> dict[str, object] | None:
    if deviations.isna().all():
        return None
    return {"type": "data", "array": deviations, "color": GREY}


def _hover(frame: pd.DataFrame) -> list[str]:
    proxy = proxy_of(frame)
    return [
        f"<b>trial {row['number']}</b> {row['hash']}<br>{proxy} {text.percent(row['accuracy'])} %"
        f"<br>validation {text.spread(row['val'], row['val_std'])} %"
        f"<br>test {text.spread(row['test'], row['test_std'])} %"
        for row in frame.to_dict("records")
    ]
