"""A bounded short memory: the newest values, at most so many and none older than so many seconds."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by key with the instant they were put; every `now` is seconds of the monotonic clock."""

    def __init__(self, *, count_max: int, age_s_max: float) -> None:
        self._kept: OrderedDict[Key, tuple[Value, float]] = OrderedDict()
        self._count_max = count_max
        self._age_s_max = age_s_max

    def __len__(self) -> int:
        """How many are kept, some perhaps too old to be given out."""
        return len(self._kept)

    def put(self, key: Key, value: Value, now: float) -> None:
        """Remember the value as the newest; what is too old or too many goes."""
        self._kept[key] = (value, now)
        self._kept.move_to_end(key)
        while self._kept:
            _, put_at = next(iter(self._kept.values()))
            if len(self._kept) <= self._count_max and now - put_at <= self._age_s_max:
                return
            self._kept.popitem(last=False)

    def get(self, key: Key, now: float) -> Value | None:
        """The value, unless it is too old."""
        kept = self._kept.get(key)
        return None if kept is None or now - kept[1] > self._age_s_max else kept[0]

    def take(self, key: Key, now: float) -> Value | None:
        """The value, unless it is too old; it is forgotten either way."""
        value = self.get(key, now)
        self._kept.pop(key, None)
        return value
