"""`bill apply` at its command line, against a gateway that answers as told: files, codes, taking up again."""

import json
import threading
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gateway.cli import bill_apply, bill_pieces
from gateway.cli.bill_apply import apply
from gateway.cli.client import JSON_LINES, Answer, Client
from gateway.cli.errors import BadUsage, CliError, Failed, Refused, Unreachable

HEADER = "charge_id,msisdn,type,amount,occurred_at\n"
SPLIT = "charge_id,msisdn,amount,cashback,main,unpaid,status,code\n"


class Gateway:
    """Answers each line with all of it from cashback; a fault is raised once its call comes."""

    def __init__(self) -> None:
        self.sent: list[list[dict[str, str]]] = []
        self.faults: dict[int, Exception] = {}
        self.calls = 0

    def expect(self, method: str, path: str, body: Any = None, **_: Any) -> Answer:
        assert (method, path) == ("POST", "/v1/bill-lines")
        self.calls += 1
        if self.calls in self.faults:
            raise self.faults[self.calls]
        lines = [json.loads(one) for one in body.splitlines()]
        self.sent.append(lines)
        answers = b"".join(json.dumps(self.answer(one)).encode() + b"\n" for one in lines)
        return Answer(status=200, body=answers, headers={"content-type": JSON_LINES})

    def answer(self, line: dict[str, str]) -> dict[str, str]:
        known = {name: line[name] for name in ("charge_id", "msisdn", "amount")}
        if line["type"] == "gift":
            return {"charge_id": line["charge_id"], "code": "INVALID", "detail": "type: is none of these"}
        if line["msisdn"] == "79169999999":
            return {**known, "code": "UNKNOWN_SUBSCRIBER", "detail": "no subscription has this number"}
        return {**known, "cashback": line["amount"], "main": "0.00", "unpaid": "0.00", "status": "paid"}

    @property
    def drawn(self) -> list[str]:
        return [one["charge_id"] for piece in self.sent for one in piece]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    found = Gateway()
    monkeypatch.setattr(Client, "expect", found.expect)
    monkeypatch.setattr(bill_pieces, "PIECE_LINES_FIRST", 4)
    monkeypatch.setattr(bill_pieces, "PIECE_LINES_MAX", 4)
    monkeypatch.setattr(bill_apply, "PAUSE_SECONDS", 0.0)
    return found


@pytest.fixture
def charges(tmp_path: Path) -> Path:
    return given(tmp_path, "".join(line(number) for number in range(10)))


def given(folder: Path, lines: str) -> Path:
    path = folder / "charges.csv"
    path.write_text(HEADER + lines, encoding="utf-8")
    return path


def line(number: int, **changes: str) -> str:
    cells = {
        "charge_id": f"c-{number}",
        "msisdn": "79160000001",
        "type": "usage",
        "amount": f"{number + 1}.00",
        "at": "",
    }
    return ",".join((cells | changes).values()) + "\n"


