"""A folder on disk to samples: layouts, annotation formats, readers, checks, splits, augmentation and targets."""

from handbone.data.cache import PictureCache
from handbone.data.findings import Finding
from handbone.data.labels import Labels
from handbone.data.pictures import Picture, read_picture
from handbone.data.samples import Dataset, Sample, open_dataset

__all__ = ["Dataset", "Finding", "Labels", "Picture", "PictureCache", "Sample", "open_dataset", "read_picture"]
