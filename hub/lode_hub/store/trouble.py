"""What goes wrong with the database, told apart for those who decide whether to try again."""

import psycopg
import psycopg_pool

AWAY: tuple[type[Exception], ...] = (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError)
"""What a short, harmless statement raises when the database cannot be asked now."""

GONE: tuple[type[Exception], ...] = (psycopg.OperationalError, psycopg_pool.PoolTimeout)
"""What any statement raises when the database is not there, or is full: nobody's mistake."""

_DATA_STATES = ("22", "23")  # SQLSTATE classes: data exception, integrity violation


def is_of_the_data(error: Exception) -> bool:
    """Tell whether the same data would fail again, and the database is not to blame."""
    if isinstance(error, psycopg.Error):
        is_sqlstate = (error.sqlstate or "").startswith(_DATA_STATES)
        return is_sqlstate or isinstance(error, psycopg.DataError)
    # Anything else that is no trouble with time or wires was found in the data by our own code.
    return not isinstance(error, OSError | TimeoutError | psycopg_pool.PoolTimeout)
