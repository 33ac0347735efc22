"""What the routes of the API share: who asks, and pages of a list."""

from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query, Request

from lode_hub.access import Person
from lode_hub.errors import UnauthorizedError

MAX_LIMIT = 1000
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[Item]):
    """A part of a list; `total` is how long it is, None where nobody counts."""

    items: list[Item]
    limit: int
    offset: int
    total: int | None = None


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
