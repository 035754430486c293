from pathlib import Path

import pytest
import yaml

from cheapsearch.space import TrialRecord, UserError
from cheapsearch.space.saved_run import load_run


def test_load_run_gives_back_what_was_written(make_run, make_trial):
    trials = (
        make_trial(0, 72.0, 20, 30, origin="unmodified"),
        make_trial(1, None, 10, 20, expand=("conv", *["reuse"] * 6), reason='a "quoted"\nreason, with comma'),
    )
    run = load_run(make_run(trials, per_stage=("expand",), seed=11))
    assert run.trials == trials
    assert (run.record.settings.seed, run.record.settings.per_stage) == (11, ("expand",))
    assert run.space.per_stage == ("expand",)


def test_load_run_takes_a_run_without_trials(make_run):
    assert load_run(make_run(())).trials == ()


@pytest.mark.parametrize("name", ["run.yaml", "trials.csv"])
def test_load_run_names_a_missing_file(make_run, name):
    folder = make_run()
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name}' is missing; give"):
        load_run(folder)


def test_load_run_names_a_missing_folder(tmp_path: Path):
    with pytest.raises(UserError, match=r"^run: must be the folder of a run, got '.*nowhere'.*; give"):
        load_run(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["run.yaml", "trials.csv"])
def test_load_run_refuses_bytes_that_are_no_text(make_run, name):
    folder = make_run()
    (folder / name).write_bytes(b"ok\xff")
    with pytest.raises(UserError, match=f"{name}: must be UTF-8 text, got byte 0xff at position 2"):
        load_run(folder)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("sede", 3, "got 'sede'; did you mean 'seed'"),
        ("backbone", "mobilenet_v4", "backbone: must be one of"),
        ("width", 9, "width: must be a number from 0.25 to 2"),
        ("objectives", ["params"], "objectives: must be accuracy and at least one"),
        ("objectives", None, "objectives: must be a list of names"),
        ("per_stage", ["first_conv"], "per_stage: must be one of"),
        ("budget", "many", "budget: must be a whole number, got 'many'"),
        ("budget", True, "budget: must be a whole number, got True"),
        ("max_params", 1.5, "max_params: must be a whole number, got 1.5"),
        ("device", None, "device: must be text, got None"),
        ("proxy", [1], r"proxy: must be a mapping, got \[1\]"),
    ],
)
def test_load_run_refuses_a_damaged_record(make_run, key, value, rule):
    folder = make_run()
    data = yaml.safe_load((folder / "run.yaml").read_text(encoding="utf-8"))
    (folder / "run.yaml").write_text(yaml.safe_dump(data | {key: value}), encoding="utf-8")
    with pytest.raises(UserError, match=rule) as caught:
        load_run(folder)
    message = str(caught.value)
    assert message.startswith(str(folder / "run.yaml"))
    assert message.endswith("put back the file that `cheapsearch run` wrote")
    assert "\n" not in message
    assert message.count("run.yaml") == 1


def test_load_run_refuses_a_record_without_a_key(make_run):
    folder = make_run()
    data = yaml.safe_load((folder / "run.yaml").read_text(encoding="utf-8"))
    del data["seed"]
    (folder / "run.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(UserError, match="the key 'seed' is missing"):
        load_run(folder)


def test_load_run_refuses_broken_yaml(make_run):
    folder = make_run()
    (folder / "run.yaml").write_text("version: [", encoding="utf-8")
    with pytest.raises(UserError, match="must be YAML"):
        load_run(folder)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (",complete,", ",complet,", "state: must be one of .* did you mean 'complete'"),
        (",ghost,", ",goast,", "expand: must be one of .* did you mean 'ghost'"),
        (",68.0,", ",,", "accuracy: a complete trial needs one"),
        (",68.0,", ",168,", "accuracy: must be from 0 to 100 percent, got 168"),
        (",68.0,", ",nan,", "accuracy: must be from 0 to 100 percent, got nan"),
        (",68.0,", ",good,", "accuracy must be a number, got 'good'"),
        (",1500000,", ",0,", "params: must be above 0 in a complete trial, got 0"),
        (",10.0,", ",10.0,,", f"must have {len(TrialRecord.columns())} values"),
        (",10.0,", ",", f"must have {len(TrialRecord.columns())} values"),
    ],
)
def test_load_run_refuses_a_damaged_row_and_names_its_line(make_run, old, new, rule):
    folder = make_run()
    lines = (folder / "trials.csv").read_text(encoding="utf-8").splitlines()
    row = next(index for index, line in enumerate(lines) if ",ghost," in line)
    assert old in lines[row]
    lines[row] = lines[row].replace(old, new)
    (folder / "trials.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError, match=rule) as caught:
        load_run(folder)
    assert str(caught.value).startswith(f"{folder / 'trials.csv'}, line {row + 1}: ")
    assert "\n" not in str(caught.value)


def test_load_run_refuses_a_number_that_occurs_twice(make_run, make_trial):
    folder = make_run([make_trial(3, 70.0, 10, 10), make_trial(3, 71.0, 10, 10)])
    with pytest.raises(UserError, match="line 3: number: must occur once, got 3 again"):
        load_run(folder)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "line 1: must start with a row of column names"),
        ("number,colour\n1,red\n", "line 2: .*got 'colour'"),
        ("number,hash\n1,2\n", "line 2: the column 'state' is missing"),
    ],
)
def test_load_run_refuses_other_columns(make_run, text, rule):
    folder = make_run()
    (folder / "trials.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rule):
        load_run(folder)


def test_load_run_refuses_a_rung_that_the_run_has_not(make_run, make_trial):
    folder = make_run([make_trial(0, 50.0, 20, 30, rung=3)], rungs=(1, 4))
    with pytest.raises(UserError, match=r"trials\.csv, line 2: rung: must be one of the run's, 1, 4, got 3"):
        load_run(folder)


def test_saved_run_compares_at_one_rung(lengths_run):
    assert load_run(lengths_run).rung == 4
