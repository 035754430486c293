"""Tables of a device: read and written, summed up, and how far off sums are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cheapsearch.space import Architecture, SearchSpace, UserError
from cheapsearch.space.device_table import (
    FEWEST_NETWORKS,
    DeviceTable,
    Predictor,
    Value,
    network_name,
    read_device_table,
)
from cheapsearch.space.pieces import Piece, pieces_of, pieces_of_space

SPACE = SearchSpace("mobilenet_v2", 0.25)
SIZES = {"num_classes": 10, "input_size": 32}
LEAD = 0.25


def cost_of(piece: Piece) -> float:
    """Any number that tells pieces apart."""
    return 1.0 + sum(map(ord, "".join(piece.name))) % 97 / 97


def pieces_table(leads: bool = True) -> DeviceTable:
    values = {}
    for piece in pieces_of_space(SPACE, **SIZES):
        values[piece.name] = Value(cost_of(piece) + (LEAD if leads and piece.lead else 0.0), 0.01)
        if leads and piece.lead_name:
            values[piece.lead_name] = Value(LEAD, 0.01)
    return DeviceTable("latency_ms", values, {"machine": "a phone", "threads": "1"})


def networks(count: int) -> list[Architecture]:
    some = list(SPACE.distinct())
    return some[:: len(some) // count][:count]


def with_networks(table: DeviceTable, count: int, measured: Callable[[float], float]) -> DeviceTable:
    """With whole networks, by what is measured where the sum of the pieces is so much."""
    own = Predictor(table, "mobilenet_v2", 0.25, *SIZES.values())
    found = {network_name(a, **SIZES): Value(measured(own.sum_of(a))) for a in networks(count)}
    return table + DeviceTable(table.cost, found)


def predictor(table: DeviceTable) -> Predictor:
    return Predictor(table, "mobilenet_v2", 0.25, *SIZES.values())


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    table = with_networks(pieces_table(), 3, lambda total: total)
    path = tmp_path / "table.csv"
    path.write_text(table.to_text(), encoding="utf-8-sig")  # as spreadsheets write it
    back = read_device_table(path, "latency_ms", "--latency-table")
    assert back.facts == table.facts
    assert list(back.values) == list(table.values)
    for name, value in table.values.items():
        assert back.values[name].value == pytest.approx(value.value, rel=1e-5)
        assert back.values[name].spread == value.spread
    assert set(predictor(back).networks) == set(networks(3))


def test_a_network_is_the_sum_of_its_pieces_without_their_leads() -> None:
    for leads in (True, False):
        own = predictor(pieces_table(leads))
        for architecture in networks(5):
            assert own(architecture) == pytest.approx(sum(map(cost_of, pieces_of(architecture, **SIZES))))
        assert own.error is None  # no network was measured


def test_what_whole_networks_share_is_a_line_through_them() -> None:
    table = with_networks(pieces_table(), 20, lambda total: 1.2 * total - 0.5)
    own = predictor(table)
    assert own.line == pytest.approx((-0.5, 1.2))
    assert own.error is not None
    assert own.error.networks == 20
    assert own.error.largest < 1e-6
    few = predictor(with_networks(pieces_table(), FEWEST_NETWORKS - 1, lambda total: 2 * total))
    assert (few.line, few.error) == ((0.0, 1.0), None)
    # Networks of another size say nothing about these.
    assert Predictor(table, "mobilenet_v2", 0.25, 10, 64).networks == {}


def test_the_error_is_of_networks_that_were_left_out() -> None:
    """One network takes twice as long as the line of the others says: it is half its own latency off."""
    table = with_networks(pieces_table(), 20, lambda total: total)
    odd = networks(20)[7]
    name = network_name(odd, **SIZES)
    values = {**table.values, name: Value(2 * table.values[name].value)}
    error = predictor(replace(table, values=values)).error
    assert error is not None
    assert error.largest == pytest.approx(0.5, abs=1e-6)
    assert "20 whole networks" in str(error)


def test_equal_networks_cost_the_same() -> None:
    own = predictor(pieces_table())
    plain = replace(SPACE.unmodified, expand="reuse")
    assert own(replace(plain, expand="shuffle_reuse")) == own(plain)


HEAD = "operation,shape,energy_mj,machine\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "operation,shape\na,b\n",
            "must have the columns operation, shape and energy_mj, energy_mj is missing",
        ),
        (HEAD + "a,b,1,x\na,b,2,x\n", "line 3: must name a piece once, got a b again"),
        (HEAD + "network foo,b,1,x\n", "line 2: must say the operation at every site of a whole network"),
        (HEAD + "network expand=conv,b,1,x\n", "line 2: must say the operation at every site of a whole"),
        (HEAD + "a,b,-1,x\n", "line 2: energy_mj must be a number from 0, got '-1'"),
        (HEAD + "a,b,much,x\n", "line 2: energy_mj must be a number from 0, got 'much'"),
        (HEAD + "a,b,1,x\na,c,1,y\n", "line 3: must be of one machine, x, got y"),
    ],
)
def test_a_file_that_is_no_table_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_device_table(path, "energy_mj", "--cost-table")
    assert said in str(caught.value)
    assert caught.value.at_terminal.startswith(f"--cost-table: {path}")


def test_a_file_that_is_not_there_and_a_cost_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^cost_table: must be a CSV file that can be read"):
        read_device_table(tmp_path / "none.csv", "energy_mj", "--cost-table")
    with pytest.raises(UserError, match="energy_mj"):
        read_device_table(tmp_path / "none.csv", "energy", "--cost-table")


def test_a_piece_that_is_missing_is_named() -> None:
    table = pieces_table()
    piece = pieces_of(SPACE.unmodified, **SIZES)[4]
    less = table.only(name for name in table.values if name != piece.name)
    with pytest.raises(UserError) as caught:
        predictor(less)(SPACE.unmodified)
    assert " ".join(piece.name) in str(caught.value)
