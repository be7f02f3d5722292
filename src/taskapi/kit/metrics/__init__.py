"""What the program measures of itself: instruments in each process, merged and shown by the one that started them."""

from taskapi.kit.metrics.families import Exemplar, Family, Histogram, Kind, Labels, merged
from taskapi.kit.metrics.instruments import BOUNDS, Counter, Distribution, Instrument, Instruments, Reading, Series

__all__ = [
    "BOUNDS",
    "Counter",
    "Distribution",
    "Exemplar",
    "Family",
    "Histogram",
    "Instrument",
    "Instruments",
    "Kind",
    "Labels",
    "Reading",
    "Series",
    "merged",
]
