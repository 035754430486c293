import pytest

from cheapsearch.reports import run_tables, trials_frame
from cheapsearch.space import text
from cheapsearch.space.saved_run import load_run


@pytest.fixture
def run(make_run):
    return load_run(make_run())


def rows(found):
    return [[f"{cell.text} {cell.note}".strip() for cell in row.cells] for row in found]


def titles(table):
    return [column.title for column in table.columns]


def test_front_table_shows_differences_and_the_unmodified_network_below(run):
    table = run_tables.front_table(run, trials_frame(run))
    first, second = rows(table.rows)
    minus = "\N{MINUS SIGN}"

    def expected(number):
        own, base = run.claims.expected[number], run.claims.expected[0]
        difference = text.difference(own.mean - base.mean)
        return f"{text.percent(own.mean)} ± {(own.high - own.low) / 2:.1f}, {difference}"

    assert first[:7] == [
        "1",
        "cheap_v2",
        expected(1),
        "71.00",
        "cheapest",
        f"1.000 M {minus}50.0 %",
        f"45.00 M {minus}50.0 %",
    ]
    assert second[:4] == ["3", "", expected(3), "73.00"]
    assert second[4].startswith(f"{100 * run.claims.front[3]:.0f}")
    ((number, name, *_),) = rows(table.footer)
    assert (number, name) == ("0", "unmodified")


def test_front_table_has_no_row_below_where_the_unmodified_network_is_a_member(make_run, make_trial):
    run = load_run(make_run([make_trial(0, 72.0, 20, 30)]))
    table = run_tables.front_table(run, trials_frame(run))
    assert not table.footer
    assert rows(table.rows)[0][1] == "unmodified, mobilenet_v2"


def test_front_table_is_sorted_by_the_first_cost_of_the_objectives(make_run):
    run = load_run(make_run(objectives=("accuracy", "flops")))
    table = run_tables.front_table(run, trials_frame(run))
    assert table.sorted_by == "flops"


def test_trials_table_is_in_the_order_of_the_numbers(run):
    table = run_tables.trials_table(run, trials_frame(run).iloc[::-1])
    assert [row[0] for row in rows(table.rows)] == [str(number) for number in range(7)]


def test_trials_table_sets_off_the_front(run):
    table = run_tables.trials_table(run, trials_frame(run))
    assert [row.trial for row in table.rows if row.strong] == [1, 3]


def test_trials_table_says_what_the_sampler_expected(make_run, make_trial):
    why = {"origin": "cost_aware", "predicted": 70.25, "deviation": 1.5, "gain": 0.0123456}
    trials = [make_trial(0, 72.0, 2_000_000, 90_000_000), make_trial(1, 71.0, 10, 10, expand="reuse", **why)]
    told = load_run(make_run(trials))
    table = run_tables.trials_table(told, trials_frame(told))
    asked = rows(table.rows)[1]
    assert asked[4].split() == ["70.25", "±", "1.50"]
    assert asked[5] == "0.0123"


def test_trials_table_says_gains_for_each_unit_where_lengths_differ(make_run, make_trial):
    trials = [make_trial(0, 72.0, 20, 20), make_trial(1, 71.0, 10, 10, rung=4, predicted=70.0, gain=0.5)]
    several = load_run(make_run(trials, rungs=(1, 4)))
    heads = titles(run_tables.trials_table(several, trials_frame(several)))
    assert "expected gain for each unit" in heads
    assert "expected gain" not in heads


def test_trials_table_leaves_out_what_no_sampler_expected(run):
    assert "expected gain" not in titles(run_tables.trials_table(run, trials_frame(run)))


def test_searched_sites_leaves_out_a_site_without_a_choice(run):
    assert run_tables.searched_sites(run) == ["first_conv", "expand", "project", "shortcut", "last_stage"]


def test_trials_table_says_lengths_where_there_are_several(lengths_run):
    several = load_run(lengths_run)
    table = run_tables.trials_table(several, trials_frame(several))
    assert [row[3] for row in rows(table.rows)] == [text.times(1)] * 5 + [text.times(4)] * 4
    assert titles(table)[3] == "length"
    assert [row.trial for row in table.rows if row.strong] == [6, 7]


def test_trials_table_of_one_length_does_not_say_it(run):
    assert "length" not in titles(run_tables.trials_table(run, trials_frame(run)))


def test_front_table_is_of_one_length_and_says_it(lengths_run):
    several = load_run(lengths_run)
    table = run_tables.front_table(several, trials_frame(several))
    assert [row[0] for row in rows(table.rows)] == ["6", "7"]
    ((number, *_),) = rows(table.footer)
    assert number == "5"  # the unmodified network after the same training, not trial 0
    assert f"by trainings {text.times(4)}" in table.caption
    assert "seeds" in titles(table)


def test_front_table_counts_seeds_of_its_length_alone(make_run, make_trial):
    trials = [
        *(make_trial(n, 50.0 + n, 20 + n, 30, expand=e) for n, e in enumerate(("conv", "reuse", "ghost"))),
        make_trial(3, 51.0, 20, 30, state="repeat", expand="conv"),
        *(
            make_trial(4 + n, 60.0 + n, 20 + n, 30, expand=e, rung=4)
            for n, e in enumerate(("conv", "reuse", "ghost"))
        ),
    ]
    several = load_run(make_run(trials, rungs=(1, 4)))
    assert "seeds" not in titles(run_tables.front_table(several, trials_frame(several)))
