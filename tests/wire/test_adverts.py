"""Rules 37–39: adverts go to members who consented, in their language, not at night, and not after STOP."""

from system import A, B, C, D, System

TEXTS = {"ru": "Весна: кэшбэк вдвое", "ro": "Primavara: cashback dublu", "en": "Spring: double cashback"}


def test_a_campaign_reaches_who_consented_once_and_a_stop_drops_what_waits(system: System) -> None:
    for msisdn, language, adverts in ((A, "ru", True), (B, "en", True), (C, "ru", False), (D, "ru", True)):
        system.subscriber(msisdn, language=language)
        assert system.join(msisdn, adverts=adverts).status == 201
        system.clear(msisdn)
    body = {"campaign_id": "spring", "texts": TEXTS, "audience": "all"}
    first = system.api("POST", "/v1/adverts", body)
    assert (first.status, first.body["campaign_id"], first.body["queued"]) == (201, "spring", 3)
    again = system.api("POST", "/v1/adverts", body)
    assert (again.status, again.body, again.headers["Idempotency-Hit"]) == (200, first.body, "true")
    other = system.api("POST", "/v1/adverts", body | {"texts": TEXTS | {"en": "Autumn"}})
    assert (other.status, other.body["code"]) == (409, "CONFLICT")
    assert (system.inbox(A), system.inbox(B), system.inbox(C)) == ([TEXTS["ru"]], [TEXTS["en"]], [])
    system.clock_to("2025-03-03T22:00:00+03:00")
    night = {"campaign_id": "night", "texts": TEXTS, "audience": [A, B, C, D]}
    assert system.ok("POST", "/v1/adverts", night)["queued"] == 3
    sent = system.sim("POST", f"/sim/handsets/{A}/sms", {"to": "4400", "text": " Стоп "})
    assert sent.status in {200, 201, 202}
    assert system.ok("PATCH", f"/v1/members/{B}", {"adverts": False})["adverts"]["on"] is False
    assert system.inbox(A)[-1] == "Реклама отключена. SMS о кэшбэке сохранены. Включить: START"
    system.clock_to("2025-03-04T09:00:00+03:00")
    assert [len(system.inbox(msisdn)) for msisdn in (A, B, C, D)] == [2, 1, 0, 2]
    dropped = [one["kind"] for one in system.outbox(B) if (one["state"], one["reason"]) == ("dead", "OPTED_OUT")]
    assert dropped == ["advert"]
