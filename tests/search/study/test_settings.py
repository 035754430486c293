"""What was asked for is validated, and must not contradict what the run folder says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.search.samplers.registry import SAMPLERS
from cheapsearch.search.study.plan import default_rungs
from cheapsearch.search.study.settings import settle
from cheapsearch.search.training.proxy import DIGITS
from cheapsearch.space import RunRecord, RunSettings, UserError

OUT = Path("runs/first")
RECORD = RunRecord(
    version="0.1.0",
    created="2026-01-02T03:04:05+00:00",
    settings=RunSettings(
        backbone="mobilenet_v2",
        width=0.5,
        per_stage=("expand",),
        dataset="digits",
        input_size=32,
        objectives=("accuracy", "params"),
        limits={"params": 1_000_000},
        sampler="random",
        seed=3,
        in_flight=2,
        budget=20,
        workers=2,
        device="cpu",
        data_dir=Path("/data"),
        proxy=DIGITS.to_dict(),
    ),
    fingerprint="0123456789abcdef",
    num_classes=10,
    train_images=1150,
    val_images=288,
)


def recorded(**settings: Any) -> RunRecord:
    """The record with other settings."""
    return replace(RECORD, settings=replace(RECORD.settings, **settings))


def refusal(given: dict[str, Any], record: RunRecord | None = None) -> str:
    with pytest.raises(UserError) as caught:
        settle(given, record, where=OUT)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- validation -------------------------------------------------------------------------------------


def test_settings_default_to_the_first_sampler() -> None:
    settings = settle({}, None, where=OUT)
    assert settings == RunSettings()
    assert settings.sampler == next(iter(SAMPLERS))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sampler": "tpee"}, "sampler: must be one of "),
        ({"backbone": "mobilenet_v1"}, "backbone: must be one of "),
        ({"width": 3.0}, "width: must be a number from 0.25 to 2.0, got 3.0"),
        ({"per_stage": ("se",)}, "per_stage: must be one of expand, project, shortcut, got 'se'"),
        ({"objectives": ("accuracy",)}, "objectives: must be accuracy and at least one of params, flops"),
        ({"objectives": ("accuracy", "latency")}, "objectives: must be one of accuracy, params, flops"),
        ({"proxy": {"epoch": 3}}, "proxy: key: must be one of epochs, "),
        ({"bugdet": 3}, "settings: key: must be one of budget, "),
    ],
)
def test_settle_refuses_what_is_unknown(given: dict[str, Any], message: str) -> None:
    assert refusal(given).startswith(message)
    assert refusal(given, RECORD).startswith(message)


# --- going on ---------------------------------------------------------------------------------------

# Setting: another value, and what of the record it contradicts
CONTRADICTIONS: dict[str, tuple[Any, str, str]] = {
    "backbone": ("mobilenet_v3_small", "mobilenet_v2", "mobilenet_v3_small"),
    "width": (1.0, "0.5", "1.0"),
    "per_stage": (("shortcut", "expand"), "expand", "expand,shortcut"),
    "dataset": ("cifar10", "digits", "cifar10"),
    "input_size": (16, "32", "16"),
    "objectives": (("accuracy", "flops"), "accuracy,params", "accuracy,flops"),
    "max_params": (2_000_000, "1000000", "2000000"),
    "max_flops": (5, "unset", "5"),
    "reference_accuracy": (60.0, "unset", "60.0"),
    "sampler": ("tpe", "random", "tpe"),
    "seed": (0, "3", "0"),
    "in_flight": (4, "2", "4"),
}


def test_settle_takes_up_what_was_recorded() -> None:
    settings = settle({}, RECORD, where=OUT)
    for name in CONTRADICTIONS:
        assert settings.to_dict()[name] == RECORD.settings.to_dict()[name]
    assert (settings.budget, settings.device) == (20, "cpu")
    assert settings.data_dir == Path("/data")
    assert settings.proxy == RECORD.settings.proxy
    assert settings.workers is None  # as many as this machine has use for
    assert settings.storage is None


def test_settle_takes_what_is_given_again_unchanged() -> None:
    given = {name: RECORD.settings.to_dict()[name] for name in CONTRADICTIONS} | {
        "proxy": {"epochs": DIGITS.epochs}
    }
    assert settle(given, RECORD, where=OUT) == settle({}, RECORD, where=OUT)


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_settle_names_what_contradicts_the_record(name: str) -> None:
    value, recorded, asked = CONTRADICTIONS[name]
    assert refusal({name: value}, RECORD) == (
        f"{name}: must stay {recorded}, as the run in {OUT} began, got {asked}; "
        "leave it out or choose another out"
    )


def test_settle_says_none_where_no_site_went_stage_by_stage() -> None:
    message = refusal({"per_stage": ("expand",)}, recorded(per_stage=()))
    assert message.startswith(f"per_stage: must stay none, as the run in {OUT} began, got expand;")


def test_settle_knows_a_default_that_is_given_from_one_that_is_left_out() -> None:
    assert settle({"budget": 20}, RECORD, where=OUT).seed == 3
    assert refusal({"seed": 0}, RECORD).startswith("seed: must stay 3")


def test_settle_refuses_another_proxy() -> None:
    assert refusal({"proxy": {"width": DIGITS.width, "epochs": DIGITS.epochs + 1}}, RECORD) == (
        f"proxy epochs: must stay {DIGITS.epochs}, as the run in {OUT} began, got {DIGITS.epochs + 1}; "
        "leave it out or choose another out"
    )


def test_settle_lets_the_budget_grow_and_the_workers_change() -> None:
    settings = settle({"budget": 50, "workers": 7, "device": "auto"}, RECORD, where=OUT)
    assert (settings.budget, settings.workers, settings.device) == (50, 7, "auto")
    assert settings.sampler == RECORD.settings.sampler


def test_settle_lets_the_data_move() -> None:
    assert settle({"data_dir": Path("/elsewhere")}, RECORD, where=OUT).data_dir == Path("/elsewhere")
    assert settle({}, recorded(data_dir=None), where=OUT).data_dir is None


def test_settle_takes_the_sites_of_the_record_s_backbone() -> None:
    """`se` goes stage by stage on MobileNetV3 only, so it must be read with the backbone recorded."""
    record = recorded(backbone="mobilenet_v3_small", per_stage=("se",))
    assert settle({"per_stage": ("se",)}, record, where=OUT).per_stage == ("se",)


# --- storages ---------------------------------------------------------------------------------------

URL = "postgresql://me:secret@host/studies"
STORED = recorded(storage="postgresql://me:***@host/studies")


def test_settle_needs_the_storage_again_because_its_password_is_not_kept() -> None:
    assert settle({"storage": URL}, STORED, where=OUT).storage == URL
    assert refusal({}, STORED) == (
        f"storage: must stay what the run in {OUT} began with, {STORED.settings.storage}, got None; "
        "give it again or choose another out"
    )


def test_settle_knows_a_journal_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stored = recorded(storage=f"journal:{tmp_path.resolve()}/a.log")
    assert settle({"storage": "journal:a.log"}, stored, where=OUT).storage == "journal:a.log"
    assert "must stay" in refusal({"storage": "journal:b.log"}, stored)


def test_settle_refuses_a_storage_for_a_run_with_its_own() -> None:
    message = refusal({"storage": "sqlite:///other.db"}, RECORD)
    assert message.startswith(f"storage: must stay what the run in {OUT} began with, study.db, got sqlite:")


def test_settle_keeps_repeats_until_the_budget_changes() -> None:
    record = recorded(repeats=7, confirm=2)
    assert settle({}, record, where=OUT).repeats == 7
    assert settle({}, record, where=OUT).confirm == 2
    assert settle({"budget": 40}, record, where=OUT).repeats == 4
    assert settle({"repeats": 0}, record, where=OUT).repeats == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rungs": (4, 16)}, "rungs: must begin with 1, the shortest, got 4,16"),
        ({"rungs": (1, 4, 4)}, "rungs: must be whole numbers from 1 that grow, such as 1,4,16, got 1,4,4"),
        ({"rungs": ()}, "rungs: must be whole numbers from 1 that grow, such as 1,4,16, got none"),
        (
            {"rungs": (1, 8), "budget": 31},
            "rungs: the longest must be at most a quarter of budget 31, got 8",
        ),
        ({"rungs": (1, 4), "repeats": 2}, "repeats: must be 0 with several rungs"),
        ({"rungs": (1, 4), "confirm": 2}, "confirm: must be 0 with several rungs"),
        (
            {"rungs": (1, 4), "sampler": "tpe"},
            "rungs: must be one length with a sampler other than cost_aware",
        ),
    ],
)
def test_settle_refuses_rungs_that_make_no_search(given: dict[str, Any], said: str) -> None:
    assert said in refusal(given)


def test_settle_keeps_the_rungs_a_run_began_with() -> None:
    record = recorded(rungs=(1, 4), sampler="cost_aware", repeats=0)
    assert "rungs: must stay 1,4" in refusal({"rungs": (1,)}, record)
    settings = settle({"budget": 60}, record, where=OUT)
    assert (settings.rungs, settings.repeats, settings.budget) == ((1, 4), 0, 60)
    assert "confirm: must be 0 with several rungs" in refusal({"confirm": 3}, record)
    assert settle({"budget": 200}, record, where=OUT).rungs == (1, 4)


def test_rungs_are_typed_and_written_as_numbers() -> None:
    settings = RunSettings(rungs=(1, 4))
    assert "--rungs 1,4" in settings.command
    again = RunRecord.from_dict(recorded(rungs=(1, 4), sampler="cost_aware", repeats=0).to_dict())
    assert again.settings.rungs == (1, 4)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (1, 4)),
        ({"budget": 39}, (1,)),
        ({"budget": 40}, (1, 4)),
        ({"budget": 199}, (1, 4)),
        ({"budget": 200}, (1, 4, 16)),
        ({"budget": 1000, "hours": 1.0}, (1, 4, 16)),
        ({"sampler": "tpe"}, (1,)),
        ({"dataset": "digits"}, (1,)),
        ({"repeats": 3}, (1,)),
        ({"confirm": 3}, (1,)),
        ({"repeats": 0}, (1, 4)),
    ],
)
def test_default_rungs_go_by_the_budget_unless_one_length_is_asked_for(
    given: dict[str, Any], expected: tuple[int, ...]
) -> None:
    assert default_rungs(RunSettings.from_dict(given), given) == expected
