"""What every function of the store takes first: a psycopg connection whose rows are tuples."""

from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[tuple[Any, ...]]
