from cheapsearch.reports import trials_frame
from cheapsearch.reports.outcomes import MEANINGS, outcomes
from cheapsearch.space.records import STATES
from cheapsearch.space.saved_run import load_run


def test_outcomes_count_every_state_with_its_reasons(make_run, make_trial):
    reasons = ["out of memory", "out of memory", "killed", *"abcd"]
    trials = [
        make_trial(0, 70.0, 10, 20),
        *(make_trial(n, None, 5, 9, reason=reason) for n, reason in enumerate(reasons, 1)),
    ]
    complete, failed = outcomes(trials_frame(load_run(make_run(trials))))
    assert (complete.state, complete.count, complete.reasons) == ("complete", 1, ())
    assert (failed.state, failed.count) == ("failed", len(reasons))
    assert failed.reasons[0] == ("out of memory", 2)
    assert sum(count for _, count in failed.reasons) == len(reasons)
    assert failed.reasons[-1][0] == "other reasons"
    assert len(failed.reasons) == 6


def test_outcomes_know_every_state():
    assert set(MEANINGS) == set(STATES)
