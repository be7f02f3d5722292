"""What the load processes are told, and what they tell: all of them go by the same monotonic clock."""

import msgspec


class Plan(msgspec.Struct, kw_only=True):
    """The part of one load process."""

    host: str
    port: int
    source: str
    """Address that its connections come from: a range of ports of its own."""
    people: list[tuple[str, str]]
    """A token and the address of a task for each connection."""
    number: int
    """Of this process, from zero."""
    processes: int
    """How many there are; their connections take turns."""
    begin: float
    """When the first connection is opened, on the monotonic clock."""
    interval: float
    """Seconds between two requests of a connection, which are spread evenly over them."""
    opening: int
    """Intervals over which the connections are opened, evenly too; each sends its requests from then on."""
    warming: int
    """Intervals after that, which do not count either; before the first round connections ask for list and task in
    turn."""
    rounds: int
    """Intervals that count."""
    patience: float
    """Seconds that a connection or an answer may take."""

    @property
    def uncounted(self) -> int:
        """Intervals before the first round."""
        return self.opening + self.warming

    @property
    def measured_from(self) -> float:
        """When the first round begins."""
        return self.begin + self.uncounted * self.interval

    @property
    def end(self) -> float:
        """When the last request is sent."""
        return self.measured_from + self.rounds * self.interval


class Outcome(msgspec.Struct):
    """What the connections of one load process saw, or those of all of them."""

    open: int = 0
    """Connections that were open from their beginning to the end."""
    requests: int = 0
    """Answered ones of the rounds."""
    errors: dict[str, int] = {}
    """How often each happened, those before the rounds too."""
    latencies: list[list[float]] = []
    """Seconds from a request to the last byte of its answer, of each round."""
    from_memory: int = 0
    """Answers of the rounds that the instance had in its own memory."""
    lateness: list[float] = []
    """Seconds by which the load process itself sent the requests of the rounds later than was due."""
