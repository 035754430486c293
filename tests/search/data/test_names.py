import json
from pathlib import Path

import pytest
import yaml

from cheapsearch.search.data.names import class_name, dataset_name, expanded
from cheapsearch.search.data.split_names import split_of
from cheapsearch.space import UserError, shown

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
NOT_UTF8 = "caf\udce9"  # what Python makes of the bytes of Latin-1


@pytest.mark.parametrize("name", [NOT_UTF8, "a\nb", "a\u2028b", "a\x1b[31mb", "\udcff\udcfe"])
def test_shown_names_can_be_written_anywhere_on_one_line(name: str) -> None:
    text = shown(name)
    assert "\ufffd" in text
    assert text.encode()
    assert len(text.splitlines()) == 1
    assert yaml.safe_load(yaml.safe_dump(text, allow_unicode=True)) == text
    assert json.loads(json.dumps(text)) == text


@pytest.mark.parametrize("name", ["cat", "my cat's", COMPOSED, "\u732b", "\U0001f431\u200d\U0001f9b0"])
def test_shown_leaves_ordinary_names_as_they_are(name: str) -> None:
    assert shown(name) == name


def test_class_name_is_the_same_however_it_is_composed() -> None:
    assert class_name(COMPOSED) == class_name(DECOMPOSED) == COMPOSED


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("Train", "train"),
        ("TRAINING", "train"),
        ("validation", "val"),
        ("Valid", "val"),
        ("dev", "val"),
        ("testing", "test"),
        ("trains", None),
        ("tests", None),
    ],
)
def test_split_of_knows_the_usual_names_in_any_case(folder: str, split: str | None) -> None:
    assert split_of(folder) == split


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("digits", "digits"),
        ("cifar10", "cifar10"),
        ("/data/pathmnist.npz", "pathmnist"),
        ("/data/MED.NPZ", "MED"),
        ("my/photos/", "photos"),
        ("/data/v1.2", "v1.2"),
        (".", "flowers"),
        ("./", "flowers"),
        ("..", "garden"),
        ("../train", "garden-train"),
        ("/data/flowers/Train/", "flowers-Train"),
        ("/", "root"),
        ("/train", "train"),
        ("~", "somebody"),
        (f"/data/{DECOMPOSED}", COMPOSED),
        ("/data/\u732b", "\u732b"),
    ],
)
def test_dataset_name_is_what_a_person_calls_it(
    dataset: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = tmp_path / "garden" / "flowers"
    where.mkdir(parents=True)
    monkeypatch.chdir(where)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert dataset_name(dataset) == name


def test_dataset_name_keeps_names_apart_that_no_folder_should_have() -> None:
    names = ["a?b", "a*b", "a_b", "a%b", NOT_UTF8, "caf\udcea", "caf_", "a\nb"]
    folders = {dataset_name(f"/data/{name}") for name in names}
    assert len(folders) == len(names)
    for folder in folders:
        assert not set(folder) & set("/?*%#:\n")
        assert folder.encode()


def test_expanded_refuses_what_no_path_can_be() -> None:
    with pytest.raises(UserError, match=r"^dataset: must be a path, got one with a zero byte: check it$"):
        expanded("--dataset", "a\0b")
