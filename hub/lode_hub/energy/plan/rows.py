"""Sparse rows of a linear programme, gathered block by block."""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from lode_hub.energy.nouns import Floats, Ints


@dataclass(kw_only=True, slots=True)
class Rows:
    """Rows `sum of coefficient · variable <= limit`, as triplets."""

    count: int = 0
    _row: list[Ints] = field(default_factory=list)
    _variable: list[Ints] = field(default_factory=list)
    _coefficient: list[Floats] = field(default_factory=list)
    _limit: list[Floats] = field(default_factory=list)

    def add(self, limit: Floats) -> Ints:
        """Begin rows with these limits; give their numbers."""
        rows = np.arange(self.count, self.count + len(limit))
        self._limit.append(np.asarray(limit, dtype=np.float64))
        self.count += len(limit)
        return rows

    def put(self, rows: Ints, variables: Ints, coefficient: float | Floats) -> None:
        """Add `coefficient · variable` to rows, one variable a row."""
        self._row.append(rows)
        self._variable.append(variables)
        same = np.full(rows.shape, coefficient, dtype=np.float64)
        self._coefficient.append(same)

    @property
    def limits(self) -> Floats:
        """Give all rows' limits."""
        return np.concatenate(self._limit) if self._limit else np.zeros(0)

    def matrix(self, variables: int) -> csr_array:
        """Give the rows as a sparse matrix over so many variables."""
        if not self._row:
            return csr_array((self.count, variables))
        row, at = np.concatenate(self._row), np.concatenate(self._variable)
        shape = (self.count, variables)
        return csr_array((np.concatenate(self._coefficient), (row, at)), shape=shape)
