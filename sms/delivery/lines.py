"""The links that carry SMS: which are up, and which of them takes the next message."""

from collections.abc import Collection, Iterable, Iterator

from sms.delivery.line import Line, Wire


class Lines:
    """All links with the role sms, bound or not."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = {line.name: line for line in lines}
        self._retired: dict[str, Line] = {}
        self._paused: Collection[str] = frozenset()
        self._credit = dict.fromkeys(self._lines, 0)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def __getitem__(self, name: str) -> Line:
        """The line of this name; a retired one takes nothing more, and gives back what it is handed."""
        return self._lines.get(name) or self._retired[name]

    @property
    def all(self) -> Iterator[Line]:
        """Also those that only wait for answers."""
        return iter([*self._lines.values(), *self._retired.values()])

    def add(self, line: Line) -> None:
        """One more link."""
        self._lines[line.name] = line
        self._credit[line.name] = 0
        if line.name in self._paused:
            line.pause()

    def retire(self, name: str) -> None:
        """This link takes no more messages; answers to what it wrote still count."""
        line = self._lines.pop(name)
        del self._credit[name]
        self._retired[name] = line
        line.pause()

    def up(self, name: str, wire: Wire) -> None:
        """A link is bound."""
        line = self._lines.get(name)
        if line is not None:
            line.up(wire)

    def down(self, name: str, wire: object) -> None:
        """A session of a link is over."""
        self[name].down(wire)

    @property
    def any_up(self) -> bool:
        """Whether any link may be given messages."""
        return any(line.is_up for line in self)

    def follow(self, paused: Collection[str]) -> None:
        """The operator lets these links send nothing, and all others send."""
        self._paused = paused
        for line in self:
            if line.is_paused != (line.name in paused):
                line.resume() if line.is_paused else line.pause()

    @property
    def paused(self) -> frozenset[str]:
        """Names of those that the operator paused."""
        return frozenset(line.name for line in self if line.is_paused)

    def rate_of(self, name: str) -> float | None:
        """Messages a second that a link is fed at present; None without a limit, or a link without SMS."""
        line = self._lines.get(name)
        return None if line is None else line.pacer.rate

    def shares(self, limit: int) -> dict[str, int]:
        """How many segments each link may be given now, at most `limit` in all, divided by weight where short.

        Smooth weighted round robin: the turns of a link are spread evenly among those of the others.
        """
        room = {line.name: line.room() for line in self}
        shares = dict.fromkeys(self._lines, 0)
        for _ in range(min(limit, sum(room.values()))):
            open_lines = [name for name in room if shares[name] < room[name]]
            for name in open_lines:
                self._credit[name] += self._lines[name].weight
            chosen = max(open_lines, key=self._credit.__getitem__)
            self._credit[chosen] -= sum(self._lines[name].weight for name in open_lines)
            shares[chosen] += 1
        return {name: share for name, share in shares.items() if share}
