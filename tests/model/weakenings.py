"""The protocol with one rule left out at a time: each variant breaks a promise, and a configuration has to see it."""

from dataclasses import dataclass, replace

from tests.model.configurations import CONFIGURATIONS
from tests.model.rules import PROTOCOL, Rules
from tests.model.scope import Scope


@dataclass(frozen=True, slots=True)
class Weakening:
    """A broken variant, and the configuration that catches it."""

    name: str
    rules: Rules
    caught_by: str

    def scope(self) -> Scope:
        """Return the world of that configuration under the weakened rules."""
        found = next(scope for scope in CONFIGURATIONS if scope.name == self.caught_by)
        return replace(found, rules=self.rules)


def _without(rule: str, name: str, caught_by: str) -> Weakening:
    return Weakening(name, replace(PROTOCOL, **{rule: False}), caught_by)


WEAKENINGS = (
    _without("versions_decide", "delete after write", "base"),
    _without("answered_after_end", "answer before end", "late-commits"),
    _without("epochs_decide", "no epoch", "fail-over"),
    _without("filed_as_admitted", "fill under the version of the moment", "base"),
    _without("end_gives_versions", "end without a new version", "late-commits"),
    _without("nothing_kept_during_writes", "no count of writes under way", "base"),
    _without("entry_outlives_transaction", "deadline of an entry shorter than a transaction", "base"),
    _without("floor_counts_as_write", "a floor has no age", "base"),
    _without("floor_outlives_transaction", "a floor is young for less than a transaction", "base"),
    _without("generation_counts_as_write", "a new epoch has no age", "fail-over"),
    _without("floors_never_repeat", "a floor that repeats", "eviction"),
    _without("replacement_keeps_entries", "a replaced hash forgets writes under way", "eviction"),
    _without("one_token_per_attempt", "a repeated command sends the same versions", "lost-replies"),
    _without("trips_answer_earlier_arrivals", "a trip answers who came after it left", "base"),
    _without("loads_joined_under_one_version", "a shared load joined whatever its version", "shared-loads"),
    _without("loads_joined_without_writes", "a shared load joined during a write", "shared-loads"),
    _without("session_copies_compared", "a session's copy believed whatever its version", "sessions"),
    _without("sessions_filed_as_admitted", "a session refilled without a look at the version", "sessions"),
    _without("closer_waits", "no wait after closing the gate", "cut-off"),
    _without("each_process_waits", "no wait for who finds the gate closed", "cut-off-twice"),
    _without("closed_checked_in_transaction", "the closed gate is not shared by the transaction", "cut-off"),
    _without("lease_counts_from_question", "permission counts from the answer", "cut-off"),
    _without("opened_with_new_generation", "the gate opens with the old generation", "cut-off"),
    _without("row_names_server", "the row names no server", "two-servers"),
    _without("row_names_server", "the row names no server, and the old one comes back", "fail-back"),
    _without("relay_gives_versions", "a relay that gives no versions", "late-commits"),
    _without("replay_announces", "a replay that announces nothing", "late-commits"),
    _without("replica_needs_lsn", "a replica without a look at its LSN", "replica"),
    _without("filed_lsn_only_rises", "the last end decides the LSN", "replica"),
    _without("expired_entries_void_the_lsn", "a replica in spite of an expired entry", "replica"),
    _without("replacement_doubts_writes", "an LSN filed by a write that the replaced hash knew", "replica-replaced"),
    _without("unplaced_writes_void_the_lsn", "a write without an LSN leaves the filed one", "replica-unplaced"),
    _without("only_entered_writes_file", "an LSN filed by a write whose entry got lost", "replica"),
)
