"""Each rule of the protocol by name, so that a weakened variant can leave out exactly one of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol; what is false is left out. The text after each is what happens instead."""

    # Freshness
    versions_decide: bool = True  # whatever is kept is fresh; a write deletes it after its COMMIT (the guide's scheme)
    epochs_decide: bool = True  # a body is fresh whatever server and generation it was kept under
    filed_as_admitted: bool = True  # a body is filed under the version that is current when it is stored
    session_copies_compared: bool = True  # a copy is believed whatever the version; `end` removes it
    sessions_filed_as_admitted: bool = True  # the copy of a session is filed under the version of the moment
    nothing_kept_during_writes: bool = True  # writes under way are not looked at
    # Versions
    end_gives_versions: bool = True  # only `begin` does
    entry_outlives_transaction: bool = True  # the entry's deadline may pass while its transaction is open
    floor_counts_as_write: bool = True  # a floor is never young
    floor_outlives_transaction: bool = True  # a floor is young for a fixed time that a transaction may outlast
    generation_counts_as_write: bool = True  # a new epoch is trusted at once
    floors_never_repeat: bool = True  # a field that is absent has version 0
    replacement_keeps_entries: bool = True  # a hash over its bound is replaced by one with nothing but a grown floor
    one_token_per_attempt: bool = True  # a repeated command sends the tokens of the first attempt
    # Answers
    answered_after_end: bool = True  # a write is answered at its COMMIT
    trips_answer_earlier_arrivals: bool = True  # a request takes the admission of one that arrived before it
    loads_joined_under_one_version: bool = True  # a load under way is joined whatever its version
    loads_joined_without_writes: bool = True  # a load is joined also while a write is under way
    # Generation and permission to serve
    closer_waits: bool = True  # a write without Redis is answered as soon as the gate is closed
    each_process_waits: bool = True  # who finds the gate closed by another does not wait
    closed_checked_in_transaction: bool = True  # the gate may have been opened again before the COMMIT
    lease_counts_from_question: bool = True  # the 2 s start when the answer arrives
    row_names_server: bool = True  # any server that answers is believed, and a change of server opens no new generation
    opened_with_new_generation: bool = True  # the gate is opened again with the generation that it had
    # The net under crashes
    relay_gives_versions: bool = True  # the relay only marks the row
    replay_announces: bool = True  # a replay is answered while the original's row is unannounced
    # Replicas
    replica_needs_lsn: bool = True  # any replica may answer a miss
    filed_lsn_only_rises: bool = True  # the last `end` decides
    expired_entries_void_the_lsn: bool = True  # an entry past its deadline is taken out, and that is all
    replacement_doubts_writes: bool = True  # a write that was under way when the hash was replaced files as any other
    unplaced_writes_void_the_lsn: bool = True  # an `end` of a process that knows no LSN leaves the filed one as it is
    only_entered_writes_file: bool = True  # an `end` files its LSN also when its entry got lost


PROTOCOL = Rules()
