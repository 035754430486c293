import numpy as np
import pytest

from cheapsearch.search.data.split import check_class_sizes, stratified_split, stratified_subset
from cheapsearch.space import UserError

LABELS = np.repeat([0, 1, 2], [50, 30, 20])[np.random.RandomState(1).permutation(100)].astype(np.int64)
# One class with two images among large ones: by proportion it would have none in a tenth.
RARE = np.repeat([0, 1, 2], [100, 98, 2]).astype(np.int64)


def test_stratified_split_parts_cover_every_image_once() -> None:
    kept, held_out = stratified_split(LABELS, 0.2, seed=0)
    assert sorted([*kept, *held_out]) == list(range(100))
    assert list(kept) == sorted(kept)
    assert list(held_out) == sorted(held_out)


def test_stratified_split_keeps_proportions() -> None:
    _, held_out = stratified_split(LABELS, 0.2, seed=0)
    assert np.bincount(LABELS[held_out]).tolist() == [10, 6, 4]


def test_stratified_split_of_equal_classes_is_equal() -> None:
    labels = np.tile(np.arange(10), 50)
    kept, held_out = stratified_split(labels, 0.1, seed=3)
    assert np.bincount(labels[held_out]).tolist() == [5] * 10
    assert np.bincount(labels[kept]).tolist() == [45] * 10


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.9, 1.0])
def test_stratified_split_has_every_class_in_both_parts(fraction: float) -> None:
    for part in stratified_split(RARE, fraction, seed=0):
        assert set(RARE[part]) == {0, 1, 2}


def test_stratified_split_depends_on_the_seed_alone() -> None:
    first, again, other = (stratified_split(LABELS, 0.2, seed=seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_stratified_split_draw_is_the_published_stream() -> None:
    # RandomState's stream is frozen, so the choice can be derived: the first two of each class in its order.
    labels = np.array([0, 1] * 10, dtype=np.int64)
    order = np.random.RandomState(7).permutation(20).tolist()
    expected = [i for i in order if i % 2 == 0][:2] + [i for i in order if i % 2 == 1][:2]
    assert stratified_split(labels, 0.2, seed=7)[1].tolist() == sorted(expected)


def test_stratified_split_refuses_a_class_of_one_image() -> None:
    with pytest.raises(UserError, match=r"at least 2 images to be split, class 'dog' has 1") as error:
        stratified_split(np.array([0, 0, 1]), 0.2, seed=0, classes=("cat", "dog"))
    assert "\n" not in str(error.value)


def test_stratified_subset_takes_exactly_the_limit_in_proportion() -> None:
    chosen = stratified_subset(LABELS, 50, seed=0)
    assert np.bincount(LABELS[chosen]).sum() == 50
    np.testing.assert_allclose(np.bincount(LABELS[chosen]), [25, 15, 10], atol=1)


@pytest.mark.parametrize("limit", [3, 4, 57, 197, 199])
def test_stratified_subset_has_every_class_at_any_limit(limit: int) -> None:
    chosen = stratified_subset(RARE, limit, seed=0)
    assert len(set(chosen)) == limit
    assert set(RARE[chosen]) == {0, 1, 2}


def test_stratified_subset_takes_all_where_there_are_no_more() -> None:
    assert stratified_subset(LABELS, 100, seed=0).tolist() == list(range(100))
    assert stratified_subset(LABELS, 1000, seed=0).tolist() == list(range(100))


def test_stratified_subset_allows_labels_that_do_not_occur() -> None:
    labels = np.array([0, 0, 5, 5], dtype=np.int64)
    assert sorted(labels[stratified_subset(labels, 2, seed=0)].tolist()) == [0, 5]


def test_stratified_subset_depends_on_the_seed() -> None:
    assert stratified_subset(LABELS, 20, seed=0).tolist() != stratified_subset(LABELS, 20, seed=1).tolist()


def test_stratified_subset_refuses_fewer_images_than_classes() -> None:
    with pytest.raises(UserError, match="proxy images: must be at least the number of classes, 3, got 2"):
        stratified_subset(LABELS, 2, seed=0)


def test_check_class_sizes_passes_what_is_large_enough() -> None:
    check_class_sizes(RARE, 2)
    with pytest.raises(UserError, match="class '2' has 2"):
        check_class_sizes(RARE, 3)
