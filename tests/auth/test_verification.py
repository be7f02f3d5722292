"""What is verified about somebody may be over by the time it is used."""

from uuid import UUID

import pytest

from taskapi.auth.model import Origin
from taskapi.auth.verification import confirm
from taskapi.contracts.identity import Principal, Role
from taskapi.errors import Unauthenticated
from taskapi.http.authentication import bearer_token
from taskapi.kit.ids import new_id
from tests.house import House

NOBODY = UUID(int=0)


def test_somebody_who_is_gone_cannot_confirm_anything(house: House) -> None:
    caller = Principal(NOBODY, new_id(house.rooms.clock()), Role.USER)
    with pytest.raises(Unauthenticated):
        house.run(
            confirm(
                house.rooms, caller, "a password", Origin(address="192.0.2.1", network="192.0.2.1", device="pytest")
            )
        )


def test_to_remove_somebody_who_is_gone_does_nothing(house: House) -> None:
    async def remove() -> None:
        async with house.rooms.database.transaction() as transaction:
            await house.rooms.directory.remove(transaction, NOBODY, seconds=5)

    house.run(remove())


@pytest.mark.parametrize("header", [None, b"", b"Basic abc", b"Bearer", b"Bearer  "])
def test_what_carries_no_token_has_none(header: bytes | None) -> None:
    assert bearer_token(header) is None
