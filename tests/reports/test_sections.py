from dataclasses import replace

import pytest
from scipy import stats

from cheapsearch.reports import load_trainings, retraining_frame, sections, trials_frame
from cheapsearch.space.pilot_record import PilotRecord
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import percent, times


@pytest.fixture
def run(make_run):
    return load_run(make_run())


def test_header_counts_the_trials_by_state(run):
    html = sections.header(run, trials_frame(run))
    assert "<h1>mobilenet_v2 on cifar10</h1>" in html
    assert "started 2026-03-14 10:22 UTC" in html
    assert "7 trials: 5 complete, 1 failed, 1 refused" in html


def test_highlights_names_three_members_of_the_front(run):
    html = sections.highlights(run, trials_frame(run))
    cards = html.split('<div class="card">')[1:]
    # Trial 1 is 1 point below the unmodified network, with the fewest parameters, and the knee:
    # of the two front members it is best in two objectives, the other in one.
    assert len(cards) == 2
    assert "Most accurate" in cards[0]
    assert percent(run.claims.expected[3].mean) in cards[0]
    assert "trial 3<" in cards[0]
    assert "knee" in cards[1]
    assert "Lowest in parameters of those not surely worse than unmodified" in cards[1]
    assert "trial 1, cheap_v2<" in cards[1]


def test_highlights_compares_with_the_unmodified_network_only_where_it_was_trained(make_run, make_trial):
    run = load_run(make_run([make_trial(0, 70.0, 10, 20, expand="reuse")]))
    html = sections.highlights(run, trials_frame(run))
    assert "Most accurate" in html
    assert "unmodified" not in html
    assert "points" not in html


def test_highlights_leaves_out_what_is_surely_worse_than_the_unmodified_network(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 20, 30),
        make_trial(1, 52.0, 10, 20, expand="reuse"),
        make_trial(2, 71.9, 15, 25, expand="ghost"),
    ]
    run = load_run(make_run(trials))
    cards = sections.highlights(run, trials_frame(run)).split('<div class="card">')[1:]
    (fewest,) = [card for card in cards if "Lowest in" in card]
    assert "trial 2<" in fewest


@pytest.mark.parametrize(("reference", "knee"), [(None, 1), (70.0, 2)])
def test_highlights_has_no_compromise_below_the_reference(make_run, make_trial, reference, knee):
    trials = [
        make_trial(0, 20.0, 1_000, 1_000, expand="reuse"),
        make_trial(1, 69.0, 2_000, 2_000, expand="ghost"),
        make_trial(2, 72.0, 90_000, 90_000, expand="shuffle_reuse"),
        make_trial(3, 90.0, 10**6, 10**6),
    ]
    run = load_run(make_run(trials, reference_accuracy=reference))
    cards = sections.highlights(run, trials_frame(run)).split('<div class="card">')[1:]
    (compromise,) = [card for card in cards if "knee" in card]
    assert f"trial {knee}<" in compromise


@pytest.mark.parametrize(("images", "said"), [(5000, False), (360, True)])
def test_caution_says_what_one_image_is_where_images_are_few(run, images, said):
    few = replace(run, record=replace(run.record, val_images=images))
    assert (f"{100 / images:.2g} points" in sections.caution(few)) == said


def test_facts_counts_what_was_trained_and_what_there_is(run):
    html = sections.facts(run, trials_frame(run))
    assert "5 of a budget of 40 trainings, 50.0 s of training" in html
    assert f"{run.space.size:,} combinations, {run.space.distinct_size:,} of them different networks" in html


def test_facts_says_what_the_pilot_measured(run):
    assert "<dt>Pilot</dt>" not in sections.facts(run, trials_frame(run))
    pilot = PilotRecord(45, 0.94, 149.2, {48: 438.0}, {"unmodified": 61.29}, 23.75, False, 1429)
    html = sections.facts(replace(run, record=replace(run.record, pilot=pilot)), trials_frame(run))
    for said in ("unmodified 61.29 %", "largest class 23.75 %", "1,429 validation images", "hardly learnt"):
        assert said in html


def test_facts_says_against_what_savings_are(run):
    published = {"mobilenet_v2_paper": {"params": 2_237_000, "flops": 88_000_000}}
    html = sections.facts(replace(run, record=replace(run.record, published=published)), trials_frame(run))
    assert "mobilenet_v2_paper costs 2.237 M params, 88.00 M flops" in html


def test_facts_names_the_limits(make_run):
    run = load_run(make_run(limits={"params": 1_500_000, "flops": 70_000_000}, reference_accuracy=62.5))
    html = sections.facts(run, trials_frame(run))
    assert (
        "high accuracy, low in parameters and FLOPs; at most 1.500 M parameters; at most 70.00 M FLOPs; "
        "an accuracy below 62.5 % is worth nothing" in html
    )


