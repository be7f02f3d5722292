"""What the program measures of itself: instruments in each process, merged and shown by the one that started them."""

from taskapi.kit.metrics.families import Family, Kind, Labels
from taskapi.kit.metrics.instruments import Distribution, Instrument, Instruments, Reading, Series

__all__ = [
    "Distribution",
    "Family",
    "Instrument",
    "Instruments",
    "Kind",
    "Labels",
    "Reading",
    "Series",
]
