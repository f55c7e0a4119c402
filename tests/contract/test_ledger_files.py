"""The journal's files and checks over the command line, on both databases: export, heads, closed days, statement."""

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hosted import Hosted

from gateway.cli.root import run

A, C = "79160000001", "79160000003"

Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def shared(shared: Hosted) -> Hosted:
    """A month has passed, something of everything happened."""
    shared.member(A, main="800.00", tariff="smart")
    shared.member(C, contract="corporate")
    shared.accrue(A, "100", "o-1")
    shared.accrue(C, "400", "o-2")
    shared.accrue(A, "40", "o-3")
    shared.shop("ozon", "o-3", "return")
    shared.charge("=1+1", A, "10.00")
    shared.clock_to("2025-04-01T09:00:00+03:00")
    shared.charge("c-2", A, "30.00")
    shared.ok("POST", "/v1/charges/c-2/refunds", {"refund_id": "r-1", "amount": "5.00"})
    shared.ok("POST", "/v1/vouchers", {"voucher_id": "v-1", "msisdn": C, "amount": "300.00"})
    shared.clock_to("2026-04-02T00:00:00+03:00")
    return shared


@pytest.fixture
def verb(shared: Hosted, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Verb:
    """Runs a command line; answers exit code, standard output, standard error."""
    monkeypatch.setenv("FIRSTCHARGE_URL", f"http://127.0.0.1:{shared.http_port}")

    def ran(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        captured = capfdbinary.readouterr()
        return code, captured.out.decode(), captured.err.decode()

    return ran


def rows_of(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """Postings and the trailer of a CSV."""
    header, *rows, trailer = csv.reader(io.StringIO(text, newline=""))
    return [dict(zip(header, row, strict=True)) for row in rows], trailer


def test_an_export_holds_every_posting_once_in_order_and_says_so(shared: Hosted, verb: Verb, tmp_path: Path) -> None:
    out = tmp_path / "journal.csv"
    code, told, _ = verb("ledger", "export", "--out", str(out))
    raw = out.read_bytes()
    rows, trailer = rows_of(raw.decode())
    assert (code, told.split(":")[1].split(",")[0]) == (0, f" {len(rows)} postings")
    keys = [(int(row["subscription_id"]), int(row["entry_no"])) for row in rows]
    assert keys == sorted(set(keys))
    mine = [
        row
        for row in rows
        if row["subscription_id"] == str(shared.ok("GET", f"/v1/subscribers/{A}")["subscription_id"])
    ]
    items = shared.ok("GET", f"/v1/subscribers/{A}/statement")["items"]
    assert [(row["kind"], row["amount"], row["tx_id"]) for row in mine] == [
        (one["kind"], one["amount"], one["tx_id"]) for one in reversed(items)
    ]
    total = sum(int(row["amount"].replace(".", "")) for row in rows)
    assert trailer[:3] + trailer[6:7] == ["trailer", str(len(rows)), trailer[2], f"{total // 100}.{total % 100:02d}"]
    assert f"sha256={hashlib.sha256(raw[: raw.rindex(b'trailer,')]).hexdigest()}" in trailer[9]
    head = shared.ok("GET", "/v1/ledger/heads")["items"][-1]
    assert (trailer[2], trailer[9].split(" ")[0]) == (f"block-{head['block']}", f"head={head['head']}")


def test_no_cell_is_a_formula_and_no_number_of_a_subscriber_is_told(verb: Verb) -> None:
    _, text, _ = verb("ledger", "export")
    assert ",'=1+1\r\n" in text
    assert A not in text.replace(f"start-{A}", "")


def test_json_lines_hold_the_same_and_a_range_only_its_own(verb: Verb) -> None:
    rows, _ = rows_of(verb("ledger", "export")[1])
    code, text, _ = verb("ledger", "export", "--format", "jsonl")
    *lines, trailer = [json.loads(line) for line in text.splitlines()]
    assert (code, trailer["trailer"]["postings"]) == (0, len(rows))
    assert [(one["entry_no"], one["amount"], one["booked_at"]) for one in lines] == [
        (int(row["entry_no"]), row["amount"], row["booked_at"]) for row in rows
    ]
    assert next(one["ref"] for one in lines if one["kind"] == "charge") == "=1+1"
    april = "2025-04-01T00:00:00+03:00"
    _, later, _ = verb("ledger", "export", "--format", "jsonl", "--from", april)
    assert 0 < len(later.splitlines()) - 1 < len(lines)
    assert all(json.loads(line)["booked_at"] >= april for line in later.splitlines()[:-1])


def test_an_export_killed_half_way_leaves_the_file_that_was_there(shared: Hosted, tmp_path: Path) -> None:
    out = tmp_path / "journal.csv"
    out.write_text("yesterday's")
    environ = os.environ | {"FIRSTCHARGE_FAULT": "export.half_written:kill"}
    url = f"http://127.0.0.1:{shared.http_port}"
    command = [sys.executable, "-m", "gateway", "ledger", "export", "--url", url, "--out", str(out)]
    done = subprocess.run(command, env=environ, check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL
    assert out.read_text() == "yesterday's"


def test_kept_heads_are_compared(verb: Verb, tmp_path: Path) -> None:
    kept = tmp_path / "heads"
    assert verb("ledger", "heads", "--out", str(kept))[0] == 0
    assert verb("ledger", "verify", "--heads", str(kept))[0] == 0
    once = kept.read_text()
    kept.write_text(once * 3)
    assert verb("ledger", "verify", "--heads", str(kept))[0] == 0, "exports one after another"
    kept.write_text(once)
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    lines[0]["head"] = "0" * 64
    lines.append({"block": lines[-1]["block"] + 1, "head": "1" * 64})
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, text, error = verb("ledger", "verify", "--heads", str(kept), "--json")
    found: list[dict[str, Any]] = json.loads(text)["violations"]
    assert (code, "2 violations" in error) == (1, True)
    assert [(one["ref"], one["found"]) for one in found] == [
        ("block 1", "has another head"),
        (f"block {lines[-1]['block']}", "is gone"),
    ]
    kept.write_text("nonsense\n")
    assert verb("ledger", "verify", "--heads", str(kept))[0] == 1


def test_closed_days_add_up_and_a_year_of_idle_days_costs_nothing(shared: Hosted, verb: Verb) -> None:
    code, text, _ = verb("ledger", "reconcile", "--json")
    days = json.loads(text)["items"]
    assert (code, [day["day"] for day in days][:2]) == (0, ["2025-03-03", "2025-04-01"])
    assert all(day["imbalance"] == "0.00" for day in days)
    assert days[0]["cashback"] | {"outstanding": "600.00"} == {
        "issued": "640.00",
        "spent": "0.00",
        "lapsed": "0.00",
        "voucher": "0.00",
        "reversed": "40.00",
        "outstanding": "600.00",
    }
    closing = {one["account"]: one["closing"] for one in days[0]["accounts"]}
    assert {one["account"]: one["opening"] for one in days[1]["accounts"]} == closing
    last = {one["account"]: one["closing"] for one in days[-1]["accounts"]}
    assert last["main"] == shared.balance(A)["main"]
    code, table, _ = verb("ledger", "reconcile", "--from", "2025-04-01", "--to", "2025-04-02")
    assert (code, len(table.splitlines())) == (0, 2)
    assert "imbalance" in table


def test_a_statement_goes_through_all_pages_and_takes_a_range(shared: Hosted, verb: Verb) -> None:
    for number in range(210):
        shared.topup(f"t-{number}", C, "1.00")
    items = json.loads(verb("ledger", "statement", C, "--json")[1])["items"]
    assert len([one for one in items if one["kind"] == "topup"]) == 210
    assert [one["entry_no"] for one in items] == sorted((one["entry_no"] for one in items), reverse=True)
    before = json.loads(verb("ledger", "statement", C, "--json", "--to", "2025-03-04T00:00:00+03:00")[1])["items"]
    assert [one["kind"] for one in before] == ["accrual", "welcome"]
    lines = verb("ledger", "statement", C)[1].splitlines()
    assert len(lines) == len(items)
