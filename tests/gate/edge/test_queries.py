"""One name for all spellings of a query, and never one name for two queries."""

from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from taskapi.gate.queries import ALL, LONGEST_NAME, LONGEST_QUERY, Names, Parameter

PARAMETERS = {
    "status": Parameter(repeatable=True, default=None),
    "label": Parameter(repeatable=True, default=None),
    "sort": Parameter(repeatable=False, default="-created"),
    "limit": Parameter(repeatable=False, default="50"),
    "q": Parameter(repeatable=False, default=None),
}
NAMES = Names(PARAMETERS)
values = st.sampled_from(["", "a", "b", "a&b", "b=a", "50", "-created", "%", "ä", "~", "+", " ", "all", "x" * 100])
pairs = st.lists(st.tuples(st.sampled_from(sorted(PARAMETERS)), values), max_size=6)


def meaning(query: bytes) -> object:
    """Return what a query means, in another way than the code under test."""
    given_values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query.decode(), keep_blank_values=True):
        given_values.setdefault(name, []).append(value)
    if any(len(found) > 1 and not PARAMETERS[name].repeatable for name, found in given_values.items()):
        return None
    return {
        name: sorted(found)
        for name, found in given_values.items()
        if not (len(found) == 1 and found[0] == PARAMETERS[name].default)
    }


@given(pairs, pairs)
def test_two_queries_have_one_name_if_and_only_if_they_mean_the_same(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    first, second = urlencode(one).encode(), urlencode(other).encode()
    if meaning(first) is None:
        assert NAMES.of(first) is None
    else:
        assert (NAMES.of(first) == NAMES.of(second)) == (meaning(first) == meaning(second))


@given(pairs, st.randoms())
def test_the_order_of_parameters_does_not_matter(given_pairs: list[tuple[str, str]], random: "object") -> None:
    shuffled = list(given_pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert NAMES.of(urlencode(given_pairs).encode()) == NAMES.of(urlencode(shuffled).encode())


@given(pairs)
def test_a_name_is_short(given_pairs: list[tuple[str, str]]) -> None:
    name = NAMES.of(urlencode(given_pairs).encode())
    assert name is None or 0 < len(name) <= LONGEST_NAME


def test_defaults_are_as_if_not_given() -> None:
    for query in (b"", b"limit=50", b"sort=-created&limit=50", b"&&", b"limit=%350"):
        assert NAMES.of(query) == ALL


def test_what_the_route_does_not_take_has_no_name() -> None:
    for query in (b"colour=red", b"limit=1&limit=1", b"Limit=1", b"q=" + b"x" * LONGEST_QUERY):
        assert NAMES.of(query) is None


def test_bytes_that_are_no_text_still_have_a_name_of_their_own() -> None:
    names = {NAMES.of(query) for query in (b"q=\xff", b"q=%FF", b"q=%ef%bf%bd", b"q=a")}
    assert len(names) >= 2
