"""Tables of finished results: what is read, what is refused, and the one that comes with the package."""

import csv
from pathlib import Path

import numpy as np
import pytest

from cheapsearch.models import cost_table
from cheapsearch.search.rehearsal.result_table import DIGITS_TABLE, load_table
from cheapsearch.search.study.domain import first_architectures
from cheapsearch.space import PRESETS, Architecture, SearchSpace, UserError, architecture_hash


def test_load_table_reads_points_accuracies_costs_and_curves(path, curved):
    table = load_table(curved)
    with curved.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert table.cost_names == ("flops", "params")
    assert table.runs[1].tolist() == [[float(row[f"accuracy_{run}"]) for run in range(3)] for row in rows]
    assert table.costs.tolist() == [[float(row["cost_flops"]), float(row["cost_params"])] for row in rows]
    assert table.curves.tolist() == [[float(row[f"curve_{epoch}"]) for epoch in (1, 2, 3)] for row in rows]
    assert table.points == [{name: row[name] for name in table.parameters} for row in rows]
    assert table.parameters["choice_2"] == ("p", "q", "r")
    assert table.first == {}
    assert load_table(path).curves is None
    assert load_table(path, ["params"]).costs.tolist() == table.costs[:, 1:].tolist()


def test_load_table_reads_what_comes_first(path, tmp_path):
    header, *rows = path.read_text().splitlines()
    origins = {4: "preset b", 2: "unmodified"}
    marked = [f"{header},first", *(f"{row},{origins.get(number, '')}" for number, row in enumerate(rows))]
    target = tmp_path / "first.csv"
    target.write_text("\n".join(marked) + "\n")
    assert load_table(target).first == origins


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


def test_load_table_refuses_a_compressed_file_that_was_cut_or_damaged(tmp_path):
    whole = DIGITS_TABLE.read_bytes()
    damaged = whole[:4000] + bytes(40) + whole[4040:]
    for content in (whole[:5000], damaged):
        path = tmp_path / "table.csv.gz"
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"^table: must be a readable CSV"):
            load_table(path)


@pytest.mark.parametrize("value", ["-1", "101"])
def test_load_table_refuses_a_curve_beyond_percent(curved, value):
    text = curved.read_text().splitlines()
    cells = text[3].split(",")
    cells[-2] = value
    curved.write_text("\n".join([*text[:3], ",".join(cells), *text[4:]]))
    with pytest.raises(
        UserError, match=rf"^table: accuracies must be from 0 to 100 percent, .* has {value}\.0"
    ):
        load_table(curved)


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
    np.testing.assert_array_equal(table.curves[:, -1], table.runs[1][:, 0])
    # A search of networks tries these two before any other, and so does one of the table.
    first = {origin: networks[number] for number, origin in table.first.items()}
    assert list(first.items()) == first_architectures(space)
    assert first == {"unmodified": Architecture("mobilenet_v2"), "preset cheap_v2": PRESETS["cheap_v2"]}


def lengths(path: Path, target: Path) -> Path:
    """The table with the first run as one of the shortest trainings, the others four times as long."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["accuracy@1_1"] = row.pop("accuracy_0")
        row["accuracy@4_1"], row["accuracy@4_2"] = row.pop("accuracy_1"), row.pop("accuracy_2")
        row["seconds@1"], row["seconds@4"] = "10", "37.5"
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


def test_load_table_reads_trainings_of_several_lengths(path: Path, tmp_path: Path) -> None:
    plain, table = load_table(path), load_table(lengths(path, tmp_path / "lengths.csv"))
    assert (plain.rungs, table.rungs) == ((1,), (1, 4))
    assert table.runs[1].tolist() == plain.runs[1][:, :1].tolist()
    assert table.runs[4].tolist() == plain.runs[1][:, 1:].tolist()
    assert table.truth.tolist() == plain.runs[1][:, 1:].mean(axis=1).tolist()
    assert {rung: set(seconds) for rung, seconds in table.seconds.items()} == {1: {10.0}, 4: {37.5}}


@pytest.mark.parametrize("column", ["accuracy@_1", "accuracy@0_1", "accuracy@x_1", "seconds@1.5"])
def test_load_table_refuses_a_length_that_is_no_number(path: Path, tmp_path: Path, column: str) -> None:
    target = lengths(path, tmp_path / "lengths.csv")
    before = "seconds@4" if column.startswith("seconds") else "accuracy@4_2"
    target.write_text(target.read_text().replace(before, column, 1))
    with pytest.raises(UserError, match="must name a length"):
        load_table(target)
