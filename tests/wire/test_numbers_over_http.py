"""Rules 10 and 11 and erasure through HTTP, USSD and real SMPP: what moves, what lapses, what is forgotten."""

import sqlite3

from system import A, B, System

NEW = "79160000077"
NOT_MEMBER = "Вы не участник программы Кэшбэк. Регистрация: *100*2#"


def test_10_a_new_number_takes_everything_along_also_what_waits_for_nine(system: System) -> None:
    system.subscriber(B)
    system.member(A, main="100.00")
    system.clear(A)
    system.clock_to("2025-03-03T22:00:00+03:00")
    system.promo(A, "30.00", "q-1")
    taken = system.api("POST", f"/v1/subscribers/{A}/number-change", {"new_msisdn": B})
    assert (taken.status, taken.body["code"]) == (409, "CONFLICT")
    moved = system.ok("POST", f"/v1/subscribers/{A}/number-change", {"new_msisdn": f"+{NEW}"})
    assert (moved["msisdn"], moved["membership"]) == (NEW, "active")
    assert system.screen(A, "*100*1#") == NOT_MEMBER
    assert system.screen(NEW, "*100*1#") == "Кэшбэк:0р\nС 01.04:+80р\nОжидает:0р"
    system.cleared[NEW] = 1
    system.clock_to("2025-03-04T09:00:00+03:00")
    assert [text[:14] for text in system.inbox(NEW)] == ["Начислено 30 р"]
    assert system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"] == []
    system.verify()


def test_11_a_port_out_lapses_both_and_a_cancelled_one_loses_nothing(system: System) -> None:
    for msisdn in (A, B):
        system.member(msisdn)
        system.subscriber(msisdn, blocks=["mnp"])
        assert system.inbox(msisdn)[-1] == "При переходе к другому оператору сгорит кэшбэк 50 р"
    system.subscriber(B, blocks=[])
    assert system.sums(B) == ("50.00", "0.00", "0.00")
    ported = system.ok("POST", f"/v1/subscribers/{A}/port-out")
    assert ported == {"msisdn": A, "lapsed": "50.00"}
    assert system.api("GET", f"/v1/subscribers/{A}/balance").status == 404
    assert system.screen(A, "*100*1#") == NOT_MEMBER
    assert len(system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]) == 2
    system.verify()


def test_30_after_erasure_no_table_holds_the_number_or_the_name(system: System) -> None:
    system.subscriber(A)
    system.topup("t-1", A, "100.00")
    assert system.join(A, full_name="Ana Rusu", email="ana@example.org").status == 201
    system.charge("c-1", A, "10.00")
    system.sim("POST", f"/sim/handsets/{A}/sms", {"to": "4400", "text": f"my number is {A}"})
    system.screen(A, "*100#")
    assert len(system.inbox(A)) >= 1
    erased = system.ok("POST", f"/v1/subscribers/{A}/erasure")
    assert (erased["msisdn"], erased["membership"]) == ("", "left")
    assert system.api("POST", f"/v1/subscribers/{A}/erasure").status == 404
    system.verify()
    system.stop()
    everything = "\n".join(sqlite3.connect(_database(system)).iterdump())
    for word in (A, "Ana Rusu", "ana@example.org"):
        assert word not in everything, [line for line in everything.splitlines() if word in line][:3]


def _database(system: System) -> str:
    files = [one for one in system.folder.iterdir() if one.suffix in {".sqlite", ".db", ".sqlite3"}]
    assert len(files) == 1, list(system.folder.iterdir())
    return str(files[0])
