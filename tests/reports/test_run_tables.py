import re

import pytest

from cheapsearch.reports import run_tables, trials_frame
from cheapsearch.space import text
from cheapsearch.space.saved_run import load_run


@pytest.fixture
def run(make_run):
    return load_run(make_run())


def rows(html, part):
    inside = re.search(f"<{part}>(.*?)</{part}>", html, re.S).group(1)
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", row)]
        for row in re.findall("<tr.*?</tr>", inside, re.S)
    ]


def test_front_table_shows_differences_and_the_unmodified_network_below(run):
    html = run_tables.front_table(run, trials_frame(run))
    first, second = rows(html, "tbody")
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
    ((number, name, *_),) = rows(html, "tfoot")
    assert (number, name) == ("0", "unmodified")


def test_front_table_has_no_row_below_where_the_unmodified_network_is_a_member(make_run, make_trial):
    run = load_run(make_run([make_trial(0, 72.0, 20, 30)]))
    html = run_tables.front_table(run, trials_frame(run))
    assert "<tfoot>" not in html
    assert rows(html, "tbody")[0][1] == "unmodified, mobilenet_v2"


def test_front_table_is_sorted_by_the_first_cost_of_the_objectives(make_run):
    run = load_run(make_run(objectives=("accuracy", "flops")))
    html = run_tables.front_table(run, trials_frame(run))
    assert re.search('aria-sort="ascending"[^>]*><button type="button">flops', html)
    assert html.count('aria-sort="ascending"') == 1


def test_trials_table_is_in_the_order_of_the_numbers(run):
    html = run_tables.trials_table(run, trials_frame(run).iloc[::-1])
    assert [row[0] for row in rows(html, "tbody")] == [str(number) for number in range(7)]


def test_trials_table_sets_off_the_front(run):
    html = run_tables.trials_table(run, trials_frame(run))
    strong = re.findall(r'<tr class="strong"><td class="number" data-value="(\d+)"', html)
    assert strong == ["1", "3"]


def test_trials_table_says_what_the_sampler_expected(make_run, make_trial):
    why = {"origin": "cost_aware", "predicted": 70.25, "deviation": 1.5, "gain": 0.0123456}
    trials = [make_trial(0, 72.0, 2_000_000, 90_000_000), make_trial(1, 71.0, 10, 10, expand="reuse", **why)]
    told = load_run(make_run(trials))
    html = run_tables.trials_table(told, trials_frame(told))
    asked = rows(html, "tbody")[1]
    assert asked[4].split() == ["70.25", "±", "1.50"]
    assert asked[5] == "0.0123"


def test_trials_table_leaves_out_what_no_sampler_expected(run):
    assert "expected gain" not in run_tables.trials_table(run, trials_frame(run))


def test_trials_table_has_a_labelled_filter(run):
    html = run_tables.trials_table(run, trials_frame(run))
    assert '<label for="filter">' in html
    assert 'data-filters="trials"' in html
    assert 'role="status"' in html


def test_searched_sites_leaves_out_a_site_without_a_choice(run):
    assert run_tables.searched_sites(run) == ["first_conv", "expand", "project", "shortcut", "last_stage"]


def test_trials_table_says_lengths_where_there_are_several(lengths_run):
    several = load_run(lengths_run)
    html = run_tables.trials_table(several, trials_frame(several))
    assert [row[3] for row in rows(html, "tbody")] == [text.times(1)] * 5 + [text.times(4)] * 4
    assert re.findall(r"<button[^>]*>([^<]*)</button>", html)[3] == "length"
    assert re.findall(r'<tr class="strong"><td class="number" data-value="(\d+)"', html) == ["6", "7"]


def test_trials_table_of_one_length_does_not_say_it(run):
    assert ">length<" not in run_tables.trials_table(run, trials_frame(run))


def test_front_table_is_of_one_length_and_says_it(lengths_run):
    several = load_run(lengths_run)
    html = run_tables.front_table(several, trials_frame(several))
    assert [row[0] for row in rows(html, "tbody")] == ["6", "7"]
    ((number, *_),) = rows(html, "tfoot")
    assert number == "5"  # the unmodified network after the same training, not trial 0
    assert f"by trainings {text.times(4)}" in html
    assert ">seeds<" in html


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
    assert ">seeds<" not in run_tables.front_table(several, trials_frame(several))
