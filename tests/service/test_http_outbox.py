"""The operators' calls about messages and links: who may ask, what is asked of the program, how it is told."""

import pytest
from http_parts import A, Door

MESSAGE = "/v1/outbox/accrued%3Aozon%3Ao-1"


def test_messages_are_looked_through_by_state_kind_and_number() -> None:
    door = Door()
    answer = door.call("GET", "/v1/outbox?state=dead&kind=accrued&msisdn=%2B7+916+000-00-01&limit=7&cursor=99")
    assert answer.status == 200
    [asked] = door.outbox.asked
    assert (asked.state, asked.kind, asked.msisdn, asked.limit, asked.before) == ("dead", "accrued", A, 7, 99)
    [one] = answer.body["items"]
    assert (one["message_id"], one["msisdn"], one["reason"]) == ("accrued:ozon:o-1", A, "ESME_RINVDSTADR")
    assert answer.body["next_cursor"] == "17"
    door.check_document("GET", "/v1/outbox", answer)


@pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=501", "cursor=x", "msisdn=12", "kind=A"])
def test_what_no_message_can_be_looked_for_by_is_400(query: str) -> None:
    assert Door().call("GET", f"/v1/outbox?{query}").code == "INVALID"


def test_one_message_is_shown_with_its_life_in_words() -> None:
    door = Door()
    answer = door.call("GET", MESSAGE)
    assert [one["what"] for one in answer.body["timeline"]] == ["queued", "claimed", "attempt", "dead"]
    assert answer.body["timeline"][-1]["detail"] == "the SMSC refused it for good: ESME_RINVDSTADR"
    door.check_document("GET", MESSAGE, answer)
    assert door.call("GET", "/v1/outbox/none").code == "UNKNOWN_MESSAGE"


def test_a_dead_letter_is_queued_again_and_what_its_subscriber_refused_is_not() -> None:
    door = Door()
    answer = door.call("POST", f"{MESSAGE}/retry")
    assert (answer.status, answer.body["state"]) == (200, "queued")
    refused = door.call("POST", "/v1/outbox/refused/retry")
    assert (refused.status, refused.code) == (409, "WRONG_STATE")
    assert door.call("POST", "/v1/outbox/none/retry").status == 404


def test_dead_letters_of_a_kind_are_queued_again_together() -> None:
    door = Door()
    answer = door.call("POST", "/v1/outbox/retries", {"kind": "accrued", "cursor": "5"})
    assert answer.body == {"retried": 3, "next_cursor": None}
    assert door.outbox.retries == [("accrued", 5, 1000)]


def test_a_link_is_paused_and_resumed_and_it_is_said_where_that_holds() -> None:
    door = Door()
    paused = door.call("POST", "/v1/links/smsc-1/pause")
    assert paused.body == {"name": "smsc-1", "paused": True, "holds_in": "every process"}
    listed = door.call("GET", "/v1/links")
    assert listed.body["items"][0]["paused_since"] == "2025-03-03T12:00:00+03:00"
    door.check_document("GET", "/v1/links", listed)
    assert door.call("POST", "/v1/links/smsc-1/resume").body["paused"] is False
    assert door.call("GET", "/v1/links").body["items"][0]["paused_since"] is None
    assert door.call("POST", "/v1/links/none/pause").code == "UNKNOWN_LINK"


def test_only_operators_may_and_care_may_look_at_one_message() -> None:
    door = Door()
    calls = [("GET", "/v1/outbox"), ("GET", MESSAGE), ("POST", f"{MESSAGE}/retry"), ("GET", "/v1/links")]
    assert [door.call(*call, key="ozon-key").status for call in calls] == [403] * 4
    scopes = {route.path: sorted(route.scopes or ()) for route in door.router.routes if "outbox" in route.path}
    assert scopes["/v1/outbox/{message_id}"] == ["care", "ops"]
    assert scopes["/v1/outbox"] == ["ops"]


def test_links_are_read_again_and_a_wrong_file_says_what_to_mend() -> None:
    door = Door()
    assert door.call("POST", "/v1/links/reload").body["added"] == ["smsc-2"]
    door.links.findings = ["firstcharge.toml:14  links.sms.window = 0  must be 1..255; 10 is usual"]
    refused = door.call("POST", "/v1/links/reload")
    assert (refused.status, refused.code, refused.body["findings"]) == (422, "CONFIGURATION", door.links.findings)
