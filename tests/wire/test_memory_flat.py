"""Memory of both processes stays where it was, however many messages went through them.

Short by default; FIRSTCHARGE_LONG=1 compares 20,000 messages with 200,000.
"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from crashing import Crashing
from members_everywhere import everybody, populate

IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
MEMBERS = everybody(10_000 if IS_LONG else 500)
EACH = 8 * len(MEMBERS) // 10
"""Adverts of one campaign: all but those who never agreed or said no."""
WARM, ALL = (20_000, 200_000) if IS_LONG else (800, 2_400)
KEPT = 4_000 if IS_LONG else 200
"""Messages and PDUs that the simulator remembers, on purpose."""
PAGES_MIB = 64 * 2
"""What SQLite's page caches, writer's and reader's, may grow by until they are full."""
SECOND_HALF_MIB_MAX = 8
"""Growth once the caches are full."""
GROWTH_MIB_MAX = {"gateway": PAGES_MIB + 16, "simulator": 16}
TEXTS = {"ru": "Весна: кэшбэк вдвое", "ro": "Primavara: cashback dublu", "en": "Spring: double cashback"}


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Crashing]:
    url = f"sqlite:///{tmp_path / 'firstcharge.sqlite3'}"
    populate(url, MEMBERS)
    kept = {f"FIRSTCHARGE__SIMULATOR__{name}_MAX": str(KEPT) for name in ("MESSAGES", "PDUS")}
    crashing = Crashing(tmp_path / "system", url, environ=kept)
    try:
        crashing.start()
        yield crashing
    finally:
        crashing.stop()


def _resident_mib(pid: int) -> float:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found.group(1)) / 1024


def _until_delivered(system: Crashing, count: int) -> None:
    """Until every message has its receipt: waiting receipts are memory, too."""
    end = time.monotonic() + 300
    while (states := system.states()) != {"delivered": count}:
        assert time.monotonic() < end, states
        time.sleep(0.2)


def test_memory_does_not_grow_with_the_messages_sent(system: Crashing) -> None:
    began = time.monotonic()
    seen: dict[int, dict[str, float]] = {}
    sent = 0
    while sent < ALL:
        body = {"campaign_id": f"number-{sent}", "texts": TEXTS, "audience": "all"}
        assert system.must("POST", "/v1/adverts", body)["queued"] == EACH
        sent += EACH
        _until_delivered(system, sent)
        seen[sent] = {name: _resident_mib(pid) for name, pid in system.pids.items()}
    half = seen[min(one for one in seen if one >= ALL / 2)]
    warm = seen[min(one for one in seen if one >= WARM)]
    print(f"{sent} messages in {time.monotonic() - began:.0f} s, MiB:")
    for at, one in seen.items():
        print(f"  {at}: " + ", ".join(f"{name} {mib:.1f}" for name, mib in one.items()))
    for name, mib_max in GROWTH_MIB_MAX.items():
        assert seen[sent][name] - warm[name] <= mib_max, name
        assert seen[sent][name] - half[name] <= SECOND_HALF_MIB_MAX, name
