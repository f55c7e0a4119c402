"""Rule 27: the month job killed with SIGKILL at random points and resumed leaves what an undisturbed run leaves.

FIRSTCHARGE_LONG=1 takes a million subscriptions and twenty kills, else 8,000 and six.
"""

import os
from pathlib import Path

import month_killing
import postgres_server

SIZE, KILLS = (1_000_000, 20) if os.environ.get("FIRSTCHARGE_LONG") == "1" else (8_000, 6)


def test_killed_at_random_points_the_month_on_sqlite_is_that_of_a_run_that_was_not(tmp_path: Path) -> None:
    found = month_killing.compare(month_killing.sqlite_pair(tmp_path, SIZE), kills=KILLS, seed=1)
    assert found["kills"] == KILLS, found


def test_killed_at_random_points_the_month_on_postgresql_is_that_of_a_run_that_was_not(
    postgres_url: str,
) -> None:
    urls = month_killing.postgres_pair(postgres_url, "month_kill", SIZE)
    try:
        found = month_killing.compare(urls, kills=KILLS, seed=1)
    finally:
        for name in ("month_kill_whole", "month_kill_killed"):
            postgres_server.drop_database(postgres_url, name)
    assert found["kills"] == KILLS, found
