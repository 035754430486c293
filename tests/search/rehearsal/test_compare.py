import csv
import json
from itertools import product

import numpy as np
import pytest

from cheapsearch.models import cost_table
from cheapsearch.search.cli.main import main
from cheapsearch.search.rehearsal import replay
from cheapsearch.search.rehearsal.compare import rehearse
from cheapsearch.search.rehearsal.result_table import DIGITS_TABLE, load_table
from cheapsearch.search.samplers.registry import SAMPLERS
from cheapsearch.space import SearchSpace, UserError, architecture_hash


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = []
    for point in product("abc", "xy", "pqr", "01"):
        numbers = [ord(letter) % 7 for letter in point]
        base = 50 + 4 * numbers[0] + 3 * numbers[2] - 2 * (point[1] == "x")
        row = {f"choice_{i}": letter for i, letter in enumerate(point)}
        row |= {f"accuracy_{run}": f"{base + rng.normal(0, 0.2):.3f}" for run in range(3)}
        row |= {"cost_flops": str(10 + sum(numbers)), "cost_params": str(5 + numbers[0] * 2 + numbers[3])}
        rows.append(row)
    target = tmp_path_factory.mktemp("table") / "table.csv"
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "gp"])
def test_rehearse_reaches_everything_with_the_whole_table(path, sampler):
    table = load_table(path)
    result = rehearse(table, samplers=[sampler], budget=1000, seeds=2)[sampler]
    last = result["share"][str(len(table.points))]
    assert last == {"mean": pytest.approx(1.0), "min": pytest.approx(1.0), "std": pytest.approx(0.0)}
    assert 1 <= result["evaluations_to"]["95"] <= result["evaluations_to"]["99"] <= len(table.points)
    assert result["seconds_per_proposal"] > 0


def test_rehearse_replays_a_sampler_named_twice_once(path, monkeypatch):
    names = []

    def recording(table, name, **settings):
        names.append(name)
        return replay.replay(table, name, **settings)

    monkeypatch.setattr("cheapsearch.search.rehearsal.compare.replay", recording)
    rehearse(load_table(path), samplers=["random", "cost_aware", "random"], budget=2, seeds=1)
    assert names == ["random", "cost_aware"]


def test_rehearse_prefers_the_sampler_that_knows_the_costs(path):
    found = rehearse(load_table(path), samplers=["cost_aware", "random"], budget=18, seeds=4)
    assert found["cost_aware"]["share"]["18"]["mean"] > found["random"]["share"]["18"]["mean"]


def test_rehearse_gives_the_same_again(path):
    settings = {"samplers": ["cost_aware"], "budget": 14, "seeds": 2, "in_flight": 3}
    first, second = (rehearse(load_table(path), **settings)["cost_aware"]["share"] for _ in range(2))
    assert first == second


def test_rehearse_scores_against_the_reference(path):
    table = load_table(path, ["flops"])
    assert table.cost_names == ("flops",)
    mean = table.accuracies.mean(axis=1)
    # One cost: the share is an area, the best accuracy reached at each cost above the reference.
    reference = 55.0
    order = np.argsort(table.costs[:, 0])
    steps = np.maximum.accumulate(np.maximum(mean[order], reference)) - reference
    widths = np.diff(np.append(table.costs[order, 0], table.costs.max()))
    assert (steps * widths).sum() > 0
    result = rehearse(table, samplers=["random"], budget=1, seeds=1, reference_accuracy=reference)["random"]
    shares = {
        (max(0.0, mean[i] - reference) * (table.costs.max() - table.costs[i, 0])) / (steps * widths).sum()
        for i in range(len(mean))
    }
    assert min(abs(share - result["share"]["1"]["mean"]) for share in shares) < 1e-9


@pytest.mark.parametrize(("given", "told"), [(None, None), (66.0, 66.0)])
def test_rehearse_tells_the_sampler_the_reference_that_was_given(path, monkeypatch, given, told):
    references = []

    def recording(*arguments, reference, **settings):
        references.append(reference)
        return make(*arguments, reference=reference, **settings)

    make = replay.ListedCandidates
    monkeypatch.setattr(replay, "ListedCandidates", recording)
    rehearse(load_table(path), samplers=["cost_aware"], budget=2, seeds=2, reference_accuracy=given)
    assert references == [told] * 2


def test_rehearse_command_prints_json_and_writes_a_report(path, tmp_path, capsys):
    page = tmp_path / "report.html"
    arguments = ["rehearse", str(path), "--budget", "12", "--seeds", "2", "--sampler", "cost_aware,random"]
    assert main([*arguments, "--json", "-o", str(page)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["cost_aware", "random"]
    assert list(result["random"]["share"]) == ["10", "12"]
    assert "cost_aware" in page.read_text()
    assert main(arguments) == 0
    rows = [line.replace("\N{NO-BREAK SPACE}", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["evaluations", "cost_aware", "random"]
    last = result["random"]["share"]["12"]
    printed = [f"{last['mean']:.3f}", f"±{last['std']:.3f}", f"≥{last['min']:.3f}"]
    assert next(row for row in rows if row[0] == "12")[4:] == printed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("cost_", "price_"), "must have columns cost_"),
        (lambda text: text.replace("accuracy_", "acc_"), "must have columns accuracy_"),
        (lambda text: text.replace("choice_", "op_"), "must have columns choice_"),
        (lambda text: text + text.splitlines()[1] + "\n", "must stand in one row"),
        (lambda text: text.replace(text.splitlines()[1].split(",")[4], "good"), "must hold numbers"),
        (lambda text: text.replace(text.splitlines()[1].split(",")[4], "140.0"), "from 0 to 100"),
    ],
)
def test_load_table_refuses_what_is_no_table(path, tmp_path, change, message):
    broken = tmp_path / "broken.csv"
    broken.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=message):
        load_table(broken)


