"""Whatever lies in a folder or an archive: it is used or refused in one line, and nothing of it is run.

CHEAPSEARCH_EXAMPLES says how many examples each test draws.
"""

import io
import os
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any
from zipfile import ZipFile

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cheapsearch.search.data import contact_sheet, load_images, load_test, survey
from cheapsearch.search.data.decode import FileImages
from cheapsearch.search.data.names import class_name, dataset_name
from cheapsearch.search.data.split_names import SPLIT_NAMES
from cheapsearch.space import UserError, shown

WAS_RUN = Path(gettempdir()) / f"cheapsearch-test-was-run-{os.getpid()}"
EXAMPLES = int(os.environ.get("CHEAPSEARCH_EXAMPLES", "100"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="CHEAPSEARCH_EXAMPLES" not in os.environ,  # by default the same draws for everybody
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# --- what is drawn ----------------------------------------------------------------------------------

PARTS = ["cat", "dog", "caf\u00e9", "cafe\u0301", "caf\udce9", "a\nb", " ", "..x", "@eaDir", "runs", "nul"]
NAMES = st.one_of(
    st.sampled_from([*PARTS, *SPLIT_NAMES, "Train", "TEST", "eval", ".hidden", "__MACOSX"]),
    st.text(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8
    ).filter(lambda text: text not in (".", "..")),
)
ENDINGS = st.sampled_from([".png", ".JPG", ".tif", ".webp", ".gif", ".ppm", ".txt", ".yaml", ""])
MODES = ("L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "I;16", "I", "F", "YCbCr", "LAB", "HSV")
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM")


@st.composite
def image_bytes(draw: st.DrawFn) -> bytes:
    """An image file of any mode, size and format, often damaged, with EXIF that is often nonsense."""
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    mode, form = draw(st.sampled_from(MODES)), draw(st.sampled_from(FORMATS))
    image = Image.new(mode, (width, height))
    if draw(st.booleans()):
        exif: dict[str, Any] = {"exif": b"Exif\0\0" + draw(st.one_of(st.binary(max_size=60), exif_blocks()))}
    else:
        exif = {}
    file = io.BytesIO()
    try:
        image.save(file, form, **(exif if form in ("PNG", "JPEG", "WEBP") else {}))
    except (
        OSError,
        ValueError,
        KeyError,
        struct.error,
        SyntaxError,
        TypeError,
    ):  # no such mode in the format
        file = io.BytesIO()
        Image.new("RGB", (width, height)).save(file, "PNG")
    payload = bytearray(file.getvalue())
    for _ in range(draw(st.integers(0, 4))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        return bytes(payload)
    return bytes(payload[: draw(st.integers(0, len(payload)))])


@st.composite
def exif_blocks(draw: st.DrawFn) -> bytes:
    """One entry after another, of tags, types, counts and values that fit or do not."""
    tags = st.sampled_from([0x0112, 0x011A, 0x8769, 0x8825, 0x0100])
    entries = draw(
        st.lists(st.tuples(tags, st.integers(0, 14), st.integers(0, 9), st.integers(0, 99)), max_size=4)
    )
    order = draw(st.sampled_from("<>"))
    head = b"II*\0" if order == "<" else b"MM\0*"
    block = head + struct.pack(f"{order}IH", 8, len(entries))
    return block + b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries) + bytes(8)


@st.composite
def trees(draw: st.DrawFn) -> Callable[[Path], None]:
    """Makes folders, files and links below a folder: by names of classes and splits, up to three deep."""
    paths = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
    folders = draw(st.lists(paths, max_size=6))
    if draw(st.booleans()):  # as it should be, that some are used
        splits = draw(st.sampled_from([[""], ["train"], ["Train", "test"], ["train", "validation", "test"]]))
        folders += [f"{split}/{name}".lstrip("/") for split in splits for name in ("cat", "dog")]
    contents = st.one_of(image_bytes(), st.just(_png()), st.just(_png()), st.binary(max_size=20))
    files = draw(st.lists(st.tuples(st.sampled_from(["", *folders]), NAMES, ENDINGS, contents), max_size=8))
    targets = st.one_of(st.sampled_from([".", "..", "../..", "/", "nowhere", *folders]), paths)
    links = draw(st.lists(st.tuples(st.sampled_from(["", *folders]), NAMES, targets), max_size=3))
    sound = draw(st.booleans())

    def make(root: Path) -> None:
        for folder in folders:
            _try(partial((root / folder).mkdir, parents=True, exist_ok=True))
            if sound:
                for index in range(3):
                    _try(partial((root / folder / f"{index}.png").write_bytes, _png()))
        for folder, name, ending, content in files:
            _try(partial((root / folder / f"{name}{ending}").write_bytes, content))
        for folder, name, target in links:
            real = root / target if target in folders else target
            _try(partial((root / folder / name).symlink_to, real))

    return make


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "PNG")
    return file.getvalue()


def _try(act: Callable[[], object]) -> None:
    with suppress(OSError):  # a file where a folder is to be, a name that is too long
        act()


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """An .npz: arrays of any type and shape under the names that count, objects and damage among them."""
    numbers: st.SearchStrategy[Any] = st.sampled_from(
        [np.uint8, np.int64, np.float32, np.bool_, np.uint64, "U3", "O", "V4", "M8[s]"]
    )
    shapes = st.lists(st.integers(0, 6), max_size=5).map(tuple)
    arrays: dict[str, Any] = {}
    count = draw(st.integers(4, 9))
    for split in ("train", "val", "test"):
        if draw(st.booleans()) or split == "train":
            arrays[f"{split}_images"] = np.zeros((count, 9, 9, 3), np.uint8)
            arrays[f"{split}_labels"] = np.arange(count) % 2
    for name in draw(st.lists(st.sampled_from([*arrays, "train_image", "notes"]), max_size=2)):
        array = np.zeros(draw(shapes), draw(numbers))
        if array.dtype == object and array.ndim:
            array[...] = _Bomb()
        arrays[name] = array
    file = io.BytesIO()
    np.savez(file, **arrays)
    if draw(st.booleans()):
        with ZipFile(file, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a name that is there twice
            archive.writestr(draw(st.sampled_from(["train_labels", "test_images.npy", "../x"])), b"no array")
    payload = bytearray(file.getvalue())
    for _ in range(draw(st.integers(0, 3))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload[: draw(st.one_of(st.just(len(payload)), st.integers(0, len(payload))))])


class _Bomb:
    """Makes a folder where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(WAS_RUN),)


# --- what must hold ---------------------------------------------------------------------------------


@contextmanager
def used_or_refused() -> Iterator[None]:
    """Nothing but a UserError of one line that can be printed; whatever else is raised fails the test."""
    try:
        yield
    except UserError as error:
        message = error.at_terminal
        assert message.startswith("--")
        assert len(message.splitlines()) == 1
        assert message.encode()


@SETTINGS
@given(trees())
def test_any_folder_is_used_or_refused(make: Callable[[Path], None]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        root.mkdir()
        make(root)
        with used_or_refused():
            data = load_images(str(root), seed=0, size=8)
            assert data.summary is not None
            assert len(set(data.classes)) == data.num_classes >= 2
            assert data.summary.images["train"] == len(data.train_labels)
        with used_or_refused():
            load_test(str(root), size=8)
        with used_or_refused():
            found = survey(str(root))
            lines = found.summary.lines()
            assert len(lines) <= 8
            assert all(len(line.splitlines()) == 1 and line.encode() for line in lines)
            assert len(contact_sheet(found)) == len(found.summary.classes)


@SETTINGS
@given(image_bytes(), ENDINGS)
def test_any_image_is_used_or_refused(payload: bytes, ending: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"image{ending}"
        path.write_bytes(payload)
        images = FileImages(path.parent, (path.name,))
        unreadable = images.unreadable()
        with used_or_refused():
            assert images.read(np.array([0]), 8).shape == (1, 8, 8, 3)
            assert unreadable == {}
        with used_or_refused():
            assert images.original(0).shape[2] == 3


@SETTINGS
@given(archives())
def test_any_archive_is_used_or_refused(payload: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        path.write_bytes(payload)
        with used_or_refused():
            load_images(str(path), seed=0, size=8)
        with used_or_refused():
            load_test(str(path), size=8)
        assert not WAS_RUN.exists()


@SETTINGS
@given(st.text(st.characters(exclude_categories=()), max_size=12))
def test_any_name_can_be_shown_and_names_a_folder(name: str) -> None:
    assert len(shown(name).encode()) >= len(name)
    assert class_name(class_name(name)) == class_name(name)
    with used_or_refused():
        folder = dataset_name(name)
        assert folder
        assert "/" not in folder
        assert len(folder.splitlines()) == 1
        assert folder.encode()
