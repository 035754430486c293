"""Files of operations: names carry the hash, versions lie side by side, and only asked-for code is run."""

import hashlib
import sys
from pathlib import Path

import pytest

from cheapsearch.space import (
    Architecture,
    SearchSpace,
    UserError,
    architecture_hash,
    canonical,
    get_operation,
)
from cheapsearch.space.known_operations import get_operation as known
from cheapsearch.space.operation_file import OperationFile, keep_files, loaded_files, register_kept

pytestmark = pytest.mark.usefixtures("forget_own")

V2 = "mobilenet_v2"
TEXT = """
from cheapsearch.space import Operation
from cheapsearch.space.effects import always, expanding, grouped_project

BOTH = ("v2", "v3")
OPERATIONS = [
    Operation("project", "mine", "1st", families=BOTH, builder=print, effect=always("mine")),
    Operation("project", "twin", "2nd", families=BOTH, builder=print, effect=always("mine")),
    Operation("project", "grouped", "3rd", families=BOTH, builder=print, effect=grouped_project),
    Operation("expand", "third", "4th", families=("v3",), builder=print, effect=expanding("third")),
]
"""


def write(folder: Path, text: str = TEXT, name: str = "mine.py") -> OperationFile:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return OperationFile.read(folder / name)


def test_names_end_in_the_hash_of_what_is_in_the_file(tmp_path: Path) -> None:
    file = write(tmp_path)
    assert file.hash == hashlib.sha256(TEXT.encode()).hexdigest()[:8]
    assert [row.name for row in file.register()] == [
        f"{name}@{file.hash}" for name in ("mine", "twin", "grouped", "third")
    ]
    assert get_operation("project", f"mine@{file.hash}").what == "1st"
    assert file.register() is file.register()  # run once


def test_a_loaded_operation_may_be_said_without_its_hash(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"project: must be one of conv, .*got 'mine'"):
        Architecture(V2, project="mine")
    first = write(tmp_path)
    first.register()
    assert Architecture(V2, project="mine").project == f"mine@{first.hash}"
    second = write(tmp_path, TEXT + "# mended\n")
    second.register()
    assert Architecture(V2, project=("mine", "conv", *["mine"] * 5)).project[0] == f"mine@{second.hash}"
    # Whoever takes the edit back has the former version again.
    first.register()
    assert Architecture(V2, project="mine").project == f"mine@{first.hash}"
    # The other version is known still, and is another network.
    both = [Architecture(V2, project=f"mine@{file.hash}") for file in (first, second)]
    assert len({architecture_hash(architecture) for architecture in both}) == 2


def test_an_operation_of_another_family_is_refused(tmp_path: Path) -> None:
    write(tmp_path).register()
    with pytest.raises(UserError, match=r"^expand: must be one of conv"):
        Architecture(V2, expand="third")
    # Of two files' operations of a name, that of the family is meant, though the other was loaded last.
    other = write(tmp_path, TEXT.replace('("v3",)', '("v2",)'), "other.py")
    other.register()
    write(tmp_path).register()
    assert Architecture(V2, expand="third").expand == f"third@{other.hash}"
    assert str(Architecture("mobilenet_v3_small", expand="third").expand).startswith("third@")


