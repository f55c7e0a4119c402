"""Both HTTP contracts on one port, as far as the story and the verbs need them: a few rules, all in memory.

A thread of the standard library's server, because the programs under test are synchronous. `answers` overrides
what one call says, for tests of what happens when something differs.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = 2
MONEY_OF_THE_1ST = (("credit", "bonus", "cashback"), ("charge", "cashback", "revenue"), ("charge", "main", "revenue"))


class FakeOperator:
    """Gateway and simulator in one; `url` is both."""

    def __init__(self) -> None:
        self.now = datetime.fromisoformat("2025-03-03T12:00:00+03:00")
        self.subscribers: dict[str, dict[str, Any]] = {}
        self.postings: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.inbox: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.pending = Decimal("0.00")
        self.catalogue: dict[str, Any] = {"partners": [], "promos": []}
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.months: list[dict[str, Any]] = []
        operator = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                size = int(self.headers.get("Content-Length", "0"))
                body = json.loads(self.rfile.read(size)) if size else None
                status, answer = operator.answer(self.command, self.path, body)
                content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the standard library's names

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        parts = urlsplit(target)
        self.asked.append((method, parts.path, body))
        if (method, parts.path) in self.answers:
            return self.answers[method, parts.path]
        words = [unquote(word) for word in parts.path.strip("/").split("/")]
        name = f"{method.lower()}_{words[1]}" if len(words) > 1 else method.lower()
        rule: Callable[..., tuple[int, Any]] | None = getattr(self, name.replace("-", "_"), None)
        if rule is None:
            return 404, {"code": "NOT_FOUND", "detail": f"no {target}"}
        return rule(words[2:], body, {key: values[0] for key, values in parse_qs(parts.query).items()})

    # -- the gateway's contract

    def get(self, *_: Any) -> tuple[int, Any]:
        return 200, {}

    def put_tariffs(self, *_: Any) -> tuple[int, Any]:
        return 200, {}

    def get_catalogue(self, *_: Any) -> tuple[int, Any]:
        return 200, self.catalogue

    def put_catalogue(self, _path: list[str], body: Any, _query: Any) -> tuple[int, Any]:
        self.catalogue = body
        return 200, body

    def put_subscribers(self, path: list[str], body: Any, _query: Any) -> tuple[int, Any]:
        known = self.subscribers.setdefault(
            path[0], {"contract": "individual", "network": "on_net", "membership": "none"}
        )
        known.update(body)
        return 200, known

    def get_subscribers(self, path: list[str], _body: Any, query: dict[str, str]) -> tuple[int, Any]:
        if path[0] not in self.subscribers:
            return 404, {"code": "UNKNOWN_SUBSCRIBER", "detail": "nobody has this number"}
        if path[1:] == ["statement"]:
            return self._statement(path[0], int(query.get("cursor", "0")))
        if path[1:] == ["balance"]:
            return 200, self._balance(path[0])
        return 200, self.subscribers[path[0]]

    def post_topups(self, _path: list[str], body: Any, _query: Any) -> tuple[int, Any]:
        self._post(body["msisdn"], "topup", "cash_in", "main", body["amount"])
        return 201, {"topup_id": body["topup_id"], "main": self._balance(body["msisdn"])["main"], "settled": []}

    def post_members(self, _path: list[str], body: Any, _query: Any) -> tuple[int, Any]:
        if not body["accept_terms"]:
            return 422, {"code": "TERMS_REQUIRED", "detail": "the terms were not accepted"}
        msisdn = body["msisdn"]
        self._post(msisdn, "welcome", "programme_expense", "bonus", "50.00")
        self._sms(msisdn, "Вы участник программы Кэшбэк. Бонус 50 р. Баланс: *100*1#")
        self.subscribers.setdefault(msisdn, {})["membership"] = "active"
        joined = self.now.isoformat()
        return 201, {"msisdn": msisdn, "membership": "active", "joined_at": joined, "welcome_bonus": "50.00"}

    def delete_members(self, path: list[str], _body: Any, query: dict[str, str]) -> tuple[int, Any]:
        if query.get("confirm") != "true":
            lapses = {"bonus": "50.00", "pending": "0.00", "cashback": "0.00"}
            return 409, {"code": "CONFIRM_LAPSE", "detail": f"{path[0]} would lose 50.00", "lapses": lapses}
        return 200, {"lapsed": "50.00"}

    def get_clock(self, *_: Any) -> tuple[int, Any]:
        return 200, {"now": self.now.astimezone(UTC).isoformat()}

    def post_clock(self, _path: list[str], body: Any, _query: Any) -> tuple[int, Any]:
        to = datetime.fromisoformat(body["to"])
        if to < self.now:
            return 409, {"code": "WRONG_STATE", "detail": "the clock only moves forward"}
        if to.month != self.now.month and self.subscribers:
            for (kind, source, target), amount in zip(MONEY_OF_THE_1ST, ("150.00", "150.00", "500.00"), strict=True):
                self._post("79160000001", kind, source, target, amount)
        if to.day == 1 and to.hour >= 9:
            self._sms("79160000001", "Кэшбэк 150 р зачислен на счет и тратится первым. *100*1#")
            self._sms("79160000001", "Счет 650 р: кэшбэк 150 р, основной счет 500 р.")
        self.now = to
        return 200, {"now": to.astimezone(UTC).isoformat(), "ran": []}

    def post_charges(self, _path: list[str], body: Any, _query: Any) -> tuple[int, Any]:
        sums = {"cashback": "0.00", "main": body["amount"], "unpaid": "0.00"}
        return 201, {"charge_id": body["charge_id"], "status": "paid", **sums}

    def post_vouchers(self, _path: list[str], body: Any, _query: Any) -> tuple[int, Any]:
        self._post(body["msisdn"], "voucher", "bonus", "voucher", body["amount"])
        self._sms(body["msisdn"], "Ваучер на телефон 50 р: ABC-1, до 28.09.2025")
        until = "2025-09-28T23:59:59+03:00"
        return 201, {"code": "ABC-1", "amount": body["amount"], "valid_until": until, "state": "issued"}

    def get_ledger(self, *_: Any) -> tuple[int, Any]:
        return 200, {"ok": True, "checked": {"postings": 8}, "violations": []}

    def post_month_runs(self, *_: Any) -> tuple[int, Any]:
        return 202, self.months.pop(0)

    def get_month_runs(self, *_: Any) -> tuple[int, Any]:
        return 200, self.months.pop(0) if len(self.months) > 1 else self.months[0]

    # -- the simulator's contract

    def get_handsets(self, path: list[str], *_: Any) -> tuple[int, Any]:
        return 200, {"messages": self.inbox[path[0]]}

    def delete_handsets(self, path: list[str], *_: Any) -> tuple[int, Any]:
        if path[1] == "inbox":
            self.inbox[path[0]] = []
        return 200, {}

    def post_handsets(self, path: list[str], body: Any, _query: Any) -> tuple[int, Any]:
        msisdn, what = path
        if what == "sms":
            self._sms(msisdn, f"echo {body['text']}")
            return 200, {}
        if what == "answer":
            return 200, self._screen(f"got {body['text']}", still_open=body["text"] == "0")
        return 200, self._screen(self._dialled(msisdn, body["code"]), still_open=body["code"] == "*100*2#")

    def post_shops(self, path: list[str], body: Any, _query: Any) -> tuple[int, Any]:
        if path[-1] == "confirm":
            self.pending = Decimal("0.00")
            self._post("79160000001", "accrual", "programme_expense", "bonus", "100.00")
            first = f"01.{self.now.month + 1:02d}"
            self._sms("79160000001", f"Начислено 100 р кэшбэка: Ozon. Доступно с {first}. Баланс: *100*1#")
            return 200, {"order_id": path[2], "state": "accrued", "reason": None, "reward": "100.00"}
        self.pending = Decimal("100.00")
        return 200, {"order_id": body["order_id"], "state": "pending", "reason": None, "reward": "100.00"}

    # -- inside

    def _dialled(self, msisdn: str, code: str) -> str:
        if code == "*100#":
            return "Баланс:300,00р\nКэшбэк:0р"
        if code == "*100*3#":
            return "Счет 650 р: кэшбэк 150 р, основной счет 500 р."
        if self.subscribers.get(msisdn, {}).get("contract") == "corporate":
            return "Бонус:50р\nТолько на телефон"
        return f"Кэшбэк:0р\nС 01.{self.now.month + 1:02d}:+50р\nОжидает:0р"

    def _screen(self, text: str, *, still_open: bool) -> dict[str, Any]:
        shape = {"coding": "ucs2", "octets": len(text) * 2, "elapsed_ms": 3, "failure": None}
        return {"text": text, "open": still_open, "session": "s-1", **shape}

    def _sms(self, msisdn: str, text: str) -> None:
        received = self.now.isoformat()
        self.inbox[msisdn].append(
            {"from": "CASHBACK", "text": text, "segments": 1, "coding": "ucs2", "received_at": received}
        )

    def _post(self, msisdn: str, kind: str, source: str, target: str, amount: str) -> None:
        entries = self.postings[msisdn]
        entry = {"entry_no": len(entries) + 1, "tx_id": f"t-{len(entries)}", "kind": kind, "from": source}
        entries.append({**entry, "to": target, "amount": amount, "booked_at": self.now.isoformat(), "ref": None})

    def _balance(self, msisdn: str) -> dict[str, Any]:
        sums = {name: Decimal("0.00") for name in ("main", "cashback", "bonus")}
        for one in self.postings[msisdn]:
            for name, sign in ((one["from"], -1), (one["to"], 1)):
                if name in sums:
                    sums[name] += sign * Decimal(one["amount"])
        return {**{name: str(amount) for name, amount in sums.items()}, "pending": str(self.pending)}

    def _statement(self, msisdn: str, start: int) -> tuple[int, Any]:
        newest_first = self.postings[msisdn][::-1]
        left = len(newest_first) > start + PAGE
        return 200, {"items": newest_first[start : start + PAGE], "next_cursor": str(start + PAGE) if left else None}
