"""`cheapsearch rehearse` as it is typed."""

import json
from itertools import product
from pathlib import Path

import pytest

from cheapsearch.search.cli.main import main


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A table of 16 points, each as accurate as it is dear."""
    header = [*(f"choice_{index}" for index in range(4)), "accuracy_0", "cost_flops"]
    rows = [(*point, 50 + index, 1 + index) for index, point in enumerate(product("ab", repeat=4))]
    target = tmp_path / "table.csv"
    target.write_text("".join(",".join(map(str, row)) + "\n" for row in [header, *rows]))
    return target


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
    assert rows[0] == ["budget", "cost_aware", "random"]
    last = result["random"]["share"]["12"]
    printed = [f"{last['mean']:.3f}", f"±{last['std']:.3f}", f"≥{last['min']:.3f}"]
    assert next(row for row in rows if row[0] == "12")[4:] == printed
    tried = result["random"]["share_tried"]["12"]
    printed = [f"{tried['mean']:.3f}", f"±{tried['std']:.3f}", f"≥{tried['min']:.3f}"]
    assert next(row for row in rows if row[:3] == ["12,", "all", "tried"])[6:] == printed


def test_rehearse_command_has_rows_of_equal_time_where_the_table_has_seconds(tmp_path, capsys):
    table = tmp_path / "table.csv"
    rows = [f"{name},{60 + number},120,{1 + number}" for number, name in enumerate("uvwxyz")]
    table.write_text("\n".join(["choice_a,accuracy@1_1,seconds@1,cost_flops", *rows]) + "\n")
    assert main(["rehearse", str(table), "--sampler", "random", "--budget", "5", "--seeds", "1"]) == 0
    rows = {line.split("  ")[0]: line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()}
    assert rows["in 10 min"] == rows["5"]  # five of two minutes each


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


def test_rehearse_without_a_table_takes_the_one_of_digits(capsys):
    arguments = ["--sampler", "cost_aware,random", "--budget", "30", "--seeds", "1", "--stopping", "--json"]
    assert main(["rehearse", *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    shares = {name: found["share"]["30"]["mean"] for name, found in result.items()}
    assert shares["cost_aware"] > shares["random"]
    assert shares["cost_aware, stopping"] > 0.97 * shares["cost_aware"]
    assert result["cost_aware, stopping"]["epochs"] < 0.95


def test_rehearse_refuses_a_reference_that_leaves_no_hypervolume(tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text("choice_a,accuracy_1,cost_x\nu,50,1\nv,60,2\n")
    assert main(["rehearse", str(path), "--sampler", "random"]) == 2
    assert capsys.readouterr().err.startswith("cheapsearch: --reference-accuracy: a point above it must cost")
    assert main(["rehearse", str(path), "--sampler", "random", "--reference-accuracy", "40"]) == 0
