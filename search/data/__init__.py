"""Images in memory, their splits and their augmentation."""

from .augment import augment, channel_statistics, normalise
from .cifar import cache_dir
from .image_data import ByteArray, ImageData
from .sources import DATASET_PATHS, DATASETS, load_images, load_test
from .split import IntArray, stratified_split, stratified_subset

__all__ = [
    "DATASETS",
    "DATASET_PATHS",
    "ByteArray",
    "ImageData",
    "IntArray",
    "augment",
    "cache_dir",
    "channel_statistics",
    "load_images",
    "load_test",
    "normalise",
    "stratified_split",
    "stratified_subset",
]