def test_next_steps_quotes_the_folder(run):
    html = sections.next_steps(replace(run, path="my runs/a&b"))
    assert "cheapsearch export &#x27;my runs/a&amp;b&#x27;" in html


def test_next_steps_begin_with_full_training(run):
    assert f"<code>cheapsearch retrain {run.path}\n" in sections.next_steps(run)


@pytest.fixture
def several(lengths_run):
    return load_run(lengths_run)


def test_highlights_are_of_the_length_that_is_compared(several):
    html = sections.highlights(several, trials_frame(several))
    assert "trial 7<" in html
    assert "trial 2<" not in html  # after the shortest training the most accurate, and cheapest
    assert "not surely worse than unmodified" in html


def test_facts_says_which_lengths_there_are_and_which_counts(several):
    html = sections.facts(several, trials_frame(several))
    # Five trainings of one unit, four of four.
    assert f"5 networks in 9 trainings, which cost {5 + 4 * 4} of a budget of 40 of the shortest" in html
    lengths = f"trainings {times(1)} (3 epochs) of 5 networks and {times(4)} (12 epochs) of 3 networks."
    assert lengths in html
    assert f"compared at one length, {times(4)}" in html
    assert f"the trainings compared are {times(4)}" in html


def test_facts_of_one_length_say_nothing_of_lengths(run):
    html = sections.facts(run, trials_frame(run))
    assert "Lengths" not in html
    assert times(1) not in html


def test_caution_of_one_length_hints_at_repeats(run):
    assert (
        "--confirm 10</code> trains again where it settles most. All of it is about trainings as short "
        in (sections.caution(run))
    )


def test_caution_of_several_lengths_hints_at_the_budget(several):
    html = sections.caution(several)
    assert "--confirm" not in html  # refused where the search decides who is trained again
    assert "--budget 80</code>" in html
    assert f"trainings as short as these, {times(4)}:" in html


@pytest.mark.parametrize(
    ("rung", "said"), [(1, "nothing was repeated at this length"), (4, "1 further training")]
)
def test_caution_counts_repeats_of_the_length_that_is_compared(several, rung, said):
    moved = tuple(replace(t, rung=rung) if t.state == "repeat" else t for t in several.trials)
    assert said in sections.caution(replace(several, trials=moved))


def test_foretold_of_one_length_is_empty(run):
    assert sections.foretold(run) == ""


def test_foretold_says_how_lengths_agree_and_among_whom(several):
    html = sections.foretold(several)
    # 50, 49, 51 became 60, 59, 63: in the same order.
    assert f"Trainings {times(1)} and {times(4)} of 3 networks: Kendall&#x27;s tau 1.00 (" in html
    assert f"gained +{(10 + 10 + 12) / 3:.1f} points" in html
    assert "chosen for being good" in html


def test_agreement_is_said_of_each_length(lengths_run, write_training):
    for number, accuracy in ((5, 90.0), (6, 91.0), (7, 92.0), (2, 80.0)):
        write_training(lengths_run, number, 7, accuracy, None)
    trials = trials_frame(load_run(lengths_run))
    said = sections.agreement(retraining_frame(trials, load_trainings(lengths_run)))
    val = [90, 91, 92]
    short = stats.kendalltau([50, 49, 51, 75], [*val, 80]).statistic
    long = stats.kendalltau([60, 59, 63], val).statistic
    assert f"trainings {times(1)} of 4 networks, Kendall's tau {short:.2f} (" in said
    assert f"trainings {times(4)} of 3 networks, Kendall's tau {long:.2f} (" in said


def test_agreement_says_where_a_length_has_too_few(lengths_run, write_training):
    for number, accuracy in ((2, 80.0), (4, 82.0), (3, 90.0), (0, 91.0)):  # 3 and 0 were trained longer too
        write_training(lengths_run, number, 7, accuracy, None)
    said = sections.agreement(
        retraining_frame(trials_frame(load_run(lengths_run)), load_trainings(lengths_run))
    )
    assert f"{times(1)} of 4 networks, Kendall" in said
    assert f"{times(4)} of 2 networks, too few" in said


def test_agreement_leaves_out_a_length_that_no_retrained_network_has(make_run, make_trial, write_training):
    kinds = ("conv", "reuse", "ghost", "group_conv")
    trials = [make_trial(n, 50.0 + n, 20 + n, 30, expand=kind) for n, kind in enumerate(kinds)]
    folder = make_run([*trials, make_trial(4, 70.0, 23, 30, rung=4, expand=kinds[3])], rungs=(1, 4))
    for number in (0, 1, 2):
        write_training(folder, number, 7, 90.0 + number, None)
    said = sections.agreement(retraining_frame(trials_frame(load_run(folder)), load_trainings(folder)))
    assert f"trainings {times(1)} of 3 networks, Kendall's tau 1.00 (" in said
    assert times(4) not in said