def run(charges: Path, *options: str) -> str:
    """What it printed; its error is raised."""
    arguments = [str(charges), "--out", str(charges.with_name("split.csv")), *options]
    result = CliRunner().invoke(apply, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def split_of(charges: Path) -> str:
    return charges.with_name("split.csv").read_text(encoding="utf-8")


def progress_of(charges: Path) -> Path:
    return charges.with_name("split.csv.progress")


def test_every_line_is_split_in_order(gateway: Gateway, charges: Path) -> None:
    printed = run(charges)
    rows = "".join(f"c-{n},79160000001,{n + 1}.00,{n + 1}.00,0.00,0.00,paid,\n" for n in range(10))
    assert split_of(charges) == SPLIT + rows
    assert "10 lines" in printed
    assert "billed 55.00   cashback 55.00 (100.0 %)   main 0.00   unpaid 0.00   Σ=0 ok" in printed
    assert [len(piece) for piece in gateway.sent] == [4, 4, 2]
    assert not progress_of(charges).exists()
    assert not charges.with_name("split.rejects.csv").exists()


def test_json_tells_the_sums_and_quiet_tells_nothing(gateway: Gateway, charges: Path) -> None:
    document = json.loads(run(charges, "--json"))
    assert {
        name: document[name] for name in ("lines", "drawn", "amount", "cashback", "resumed_after", "rejects")
    } == {
        "lines": 10,
        "drawn": 10,
        "amount": "55.00",
        "cashback": "55.00",
        "resumed_after": 0,
        "rejects": None,
    }
    assert run(charges, "--quiet") == ""
    assert gateway.calls == 6


def test_bad_lines_go_to_the_rejects_and_the_others_are_drawn(gateway: Gateway, tmp_path: Path) -> None:
    lines = [
        line(0),
        "half\n",
        line(1, type="gift"),
        line(2, msisdn="79169999999"),
        line(3, charge_id="=1+1"),
        line(4),
    ]
    charges = given(tmp_path, "".join(lines))
    rejects = tmp_path / "bad.csv"
    document = json.loads(run(charges, "--json", "--rejects", str(rejects)))
    assert (document["drawn"], document["refused"], document["rejected"]) == (2, 1, 3)
    assert split_of(charges).splitlines()[2] == "c-2,79169999999,3.00,,,,refused,UNKNOWN_SUBSCRIBER"
    header, *found = rejects.read_text(encoding="utf-8").splitlines()
    assert header == "line,column,reason,text"
    assert [one.split(",")[:2] for one in found] == [["3", ""], ["4", "type"], ["6", "charge_id"]]
    assert "is none of these" in found[1]
    assert gateway.drawn == ["c-0", "c-1", "c-2", "c-4"]


def test_unexpected_bad_lines_end_with_a_failure_that_names_their_file(gateway: Gateway, tmp_path: Path) -> None:
    charges = given(tmp_path, line(0) + "half\n")
    with pytest.raises(Failed, match="1 line could not be read; all others are done") as failed:
        run(charges, "--quiet")
    assert "split.rejects.csv" in str(failed.value.fix)
    assert tmp_path.joinpath("split.rejects.csv").read_text(encoding="utf-8").count("\n") == 2
    assert gateway.drawn == ["c-0"]


@pytest.mark.parametrize("content", [b"", b"msisdn,charge_id,type,amount,occurred_at\nx\n", b"\x1f\x8bzip"])
def test_a_wrong_header_refuses_the_whole_file_before_anything_is_done(
    gateway: Gateway, tmp_path: Path, content: bytes
) -> None:
    charges = tmp_path / "charges.csv"
    charges.write_bytes(content)
    with pytest.raises(Failed, match=r"charges\.csv: line 1: "):
        run(charges)
    assert (gateway.calls, sorted(one.name for one in tmp_path.iterdir())) == (0, ["charges.csv"])


def test_a_header_alone_is_an_answer_without_lines(gateway: Gateway, tmp_path: Path) -> None:
    run(charges := given(tmp_path, ""))
    assert (split_of(charges), gateway.calls) == (SPLIT, 0)


@pytest.mark.parametrize("piece", [1, 2, 3])
def test_an_interrupted_run_goes_on_behind_its_last_whole_piece(gateway: Gateway, charges: Path, piece: int) -> None:
    run(charges)
    whole = split_of(charges)
    charges.with_name("split.csv").unlink()
    gateway.sent.clear()
    gateway.faults[gateway.calls + piece] = Unreachable("nobody listens", fix="start it")
    with pytest.raises(Unreachable, match=f"{(piece - 1) * 4} lines are done") as lost:
        run(charges)
    assert "goes on from there" in str(lost.value.fix)
    with charges.with_name("split.csv").open("a", encoding="utf-8") as out:
        out.write("c-4,7916")  # what a kill leaves behind
    printed = json.loads(run(charges, "--json"))
    assert split_of(charges) == whole
    assert printed["resumed_after"] == (piece - 1) * 4
    assert (printed["lines"], printed["amount"]) == (10, "55.00")
    assert gateway.drawn == [f"c-{number}" for number in range(10)]


def test_a_file_that_changed_meanwhile_is_refused(gateway: Gateway, charges: Path) -> None:
    gateway.faults[2] = Unreachable("nobody listens", fix="start it")
    with pytest.raises(Unreachable):
        run(charges)
    before = split_of(charges)
    charges.write_text(HEADER + line(99) + "".join(line(number) for number in range(1, 10)), encoding="utf-8")
    with pytest.raises(Failed, match="first 5 lines are not those of the run that was interrupted"):
        run(charges)
    assert split_of(charges) == before


def test_a_file_that_grew_at_its_end_goes_on(gateway: Gateway, charges: Path) -> None:
    gateway.faults[2] = Unreachable("nobody listens", fix="start it")
    with pytest.raises(Unreachable):
        run(charges)
    with charges.open("a", encoding="utf-8") as file:
        file.write(line(10))
    assert json.loads(run(charges, "--json"))["lines"] == 11


def test_outputs_that_are_gone_begin_anew(gateway: Gateway, charges: Path) -> None:
    gateway.faults[2] = Unreachable("nobody listens", fix="start it")
    with pytest.raises(Unreachable):
        run(charges)
    charges.with_name("split.csv").unlink()
    assert json.loads(run(charges, "--json"))["resumed_after"] == 0


def test_a_run_that_goes_on_keeps_its_rejects_file_also_where_the_folder_moved(
    gateway: Gateway, tmp_path: Path
) -> None:
    folder = tmp_path / "before"
    folder.mkdir()
    charges = given(folder, "half\n" + "".join(line(number) for number in range(10)))
    gateway.faults[2] = Unreachable("nobody listens", fix="start it")
    with pytest.raises(Unreachable):
        run(charges, "--rejects", str(folder / "bad.csv"))
    charges = folder.rename(tmp_path / "after") / "charges.csv"
    other = charges.with_name("other.csv")
    other.write_text("somebody's own text, longer than the rejects so far: " + "x" * 200, encoding="utf-8")
    own = other.read_text(encoding="utf-8")
    for options in ([], ["--rejects", str(other)]):
        with pytest.raises(BadUsage, match=r"writes its rejects to bad\.csv") as refused:
            run(charges, *options)
        assert "--rejects" in str(refused.value.fix)
    assert other.read_text(encoding="utf-8") == own
    assert json.loads(run(charges, "--rejects", str(charges.with_name("bad.csv")), "--json"))["resumed_after"] == 4
    assert charges.with_name("bad.csv").read_text(encoding="utf-8").count("\n") == 2


def test_the_next_piece_is_drawn_while_one_is_written_and_never_before_the_one_before_it_is(
    gateway: Gateway, charges: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = threading.Event()
    write_out = bill_pieces.write_out
    busy = threading.Lock()

    def noted(_client: Client, *args: Any, **named: Any) -> Answer:
        assert busy.acquire(blocking=False), "two pieces at once"
        if gateway.calls:
            under_way.set()
        answer = gateway.expect(*args, **named)
        busy.release()
        return answer

    def waiting(piece: bill_pieces.Piece, answered: bytes) -> bill_pieces.Written:
        assert under_way.wait(5), "the second piece waits until the first one is written"
        return write_out(piece, answered)

    monkeypatch.setattr(Client, "expect", noted)
    monkeypatch.setattr(bill_apply, "write_out", waiting)
    run(charges)
    assert gateway.drawn == [f"c-{number}" for number in range(10)]


def test_a_checkpoint_of_something_else_is_refused(gateway: Gateway, charges: Path) -> None:
    progress_of(charges).write_text('{"version": 1}', encoding="utf-8")
    with pytest.raises(Failed, match="it is no checkpoint"):
        run(charges)
    assert gateway.calls == 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_gateway_that_says_later_is_asked_again(gateway: Gateway, charges: Path, status: int) -> None:
    gateway.faults[2] = Refused(status=status, body={"code": "LATER"}, where="POST /v1/bill-lines")
    assert json.loads(run(charges, "--json"))["lines"] == 10


def test_long_lines_make_short_pieces(gateway: Gateway, charges: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill_pieces, "PIECE_OCTETS_MAX", 2 * len(line(1)))
    run(charges)
    assert [len(piece) for piece in gateway.sent] == [2, 2, 2, 2, 2]


def test_a_refusal_of_the_whole_call_ends_the_run(gateway: Gateway, charges: Path) -> None:
    gateway.faults[1] = Refused(status=403, body={"code": "FORBIDDEN"}, where="POST /v1/bill-lines")
    with pytest.raises(Refused, match="403 FORBIDDEN"):
        run(charges)


def test_answers_to_other_lines_are_not_written(
    gateway: Gateway, charges: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "answer", lambda _line: {"charge_id": "other", "amount": "1.00"})
    with pytest.raises(Failed, match="the gateway answered 4 lines"):
        run(charges)
    assert split_of(charges) == SPLIT


def test_a_second_run_on_the_same_output_is_refused(gateway: Gateway, charges: Path) -> None:
    other = bill_apply._Outputs(charges.with_name("split.csv"), charges.with_name("split.rejects.csv"))
    with other, pytest.raises(Failed, match="another `bill apply` writes it"):
        run(charges)
    assert gateway.calls == 0


@pytest.mark.parametrize("option", ["--out", "--rejects"])
def test_the_three_files_differ_and_lie_in_folders_that_exist(gateway: Gateway, charges: Path, option: str) -> None:
    with pytest.raises(BadUsage, match="three different files"):
        run(charges, option, str(charges))
    with pytest.raises(BadUsage, match="there is no folder"):
        run(charges, option, str(charges.parent / "none" / "x.csv"))
    assert gateway.calls == 0


def test_a_file_that_is_not_there_is_a_usage_error(gateway: Gateway, tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter, match="does not exist"):
        run(tmp_path / "none.csv")
    assert issubclass(BadUsage, CliError)
    assert gateway.calls == 0
