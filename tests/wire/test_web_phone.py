"""The web phone in real Chromium: a newcomer's first five minutes, with nothing in the console."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest
from system import A, System

HERE = Path(__file__).parent
HAS_BROWSER = which("chromium") is not None and importlib.util.find_spec("playwright") is not None
PICTURES = os.environ.get("FIRSTCHARGE_PICTURES")
"""A folder for fresh screenshots: `make pictures` refreshes those of the docs."""
UNKNOWN_SUBSCRIBER = "404 (Not Found)"
"""Chromium reports the look-up of a phone that is nobody's yet; the page expects it."""


@pytest.mark.skipif(not HAS_BROWSER, reason="chromium, a peer, is not installed")
def test_a_person_joins_buys_and_sees_the_first_of_the_month(system: System) -> None:
    pictures = (
        ["--light", f"{PICTURES}/phone.png", "--dark", f"{PICTURES}/phone-dark.png"] if PICTURES is not None else []
    )
    ran = subprocess.run(
        [sys.executable, str(HERE / "browser_phone.py"), f"http://127.0.0.1:{system.sim_port}/", *pictures],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    seen = json.loads(ran.stdout)
    assert [one for one in seen["complaints"] if UNKNOWN_SUBSCRIBER not in one] == []
    assert seen["join"].endswith("1 Принимаю условия")
    assert seen["cashback"] == "Кэшбэк:0р\nС 01.04:+50р\nОжидает:0р"
    assert seen["balance"] == "Баланс:0,00р\nКэшбэк:0р"
    texts = [
        "Вы участник программы Кэшбэк. Бонус 50 р. Баланс: *100*1#",
        "Начислено 100 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1#",
        "Кэшбэк 150 р зачислен на счет и тратится первым. *100*1#",
        "Счет 650 р: кэшбэк 150 р, основной счет 0 р.",
    ]
    places = [seen["inbox"].find(text) for text in texts]
    assert places == sorted(places)
    assert -1 not in places
    assert system.inbox(A) == texts
    system.verify()
