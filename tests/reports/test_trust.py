import shlex
from dataclasses import replace

import pytest
from scipy import stats

from cheapsearch.reports import load_trainings, retraining_frame, trials_frame, trust
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import times


@pytest.fixture
def run(make_run):
    return load_run(make_run())


@pytest.mark.parametrize(("images", "said"), [(5000, False), (360, True)])
def test_caution_says_what_one_image_is_where_images_are_few(run, images, said):
    few = replace(run, record=replace(run.record, val_images=images))
    assert (f"{100 / images:.2g} points" in trust.caution(few).noise) == said


@pytest.fixture
def several(lengths_run):
    return load_run(lengths_run)


def test_caution_of_one_length_hints_at_repeats(run):
    said = trust.caution(run)
    assert said.command == f"cheapsearch run --out {run.path} --confirm 10"
    assert (said.then, said.short) == ("trains again where it settles most", "the proxy")
    assert said.gap == f"{run.claims.gap:.1f} points"


def test_caution_quotes_the_folder(run):
    command = trust.caution(replace(run, path="my runs/a&b")).command
    assert shlex.split(command)[3] == "my runs/a&b"


def test_caution_of_several_lengths_hints_at_the_budget(several):
    said = trust.caution(several)
    assert "--confirm" not in said.command  # refused where the search decides who is trained again
    assert said.command.endswith("--budget 80")
    assert said.short == f"these, {times(4)}"


@pytest.mark.parametrize(
    ("rung", "said"),
    [
        (1, "measured on 1 further training with another seed, of this length or a shorter one"),
        (4, "measured on 1 further training with another seed, of this length or a shorter one"),
        (16, "nothing was repeated"),
    ],
)
def test_caution_counts_repeats_of_the_length_that_is_compared_and_of_shorter_ones(several, rung, said):
    moved = tuple(replace(t, rung=rung) if t.state == "repeat" else t for t in several.trials)
    assert said in trust.caution(replace(several, trials=moved)).noise


def test_foretold_of_one_length_is_empty(run):
    assert trust.foretold(run) == []


def test_foretold_says_how_lengths_agree_and_among_whom(several):
    (line,) = trust.foretold(several)
    # 50, 49, 51 became 60, 59, 63: in the same order.
    assert line.startswith(f"Trainings {times(1)} and {times(4)} of 3 networks: Kendall's tau 1.00 (")
    assert f"gained +{(10 + 10 + 12) / 3:.1f} points" in line


def test_agreement_is_said_of_each_length(lengths_run, write_training):
    for number, accuracy in ((5, 90.0), (6, 91.0), (7, 92.0), (2, 80.0)):
        write_training(lengths_run, number, 7, accuracy, None)
    trials = trials_frame(load_run(lengths_run))
    said = trust.agreement(retraining_frame(trials, load_trainings(lengths_run)))
    val = [90, 91, 92]
    short = stats.kendalltau([50, 49, 51, 75], [*val, 80]).statistic
    long = stats.kendalltau([60, 59, 63], val).statistic
    assert f"trainings {times(1)} of 4 networks, Kendall's tau {short:.2f} (" in said
    assert f"trainings {times(4)} of 3 networks, Kendall's tau {long:.2f} (" in said


def test_agreement_says_where_a_length_has_too_few(lengths_run, write_training):
    for number, accuracy in ((2, 80.0), (4, 82.0), (3, 90.0), (0, 91.0)):  # 3 and 0 were trained longer too
        write_training(lengths_run, number, 7, accuracy, None)
    said = trust.agreement(retraining_frame(trials_frame(load_run(lengths_run)), load_trainings(lengths_run)))
    assert f"{times(1)} of 4 networks, Kendall" in said
    assert f"{times(4)} of 2 networks, too few" in said


def test_agreement_leaves_out_a_length_that_no_retrained_network_has(make_run, make_trial, write_training):
    kinds = ("conv", "reuse", "ghost", "group_conv")
    trials = [make_trial(n, 50.0 + n, 20 + n, 30, expand=kind) for n, kind in enumerate(kinds)]
    folder = make_run([*trials, make_trial(4, 70.0, 23, 30, rung=4, expand=kinds[3])], rungs=(1, 4))
    for number in (0, 1, 2):
        write_training(folder, number, 7, 90.0 + number, None)
    said = trust.agreement(retraining_frame(trials_frame(load_run(folder)), load_trainings(folder)))
    assert f"trainings {times(1)} of 3 networks, Kendall's tau 1.00 (" in said
    assert times(4) not in said