def test_a_file_that_is_not_loaded_is_asked_for_by_its_hash(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        Architecture(V2, project="mine@00c0ffee")
    assert "mine must be of a file with the hash 00c0ffee, got none; give that very file" in str(caught.value)
    file = write(tmp_path)
    file.register()
    with pytest.raises(UserError, match=f"hash 00c0ffee, got only with {file.hash};"):
        known("project", "mine@00c0ffee")
    with pytest.raises(UserError, match="the operations must be of a file with the hash 00c0ffee"):
        _ = SearchSpace(V2, own=("00c0ffee",)).parameters


def test_equal_operations_of_a_file_and_of_the_package_are_one_network(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.register()
    mine = canonical(Architecture(V2, project="twin"))
    assert mine.project == f"mine@{file.hash}"
    assert canonical(Architecture(V2, project="grouped")).project == "group_conv"
    # Alike only in words of files that do not know of each other.
    other = write(tmp_path, TEXT.replace("1st", "first"))
    other.register()
    assert canonical(Architecture(V2, project=f"twin@{other.hash}")).project == f"mine@{other.hash}"


def test_a_space_has_the_operations_of_its_own_files_alone(tmp_path: Path) -> None:
    plain = SearchSpace(V2)
    before = plain.size, plain.distinct_size
    file = write(tmp_path)
    file.register()
    own = SearchSpace(V2, own=(file.hash,))
    assert own.operations["project"][-3:] == tuple(
        f"{name}@{file.hash}" for name in ("mine", "twin", "grouped")
    )
    assert own.operations["expand"] == plain.operations["expand"]
    # 4 operations at project become 7; of the three one is another's twin, one the package's.
    assert own.size == before[0] * 7 // 4
    assert own.distinct_size == len(list(own.distinct())) > before[1]
    again = SearchSpace(V2)
    assert (again.size, again.distinct_size) == before
    architecture = Architecture(V2, project="mine")
    assert architecture in own
    assert architecture not in again
    assert own.architecture(own.choices(architecture)) == architecture


def test_a_folder_keeps_the_file_and_runs_it_only_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path)
    file.register()
    keep_files(tmp_path / "run", [file.hash])
    kept = tmp_path / "run" / "ops" / f"mine-{file.hash}.py"
    assert kept.read_bytes() == file.source

    monkeypatch.setattr("cheapsearch.space.known_operations._OWN", {})
    monkeypatch.setattr("cheapsearch.space.operation_file._LOADED", {})
    (tmp_path / "run" / "ops" / "other.py").write_text("raise SystemError('this was run')")
    register_kept(tmp_path / "run", [file.hash])
    assert loaded_files() == (OperationFile.read(kept),)

    monkeypatch.setattr("cheapsearch.space.operation_file._LOADED", {})
    kept.write_text("raise SystemError('this was run')")
    with pytest.raises(
        UserError, match=f"ops must have the file of operations with the hash {file.hash}, got "
    ):
        register_kept(tmp_path / "run", [file.hash])
    register_kept(tmp_path / "nothing", [])


def test_a_folder_keeps_files_of_one_name_and_of_any_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write(tmp_path), write(tmp_path, TEXT + "# mended"), write(tmp_path, TEXT + "# 3rd", "mine")]
    for file in files:
        file.register()
    keep_files(tmp_path / "run", [file.hash for file in files])
    monkeypatch.setattr("cheapsearch.space.operation_file._LOADED", {})
    (tmp_path / "run" / "ops" / "__pycache__").mkdir()
    register_kept(tmp_path / "run", [file.hash for file in files])
    assert [file.source for file in loaded_files()] == [file.source for file in files]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("OPERATIONS = []", "must have a list OPERATIONS of cheapsearch.Operation, got []"),
        ("raise SystemExit(3)", "must run, and ends in line 1 with SystemExit: 3"),
        (TEXT.replace('"twin"', '"mine"'), "project mine: must be there once"),
        ("", "must have a list OPERATIONS of cheapsearch.Operation, got None"),
        ("OPERATIONS = [1]", "must have a list OPERATIONS of cheapsearch.Operation, got [1]"),
        ("\n\nraise KeyError('two\\nlines')", "must run, and ends in line 3 with KeyError: 'two\\nlines'"),
        ("\nthis is no Python", "must run, and ends in line 2 with SyntaxError: invalid syntax"),
        (TEXT.replace('"mine", "1st"', '"Mine", "1st"'), "project Mine: its name must be of small letters"),
        (TEXT.replace('"mine", "1st"', '"conv", "1st"'), "project conv: its name must not be that of one of"),
        (
            TEXT.replace('"4th"', '"4th", plain="conv", reads=sorted'),
            "expand third: plain and reads are for cheapsearch's own",
        ),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_a_line(tmp_path: Path, text: str, rule: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(UserError) as caught:
        file.register()
    message = str(caught.value)
    assert message.startswith(f"ops: {tmp_path}/mine.py")
    assert rule in message
    assert "\n" not in message
    assert loaded_files() == ()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.py is none \(No such file or directory\)"):
        OperationFile.read(tmp_path / "no.py")


def test_what_a_file_defines_is_found_by_pickle(tmp_path: Path) -> None:
    file = write(tmp_path, TEXT + "class Mine: ...\n")
    file.register()
    module = sys.modules[f"cheapsearch_ops_{file.hash}"]
    assert module.Mine.__module__ == module.__name__
