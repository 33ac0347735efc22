"""A set of whole numbers kept as inclusive ranges, for numbers that come nearly in order."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]


class Ranges:
    """A set of integers as sorted ranges, none of which touches another."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        for low, high in ranges:
            self.add(low, high)

    def __iter__(self) -> Iterator[Range]:
        return zip(self._lows, self._highs, strict=True)

    def __len__(self) -> int:
        return len(self._lows)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._lows, number) - 1
        return place >= 0 and number <= self._highs[place]

    def add(self, low: int, high: int) -> None:
        """Add the numbers low to high, joining what they touch."""
        begin = bisect_left(self._highs, low - 1)
        end = bisect_right(self._lows, high + 1)
        if begin < end:
            low, high = min(low, self._lows[begin]), max(high, self._highs[end - 1])
        self._lows[begin:end] = [low]
        self._highs[begin:end] = [high]

    def touches(self, number: int) -> bool:
        """Tell whether a number is in the set or next to one that is."""
        return any(near in self for near in (number - 1, number, number + 1))

    def missing(self, low: int, high: int) -> Iterator[Range]:
        """List the ranges between low and high that are not in the set."""
        for begin, end in self.overlaps(low, high):
            if low < begin:
                yield low, begin - 1
            low = end + 1
        if low <= high:
            yield low, high

    def overlaps(self, low: int, high: int) -> Iterator[Range]:
        """List what of low to high is in the set."""
        place = bisect_left(self._highs, low)
        while place < len(self._lows) and self._lows[place] <= high:
            yield max(low, self._lows[place]), min(high, self._highs[place])
            place += 1
