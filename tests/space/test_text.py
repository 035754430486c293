import pytest

from cheapsearch.space import text

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.000 k"),
        (989_000, "989.0 k"),
        (1_173_732, "1.174 M"),
        (43_890_000, "43.89 M"),
        (4_321_000_000, "4.321 G"),
    ],
)
def test_count_shows_four_digits_and_a_unit(value, shown):
    assert text.count(value) == shown


def test_count_leaves_no_bare_point():
    assert text.count(999_960) == "1000 k"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.44, "+0.4"), (-48.06, "−48.1"), (0.0, "0.0"), (-0.04, "0.0"), (NAN, "–")],  # noqa: RUF001
)
def test_signed_shows_the_sign_of_what_it_shows(value, shown):
    assert text.signed(value) == shown


def test_difference_says_nothing_where_there_is_none():
    assert text.difference(NAN, " %") == ""
    assert text.difference(1.0, " %") == "+1.0 %"


@pytest.mark.parametrize(
    ("stamp", "shown"), [("2026-03-14T10:22:31+00:00", "2026-03-14 10:22 UTC"), ("x", "x")]
)
def test_date_shortens_what_it_knows(stamp, shown):
    assert text.date(stamp) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0432, "0.04 s"),
        (0.0, "0 s"),
        (4.25, "4.2 s"),
        (59.0, "59.0 s"),
        (90.0, "2 min"),
        (7500.0, "2 h 5 min"),
        (NAN, "–"),  # noqa: RUF001
    ],
)
def test_duration_shows_its_largest_units(seconds, shown):
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("joined", "shown"),
    [("conv", "conv"), ("conv|reuse|reuse|conv", "1 conv · 2-3 reuse · 4 conv"), ("a|b", "1 a · 2 b")],
)
def test_choice_numbers_the_stages(joined, shown):
    assert text.choice(joined) == shown


def test_times_says_how_long_a_training_is():
    assert text.times(16) == "\N{MULTIPLICATION SIGN}16"


@pytest.mark.parametrize(
    ("words", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_listed_joins_words(words, said):
    assert text.listed(words) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 trials"), (1, "1 trial"), (1200, "1,200 trials")])
def test_many_says_one_of_a_thing_without_an_s(count: int, said: str) -> None:
    assert text.many(count, "trial") == said
