from dataclasses import replace

import pytest

from cheapsearch.reports import facts, trials_frame
from cheapsearch.space import FLOPS_CONVENTION
from cheapsearch.space.pilot_record import PilotRecord
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import times


@pytest.fixture
def run(make_run):
    return load_run(make_run())


@pytest.fixture
def several(lengths_run):
    return load_run(lengths_run)


def test_headline_counts_the_trials_by_state(run):
    said = facts.headline(run, trials_frame(run))
    assert "started 2026-03-14 10:22 UTC" in said
    assert "7 trials: 5 complete, 1 failed, 1 refused" in said


def test_searched_counts_what_was_trained_and_what_there_is(run):
    said = facts.searched(run, trials_frame(run))
    assert facts.spent(run, trials_frame(run)) == "5 of a budget of 40 trainings"
    assert said["Trained"] == "5 of a budget of 40 trainings, 50.0 s of training"
    sizes = f"{run.space.size:,} combinations, {run.space.distinct_size:,} of them different networks"
    assert said["Space"].startswith(sizes)


def test_searched_names_the_limits(make_run):
    run = load_run(make_run(limits={"params": 1_500_000, "flops": 70_000_000}, reference_accuracy=62.5))
    assert facts.searched(run, trials_frame(run))["Objectives"] == (
        "high accuracy, low in parameters and FLOPs; at most 1.500 M parameters; at most 70.00 M FLOPs; "
        "an accuracy below 62.5 % is worth nothing"
    )


def test_measured_says_what_the_pilot_found(run):
    assert "Pilot" not in facts.measured(run)
    pilot = PilotRecord(45, 0.94, 149.2, {48: 438.0}, {"unmodified": 61.29}, 23.75, False, 1429, doublings=2)
    found = facts.measured(replace(run, record=replace(run.record, pilot=pilot)))["Pilot"]
    for said in (
        "unmodified 61.29 %",
        "largest class 23.75 %",
        "1,429 validation images",
        "hardly learnt",
        "doubled 2 times",
    ):
        assert said in found


def test_costs_say_by_which_convention_and_against_what(run):
    assert facts.costs(run)["FLOPs"].endswith(f"{FLOPS_CONVENTION}.")
    published = {"mobilenet_v2_paper": {"params": 2_237_000, "flops": 88_000_000}}
    against = facts.costs(replace(run, record=replace(run.record, published=published)))["Savings"]
    assert "mobilenet_v2_paper costs 2.237 M params, 88.00 M flops" in against


def test_facts_say_which_lengths_there_are_and_which_counts(several):
    # Five trainings of one unit, four of four.
    trained = facts.searched(several, trials_frame(several))["Trained"]
    assert f"5 networks in 9 trainings, which cost {5 + 4 * 4} of a budget of 40 of the shortest" in trained
    said = facts.measured(several)
    lengths = f"trainings {times(1)} (3 epochs) of 5 networks and {times(4)} (12 epochs) of 3 networks."
    assert lengths in said["Lengths"]
    assert f"compared at one length, {times(4)}" in said["Lengths"]
    assert f"the trainings compared are {times(4)}" in said["Accuracy"]


def test_facts_of_one_length_say_nothing_of_lengths(run):
    said = facts.measured(run)
    assert "Lengths" not in said
    assert times(1) not in "".join(said.values())
