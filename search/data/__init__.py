"""Images in memory, their splits and their augmentation."""

from .augment import augment, channel_statistics, normalise
from .cifar import cache_dir
from .handed import HANDED, HandedData, handed, name_of
from .image_data import ByteArray, ImageData
from .names import dataset_name
from .overview import SheetRow, Survey, contact_sheet, survey
from .pool import Images, Part, choose
from .sources import (
    DATASET_PATHS,
    DATASETS,
    OpenImages,
    load_images,
    load_test,
    open_images,
    open_test,
)
from .split import IntArray, stratified_split, stratified_subset
from .summary import DataSummary, LeftOut, Skipped
from .unseen import UNLABELLED, find_files, image_name

__all__ = [
    "DATASETS",
    "DATASET_PATHS",
    "HANDED",
    "UNLABELLED",
    "ByteArray",
    "DataSummary",
    "HandedData",
    "ImageData",
    "Images",
    "IntArray",
    "LeftOut",
    "OpenImages",
    "Part",
    "SheetRow",
    "Skipped",
    "Survey",
    "augment",
    "cache_dir",
    "channel_statistics",
    "choose",
    "contact_sheet",
    "dataset_name",
    "find_files",
    "handed",
    "image_name",
    "load_images",
    "load_test",
    "name_of",
    "normalise",
    "open_images",
    "open_test",
    "stratified_split",
    "stratified_subset",
    "survey",
]
