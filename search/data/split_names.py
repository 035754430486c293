"""What a folder of one split of a data set may be called."""

# Names of the splits, in any case.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def split_of(folder: str) -> str | None:
    """`train`, `val` or `test` where that is what a folder's name says."""
    return SPLIT_NAMES.get(folder.casefold())
