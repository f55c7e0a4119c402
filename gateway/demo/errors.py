"""How a demo can fail; each ends it with exit code 1 and says what, where, why and the fix."""

from typing import Any

from gateway.cli.errors import Failed


class DemoFailed(Failed):
    """Root of the demo's own errors."""


class PortTaken(DemoFailed):
    """Another program listens where a child would."""


class FolderInUse(DemoFailed):
    """Another demo runs in this directory."""


class ChildDied(DemoFailed):
    """A process of the demo ended by itself."""


class NotReady(DemoFailed):
    """A child did not become ready in time."""


class StoryDiffers(DemoFailed):
    """The first thing of the story that was not what it must be."""

    def __init__(self, what: str, *, expected: Any, seen: Any) -> None:
        super().__init__(
            f"the story differs: {what}\n  expected: {expected!r}\n  seen:     {seen!r}",
            fix="look into gateway.log and simulator.log in the demo's directory",
        )
        self.what = what
        self.expected = expected
        self.seen = seen

    def as_json(self) -> dict[str, Any]:
        """With the two values as they are."""
        return {**super().as_json(), "differs": self.what, "expected": self.expected, "seen": self.seen}
