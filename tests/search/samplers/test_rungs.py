from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from cheapsearch.search.samplers.posterior import Posterior
from cheapsearch.search.samplers.rungs import RungModel, Trainings
from cheapsearch.search.samplers.surrogate import Features, Kernel, fit_kernel, standardised
from cheapsearch.search.samplers.warp import LEAST_ERROR, Warp

OPTIONS = [["a", "b", "c"]] * 5
NOTHING = np.empty(0, dtype=np.int64)


@pytest.fixture(scope="module")
def table():
    """Features of 243 networks, and their accuracies in percent at three rungs."""
    rng = np.random.default_rng(0)
    choices = np.array(list(product(range(3), repeat=5)))
    effects, others = rng.normal(size=(2, 5, 3))
    of_top = sum(effects[i][choices[:, i]] for i in range(5))
    other = sum(others[i][choices[:, i]] for i in range(5))
    logs = [
        np.log(error) + 0.15 * (of_top + differs * other)
        for error, differs in ((40.0, 0.4), (25.0, 0.2), (15.0, 0.0))
    ]
    return Features.of(choices, OPTIONS, rng.random((243, 1))), 100.0 - np.exp(np.array(logs))


def _trainings(accuracies, rows, pending=(), noise=0.3):
    """Of (network, rung) pairs."""
    networks, rungs = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    waiting, at = np.array(pending, dtype=np.int64).reshape(-1, 2).T
    noisy = accuracies[rungs, networks] + noise * np.random.default_rng(1).normal(size=len(rows))
    return Trainings(networks, rungs, noisy, waiting, at, NOTHING)


def _model(table, rows, pending=(), noise=None, count=3):
    features, accuracies = table
    known = _trainings(accuracies, rows, pending)
    first = known.rungs == 0
    kernel, warp = fit_kernel(
        features[known.networks[first]], np.log(100.0 - known.accuracies[first] + LEAST_ERROR)
    )
    return RungModel(features, kernel, warp, known, noise=noise, count=count)


def _drawn(count):
    return np.random.default_rng(5).permutation(243)[:count].tolist()


def _error_at_top(table, model):
    logs = np.log(100.0 - table[1][2] + LEAST_ERROR)
    return np.sqrt(np.mean((model.warps[2].inverse(model.mean[2]) - logs) ** 2)) / logs.std()


def test_trainings_count_what_is_pending_in():
    known = Trainings(
        np.array([4, 4, 7]), np.array([0, 2, 0]), np.ones(3), np.array([9]), np.array([2]), NOTHING
    )
    assert known.tried.tolist() == [4, 7, 9]
    assert known.at(2).tolist() == [4, 9]
    assert known.begun(3).tolist() == [2, 0, 2]


@pytest.mark.parametrize("noise", [None, 0.5])
def test_model_of_one_rung_is_the_plain_posterior(table, noise):
    features, accuracies = table
    rows = [(x, 0) for x in _drawn(30)]
    known = _trainings(accuracies, rows)
    kernel, warp = Kernel(np.full(16, 0.1), 1.0, 0.05, 0.02), Warp(np.log(40.0), 0.5)
    model = RungModel(features, kernel, warp, known, noise=noise, count=1)
    errors = 100.0 - known.accuracies + LEAST_ERROR
    values, scale = standardised(warp(np.log(errors)))
    each = np.full(30, kernel.noise)
    if noise is not None:
        each = (noise * warp.steepness(np.log(errors)) / errors / scale) ** 2
    plain = Posterior(features, kernel).extended(known.networks, each)
    centre = warp(np.log(errors)).mean()
    assert np.allclose(model.mean[0], centre + scale * plain.mean(values))
    assert np.allclose(model.deviation[0], scale * np.sqrt(plain.variance))


def test_model_predicts_the_top_better_from_shorter_trainings(table):
    drawn = _drawn(60)
    top = [(x, 2) for x in drawn[:6]]
    few = _model(table, [(x, 0) for x in drawn[:6]] + top)
    many = _model(table, [(x, 0) for x in drawn] + top)
    higher = _model(table, [(x, rung) for x in drawn for rung in (0, 1)] + top)
    assert _error_at_top(table, many) < 0.8 * _error_at_top(table, few)
    assert _error_at_top(table, higher) < 0.9 * _error_at_top(table, many)


def test_model_is_calibrated_at_the_top(table):
    drawn = _drawn(60)
    model = _model(table, [(x, 0) for x in drawn] + [(x, 2) for x in drawn[:10]])
    logs = model.warps[2](np.log(100.0 - table[1][2] + LEAST_ERROR))
    away = np.delete((logs - model.mean[2]) / model.deviation[2], drawn[:10])
    assert 0.4 < np.sqrt(np.mean(away**2)) < 2.0


@pytest.mark.parametrize("tops", [0, 1])
def test_model_bears_few_trainings_at_the_top(table, tops):
    drawn = _drawn(20)
    model = _model(table, [(x, 0) for x in drawn] + [(x, 2) for x in drawn[:tops]])
    assert np.isfinite(model.mean).all()
    untried = np.setdiff1d(np.arange(243), drawn)
    assert (model.deviation[2] > model.deviation[0])[untried].all()