@pytest.mark.parametrize(
    "arguments",
    [
        ("missing.csv",),
        ("TABLE", "--sampler", "randm"),
        ("TABLE", "--sampler", ",,"),
        ("TABLE", "--budget", "0"),
        ("TABLE", "--costs", "latency"),
        ("TABLE", "--reference-accuracy", "100"),
    ],
)
def test_rehearse_command_refuses_in_one_line(path, capsys, arguments):
    assert main(["rehearse", *(str(path) if word == "TABLE" else word for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("cheapsearch: ")
    assert error.count("\n") == 1


def test_rehearse_command_loses_nothing_where_its_page_cannot_be_written(path, tmp_path, capsys):
    arguments = ["rehearse", str(path), "--budget", "5", "--seeds", "1", "--sampler", "random", "--json"]
    assert main([*arguments, "-o", str(tmp_path / "missing" / "page.html")]) == 2
    output = capsys.readouterr()
    assert list(json.loads(output.out)) == ["random"]
    assert output.err.startswith("cheapsearch: cannot read or write ")
    assert output.err.count("\n") == 1


@pytest.fixture
def curved(path, tmp_path):
    """The table with curves of three epochs that lead to the first accuracy."""
    rng = np.random.default_rng(1)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        end = float(row["accuracy_0"])
        for epoch, value in enumerate((end / 2 + rng.normal(0, 0.3), 0.8 * end, end), 1):
            row[f"curve_{epoch}"] = f"{value:.3f}"
    target = tmp_path / "curved.csv"
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


@pytest.mark.parametrize("sampler", ["cost_aware", "random"])
def test_rehearse_with_stopping_trains_fewer_epochs_for_nearly_the_same(curved, sampler):
    results = rehearse(load_table(curved), samplers=[sampler], budget=30, seeds=3, stopping=True)
    assert list(results) == [sampler, f"{sampler}, stopping"]
    whole, stopped = results.values()
    assert whole["epochs"] == 1.0
    assert stopped["epochs"] < 0.95
    assert stopped["share"]["30"]["mean"] > 0.97 * whole["share"]["30"]["mean"]


def test_rehearse_with_stopping_stops_what_cannot_reach_the_reference(curved):
    table = load_table(curved)
    reference = float(np.quantile(table.accuracies.mean(axis=1), 0.9))
    results = [
        rehearse(table, samplers=["random"], budget=30, seeds=3, stopping=True, reference_accuracy=given)
        for given in (None, reference)
    ]
    without, told = (found["random, stopping"]["epochs"] for found in results)
    assert told < without


@pytest.mark.parametrize("value", ["-1", "101"])
def test_load_table_refuses_a_curve_beyond_percent(curved, value):
    text = curved.read_text().splitlines()
    cells = text[3].split(",")
    cells[-2] = value
    curved.write_text("\n".join([*text[:3], ",".join(cells), *text[4:]]))
    with pytest.raises(
        UserError, match=rf"^TABLE: accuracies must be from 0 to 100 percent, .* has {value}\.0"
    ):
        load_table(curved)


def test_rehearse_with_stopping_needs_curves(path):
    with pytest.raises(UserError, match=r"^stopping: needs columns curve_\*"):
        rehearse(load_table(path), samplers=["random"], budget=5, seeds=1, stopping=True)


# --- the table that comes with the package ------------------------------------------------------------


def test_the_table_of_digits_has_distinct_networks_with_their_costs_and_curves():
    table = load_table(DIGITS_TABLE)
    space, costs = SearchSpace("mobilenet_v2"), cost_table("mobilenet_v2")
    networks = [
        space.architecture({name.removeprefix("choice_"): op for name, op in point.items()})
        for point in table.points
    ]
    assert len({architecture_hash(network) for network in networks}) == len(networks) >= 500
    expected = [(costs.cost(network).params, costs.cost(network).flops) for network in networks]
    assert table.cost_names == ("params", "flops")
    np.testing.assert_array_equal(table.costs, expected)
    assert table.curves is not None
    np.testing.assert_array_equal(table.curves[:, -1], table.accuracies[:, 0])


def test_rehearse_without_a_table_takes_the_one_of_digits(capsys):
    arguments = [
        "--sampler",
        "cost_aware,tpe,nsga2,random",
        "--budget",
        "50",
        "--seeds",
        "3",
        "--stopping",
        "--json",
    ]
    assert main(["rehearse", *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    shares = {name: found["share"]["50"]["mean"] for name, found in result.items()}
    assert shares["cost_aware"] > max(shares["tpe"], shares["nsga2"], shares["random"])
    assert shares["cost_aware, stopping"] > 0.99 * shares["cost_aware"]
    assert result["cost_aware, stopping"]["epochs"] < 0.8


def test_load_table_refuses_a_compressed_file_that_was_cut_or_damaged(tmp_path):
    whole = DIGITS_TABLE.read_bytes()
    damaged = whole[:4000] + bytes(40) + whole[4040:]
    for content in (whole[:5000], damaged):
        path = tmp_path / "table.csv.gz"
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"^TABLE: must be a readable CSV"):
            load_table(path)


def test_rehearse_refuses_a_reference_that_leaves_no_hypervolume(tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text("choice_a,accuracy_1,cost_x\nu,50,1\nv,60,2\n")
    assert main(["rehearse", str(path), "--sampler", "random"]) == 2
    assert capsys.readouterr().err.startswith("cheapsearch: --reference-accuracy: a point above it must cost")
    assert main(["rehearse", str(path), "--sampler", "random", "--reference-accuracy", "40"]) == 0
