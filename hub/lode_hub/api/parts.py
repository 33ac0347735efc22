"""What the routes of the API share: who asks, and parts of a list."""

from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel

from lode_hub.access import Person
from lode_hub.errors import UnauthorizedError

MAX_LIMIT = 1000
TOTAL = "X-Total-Count"
"""The header that says how long the whole list is."""


class Made(BaseModel):
    """What was made, by its number."""

    number: int


def asker(request: Request) -> Person:
    """Give who asks.

    Raises:
        UnauthorizedError: nobody; the guard was left out.
    """
    person = getattr(request.state, "person", None)
    if not isinstance(person, Person):
        raise UnauthorizedError("session: nobody is logged in; log in at /login")
    return person


Asker = Annotated[Person, Depends(asker)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="at most so many")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="after so many")]
Id = Annotated[int, Query(ge=1, le=2**31 - 1)]
Text = Annotated[str | None, Query(max_length=200)]
