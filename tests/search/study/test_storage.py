"""What goes wrong with a database is said in one line, without the statement it was given."""

from pathlib import Path

import optuna
import pytest
from sqlalchemy.exc import OperationalError

from cheapsearch.search.study.storage import check_storage, open_storage, storage_errors, storage_reason
from cheapsearch.space import UserError

FULL = OperationalError("UPDATE trials SET secret=?", {}, Exception("database or disk is full\nat page 3"))


def test_open_storage_gives_a_storage_back_and_opens_a_url(tmp_path: Path) -> None:
    storage = optuna.storages.InMemoryStorage()
    assert open_storage(storage) is storage
    assert open_storage(f"sqlite:///{tmp_path / 'study.db'}").get_all_studies() == []


@pytest.mark.parametrize("url", ["what", "nosuch://host/db", "sqlite:////nowhere/at/all/study.db"])
def test_check_storage_refuses_in_one_line(url: str) -> None:
    with pytest.raises(UserError) as caught:
        check_storage(url)
    assert str(caught.value).startswith(f"storage: must be a readable Optuna study, {url} is not (")
    assert "\n" not in str(caught.value)


def test_storage_reason_is_the_database_s_own_first_line() -> None:
    assert storage_reason(FULL) == "database or disk is full"
    wrapped = optuna.exceptions.StorageInternalError("An exception is raised during the commit.\nSee ...")
    assert storage_reason(wrapped) == "An exception is raised during the commit."
    wrapped.__cause__ = FULL
    assert storage_reason(wrapped) == "database or disk is full"


def test_storage_errors_say_how_to_go_on_and_let_others_pass() -> None:
    with pytest.raises(UserError) as caught, storage_errors(Path("runs/first")):
        raise FULL
    assert str(caught.value) == (
        "storage: cannot read or write the study (database or disk is full); mend that and go on with "
        "`cheapsearch run --out runs/first`, what was finished is kept"
    )
    with pytest.raises(ZeroDivisionError), storage_errors(Path("runs/first")):
        raise ZeroDivisionError