def test_model_bears_two_equal_trainings(table):
    features, _ = table
    known = Trainings(
        np.array([0, 1]), np.zeros(2, dtype=np.int64), np.array([50.0, 50.0]), NOTHING, NOTHING, NOTHING
    )
    kernel, warp = fit_kernel(features[known.networks], np.log(np.full(2, 50.0)))
    model = RungModel(features, kernel, warp, known, noise=None, count=3)
    assert np.isfinite(model.mean).all()
    assert (model.deviation > 0).all()


def test_model_learns_more_at_higher_rungs_and_never_more_than_there_is(table):
    drawn = _drawn(40)
    rows = [(x, rung) for x in drawn[:15] for rung in range(3)] + [(x, 0) for x in drawn]
    model = _model(table, rows)
    moves = [model.learnt(rung) for rung in range(3)]
    assert all((move <= model.deviation[2] + 1e-12).all() for move in moves)
    untried = np.setdiff1d(np.arange(243), drawn)
    assert moves[0][untried].mean() < moves[1][untried].mean() < moves[2][untried].mean()
    # What is known at the top already moves little.
    assert moves[2][drawn[:15]].mean() < 0.5 * moves[2][untried].mean()


def test_model_counts_pending_trainings_in(table):
    drawn = _drawn(30)
    rows = [(x, 0) for x in drawn] + [(x, 2) for x in drawn[:5]]
    before, after = _model(table, rows), _model(table, rows, pending=[(200, 2)])
    assert np.array_equal(before.mean, after.mean)
    assert after.deviation[2][200] < 0.7 * before.deviation[2][200]


def test_model_takes_a_noise_that_is_known(table):
    drawn = _drawn(30)
    rows = [(x, 0) for x in drawn] + [(x, 2) for x in drawn[:5]]
    quiet, loud = (_model(table, rows, noise=noise) for noise in (0.1, 5.0))
    assert loud.deviation[0][drawn].mean() > 1.5 * quiet.deviation[0][drawn].mean()
    # Where chance is small another seed says what is known.
    assert loud.learnt(0)[drawn].mean() > 3 * quiet.learnt(0)[drawn].mean()


def test_full_trainings_are_one_more_rung_to_learn_from(table):
    features, accuracies = table
    drawn = _drawn(40)
    rows = [(network, 0) for network in drawn] + [(network, 1) for network in drawn[:6]]
    without = _model(table, rows, count=2)
    # The networks' longest trainings as full ones, of which a search of two rungs has none.
    known = _trainings(accuracies, rows + [(network, 2) for network in drawn[6:30]])
    first = known.rungs == 0
    kernel, warp = fit_kernel(
        features[known.networks[first]], np.log(100.0 - known.accuracies[first] + LEAST_ERROR)
    )
    model = RungModel(features, kernel, warp, known, noise=None, count=2)
    assert (len(without.mean), len(model.mean)) == (2, 3)
    assert known.begun(2).tolist() == [40, 6]

    def error_at_second(found):
        logs = np.log(100.0 - accuracies[1] + LEAST_ERROR)
        return np.sqrt(np.mean((found.warps[1].inverse(found.mean[1]) - logs) ** 2))

    assert error_at_second(model) < error_at_second(without)
    # What a training tells is still told of the search's own longest, not of the full ones.
    of_full = RungModel(features, kernel, warp, known, noise=None, count=3)
    np.testing.assert_array_equal(of_full.mean, model.mean)
    assert not np.allclose(model.learnt(0), of_full.learnt(0))


def test_joint_covariance_has_the_deviations_and_what_networks_share(table):
    drawn = _drawn(30)
    model = _model(table, [(x, 0) for x in drawn] + [(x, 2) for x in drawn[:8]])
    for rung in range(3):
        joint = model.joint(rung)
        assert np.allclose(np.sqrt(np.diag(joint)), model.deviation[rung], rtol=1e-4)
        assert np.linalg.eigvalsh(joint).min() > -1e-8
        assert np.abs(joint - np.diag(np.diag(joint))).max() > 0.1 * np.diag(joint).max()


def test_a_forecast_in_doubt_says_as_little_as_its_doubt(table):
    features, accuracies = table
    rows = [(x, 0) for x in _drawn(30)]
    known = _trainings(accuracies, rows)
    kernel, warp = Kernel(np.full(16, 0.1), 1.0, 0.05, 0.02), Warp(np.log(40.0), 0.5)

    def deviation(doubt):
        doubts = np.append(np.zeros(29), doubt)
        doubtful = replace(known, doubts=doubts)
        assert doubtful.sure.sum() == 30 - (doubt > 0)
        model = RungModel(features, kernel, warp, doubtful, noise=None, count=1)
        return model.deviation[0][rows[-1][0]]

    plain = RungModel(features, kernel, warp, known, noise=None, count=1).deviation[0][rows[-1][0]]
    shorter = {name: getattr(known, name)[:-1] for name in ("networks", "rungs", "accuracies")}
    without = replace(known, **shorter)
    prior = RungModel(features, kernel, warp, without, noise=None, count=1).deviation[0][rows[-1][0]]
    assert deviation(0.0) == plain
    assert plain < deviation(2.0) < deviation(20.0)
    assert deviation(1e4) == pytest.approx(prior, rel=0.2)  # the scale of all values is another
