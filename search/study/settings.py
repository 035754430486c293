"""How what a user asks of a run meets what the search knows, and what the run folder already says."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ...models.own_operations import load_files
from ...space import RunRecord, RunSettings, UserError, check_keys, check_name, flag, is_pretrained
from ...space.backbones import CHANNEL_MULTIPLE
from ...space.known_operations import file_hash
from ...space.own_backbones import named_backbone
from ..data import DATASETS
from ..samplers.registry import CHOOSE_RUNGS, SAMPLERS
from ..training.proxy import Proxy
from .plan import check_budget
from .storage import storage_name


def settle(given: Mapping[str, Any], record: RunRecord | None, *, where: Path) -> RunSettings:
    """Settings from what was given and, where a run goes on, from its record.

    Args:
        given: Settings by name, only those that were given.
        record: What the run folder says, None where it is new.
        where: The run folder.

    Raises:
        UserError: If a setting is unknown or out of range, or contradicts the record.
    """
    if "backbone" in given:
        given = {**given, "backbone": named_backbone(given["backbone"])}
    if "ops" in given:
        given = {**given, "ops": load_files(given["ops"])}
    if record is None:
        settings = _checked(RunSettings.from_dict(given))
        if settings.hours is None:
            check_budget(settings)
        return settings
    before = record.settings
    asked = _checked(RunSettings.from_dict({"backbone": before.backbone, **given}))
    # Files of operations are the same wherever they lie.
    recorded, wanted = (one.to_dict() | {"ops": sorted(one.ops.values())} for one in (before, asked))
    fixed = [name for name, declared in RunSettings.declared().items() if declared.fixed]
    for name in given:
        if name in fixed:
            _check_same(flag(name), recorded[name], wanted[name], where)
    # A path is a hint, since the fingerprint says what lies there; another data set's name is not.
    if asked.dataset in DATASETS and "dataset" in given:
        _check_same("--dataset", recorded["dataset"], wanted["dataset"], where)
    proxy = Proxy.from_dict(before.proxy).to_dict()
    for name, value in asked.proxy.items():
        _check_same(f"--proxy {name}", proxy[name], value, where)
    if _name(before.storage) != _name(asked.storage):
        kept = before.storage or "study.db"
        raise UserError(
            f"--storage: must stay what the run in {where} began with, {kept}, got {asked.storage}; "
            "give it again or choose another --out"
        )
    free: dict[str, Any] = {"workers": None, "storage": None}
    if "budget" in given:  # of which the repeats are a part
        free["repeats"] = None
    free |= {name: value for name, value in given.items() if name not in (*fixed, "proxy")}
    return replace(before, **free)


def _checked(settings: RunSettings) -> RunSettings:
    """The settings, with a whole path for a data set that is one.

    Raises:
        UserError: If the search does not know a name, or the storage is no URL.
    """
    check_name("--sampler", settings.sampler, SAMPLERS)
    if settings.has_rungs and settings.sampler not in CHOOSE_RUNGS:
        able = ", ".join(sorted(CHOOSE_RUNGS))
        raise UserError(
            f"--rungs: must be one length with a sampler other than {able}, got {settings.sampler}; "
            f"leave --rungs out, or set the length with --proxy epochs=N"
        )
    check_keys("--proxy", settings.proxy, [f.name for f in fields(Proxy)])
    _name(settings.storage)
    if is_pretrained(settings.pretrained, settings.weights):
        width = settings.proxy.get("width", 1)
        if width != 1:
            raise UserError(
                f"--proxy: width must be 1 with pretrained weights, which fit no other, got {width}; leave "
                "it out"
            )
        multiple = settings.proxy.get("channel_multiple", CHANNEL_MULTIPLE)
        if multiple != CHANNEL_MULTIPLE:
            raise UserError(
                f"--proxy: channel_multiple must be {CHANNEL_MULTIPLE} with pretrained weights, which fit no "
                f"other, got {multiple}; leave it out"
            )
    own = {file_hash(name) for names in settings.space.operations.values() for name in names}
    for path, known in settings.ops.items():
        if known not in own:
            raise UserError(
                f"--ops: must have operations for {settings.backbone}, {path} has none; add its family to "
                "their families, or leave it out"
            )
    place = Path(settings.dataset).expanduser()
    if settings.dataset not in DATASETS and place.exists():
        return replace(settings, dataset=str(place.resolve()))
    return settings


def _name(storage: str | None) -> str | None:
    return None if storage is None else storage_name(storage)


def _check_same(name: str, recorded: object, asked: object, where: Path) -> None:
    if recorded != asked:
        raise UserError(
            f"{name}: must stay {_as_text(recorded)}, as the run in {where} began, got {_as_text(asked)}; "
            "leave it out or choose another --out"
        )


def _as_text(value: object) -> str:
    if value is None:
        return "unset"
    return ",".join(map(str, value)) or "none" if isinstance(value, (list, tuple)) else str(value)
