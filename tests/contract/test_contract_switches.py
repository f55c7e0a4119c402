"""The programme's switches by `--config` and environment, on the running system (domain.md; scenarios 37, 49, 50)."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from system import A, B, System, free_ports, http_call

OFF_NET = "79030000009"


def hash_of(key: str) -> str:
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


CONFIGURATION = f"""
[programme]
monthly_spend_cap = "1500.00"
leave_credited = "lapse"
held_release = "at_once"
returns_after_credit = "keep"
offnet_registration = false
spend_types = ["tariff_fee", "usage"]
[[keys]]
name = "billing"
hash = "{hash_of("billing-key")}"
scopes = ["billing"]
[[keys]]
name = "shop"
hash = "{hash_of("shop-key")}"
scopes = ["partner"]
partner = "ozon"
"""


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with switches from a file and one from the environment."""
    folder = tmp_path_factory.mktemp("switched")
    (folder / "own.toml").write_text(CONFIGURATION, encoding="utf-8")
    system = System(folder / "system", environ={"FIRSTCHARGE__PROGRAMME__WELCOME_BONUS": "0.00"})
    try:
        yield system.start("--config", str(folder / "own.toml"))
    finally:
        system.stop()


def with_cashback(system: System, msisdn: str, amount: str, main: str = "1000.00") -> None:
    system.member(msisdn, main=main)
    system.promo(msisdn, amount, f"start-{msisdn}")
    system.ok("POST", f"/v1/members/{msisdn}/credit", {"credit_id": f"start-{msisdn}"})


def test_37_a_monthly_cap_stops_cashback_and_begins_anew_with_the_month(switched: System) -> None:
    with_cashback(switched, A, "2600.00", main="1300.00")
    for charge_id, cashback, main in (("cap-1", "1200.00", "0.00"), ("cap-2", "300.00", "300.00")):
        amount = "1200.00" if charge_id == "cap-1" else "600.00"
        drawn = switched.charge(charge_id, A, amount, "tariff_fee").body
        assert (drawn["cashback"], drawn["main"]) == (cashback, main)
    refund = {"refund_id": "cap-r", "amount": "600.00"}
    assert switched.ok("POST", "/v1/charges/cap-2/refunds", refund)["cashback"] == "300.00"
    assert switched.charge("cap-3", A, "300.00").body["cashback"] == "300.00"
    switched.clock_to("2025-04-01T00:00:00+03:00")
    assert switched.charge("cap-4", A, "1000.00").body["cashback"] == "1000.00"
    switched.verify()


def test_cashback_pays_only_the_types_it_may(switched: System) -> None:
    with_cashback(switched, B, "100.00")
    for type_, source in (("content", "main"), ("subscription", "main"), ("usage", "cashback")):
        drawn = switched.charge(f"type-{type_}", B, "10.00", type_).body
        assert drawn["steps"] == [{"from": source, "amount": "10.00"}]


def test_returns_keep_what_was_credited_and_leaving_lapses_it(switched: System) -> None:
    msisdn = "79163000001"
    switched.member(msisdn)
    assert switched.inbox(msisdn) == ["Вы участник программы Кэшбэк. Баланс: *100*1#"]
    switched.accrue(msisdn, "50", "kept-1")
    switched.ok("POST", f"/v1/members/{msisdn}/credit", {"credit_id": "kept-1"})
    returned = switched.shop("ozon", "kept-1", "return").body
    assert (returned["state"], returned["reward"]) == ("credited", "50.00")
    warned = switched.api("DELETE", f"/v1/members/{msisdn}?channel=contact_centre")
    assert warned.body["lapses"] == {"bonus": "0.00", "pending": "0.00", "cashback": "50.00"}
    left = switched.ok("DELETE", f"/v1/members/{msisdn}?channel=contact_centre&confirm=true")
    assert left == {"lapsed": "50.00"}
    assert switched.postings(msisdn)[-1] == ("cashback", "lapsed", "50.00")
    assert switched.inbox(msisdn)[-1] == "Вы вышли из программы Кэшбэк. Сгорело 50 р."


def test_other_operators_numbers_stay_out_where_they_may_not_join(switched: System) -> None:
    switched.subscriber(OFF_NET, network="off_net")
    form = {"form": "full", "full_name": "Ana Rusu", "birth_date": "1990-01-01", "email": "ana@example.org"}
    refused = switched.join(OFF_NET, **form)
    assert (refused.status, refused.body["code"]) == (422, "NOT_ELIGIBLE")


def test_keys_of_the_file_stand_beside_the_demos_and_do_what_their_scopes_say(switched: System) -> None:
    def status(key: str, method: str, path: str) -> int:
        return http_call(switched.http_port, method, path, None, {"Authorization": f"Bearer {key}"}).status

    switched.member("79163000002")
    switched.paid("ozon", "79163000002", "own-1", "1000.00")
    switched.paid("lamoda", "79163000002", "others-1", "1000.00")
    assert status("demo-key", "GET", "/v1/catalogue") == 200
    assert status("billing-key", "GET", "/v1/charges/nope") == 404
    for method, path in (("GET", "/v1/catalogue"), ("GET", "/v1/clock"), ("GET", "/status"), ("POST", "/v1/members")):
        assert status("billing-key", method, path) == 403
    assert status("shop-key", "GET", "/v1/accruals/ozon/own-1") == 200
    assert status("shop-key", "GET", "/v1/accruals/lamoda/others-1") == 404
    assert status("shop-key", "GET", "/v1/subscribers/79163000002/accruals") == 403


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"FIRSTCHARGE__SMS__SENDER": "MTS Cashback"}, "at most 11 characters"),
        ({"FIRSTCHARGE__SMS__SENDER": "MTS Cash"}, "sender_space"),
        ({"FIRSTCHARGE__PROGRAMME__WELCOM_BONUS": "1.00"}, "did you mean welcome_bonus"),
        ({"FIRSTCHARGE__PROGRAM__WELCOME_BONUS": "1.00"}, "did you mean programme"),
        ({"FIRSTCHARGE__PROGRAMME__ROUNDING": "up"}, "arithmetic_min1"),
        ({"FIRSTCHARGE__PROGRAMME__ZONE": "Mars/X"}, "time zone"),
    ],
)
def test_49_a_demo_wrongly_configured_refuses_to_start_and_says_what_is_wrong(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    ports = dict(zip(("--http-port", "--sim-port", "--smpp-port"), free_ports(3), strict=True))
    options = [part for name, port in ports.items() for part in (name, str(port))]
    ended = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--no-story", "--dir", str(tmp_path / "demo"), *options],
        env={**System(tmp_path / "unused").environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert said in ended.stderr
    assert next(iter(environ)) in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
