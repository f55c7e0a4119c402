"""`bill apply`: a billing file through the gateway, in constant memory, taken up again wherever it was killed."""

import fcntl
import hashlib
import os
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Self

import click

from billing.money import format_money
from gateway.cli.bill_checkpoint import (
    Checkpoint,
    Totals,
    checkpoint_path,
    load_checkpoint,
    save_checkpoint,
    skip_done,
)
from gateway.cli.bill_csv import (
    LINE_OCTETS_MAX,
    REJECT_COLUMNS,
    SPLIT_COLUMNS,
    WrongHeader,
    check_header,
    csv_row,
)
from gateway.cli.bill_pieces import Piece, Reader, write_out
from gateway.cli.bill_progress import Standing, drawn_on, split_line, sums_agree
from gateway.cli.client import Client
from gateway.cli.errors import BadUsage, CliError, Failed, Refused, Unreachable
from gateway.cli.shell import Shell, gateway_verb

TRY_LATER = frozenset({429, 503})
TRIES_MAX = 10
PAUSE_SECONDS = 2.0
"""A gateway that says "try again later" is asked again for this long."""

Answered = tuple[Piece, bytes]

SUMS = ("amount", "cashback", "main", "unpaid")


@click.command("apply")
@click.argument("charges", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The split of each line.")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Lines that cannot be read, with number, column and reason [OUT.rejects.csv, and the exit code is 1].",
)
@gateway_verb
def apply(shell: Shell, charges: Path, out: Path, rejects: Path | None) -> None:
    """Draw every charge of a billing file. CHARGES is CSV with the columns charge_id,msisdn,type,amount,occurred_at.

    Killed at any moment, the same command goes on; the same file again gives the same answer and draws nothing.
    """
    refuse_path = rejects or out.with_name(f"{out.stem}.rejects.csv")
    _check_paths(charges, out, refuse_path)
    _check_resumed(out, refuse_path)
    with ExitStack() as stack:
        source = stack.enter_context(charges.open("rb"))
        header = source.readline(LINE_OCTETS_MAX)
        try:
            check_header(header)
        except WrongHeader as error:
            raise Failed(
                f"{charges}: {error}", fix="nothing of the file was done; correct it and start again"
            ) from None
        outputs = stack.enter_context(_Outputs(out, refuse_path))
        run = _Run(shell, charges, source, outputs)
        totals = run.work(shell.gateway(), header)
    if not totals.rejected and rejects is None:
        refuse_path.unlink()
    _report(shell, run, totals, has_asked=rejects is not None)


def _check_paths(charges: Path, out: Path, rejects: Path) -> None:
    named = {charges.resolve(): "CHARGES", out.resolve(): "--out"}
    if out.resolve() == charges.resolve() or rejects.resolve() in named:
        raise BadUsage("CHARGES, --out and --rejects must be three different files", fix="name another file")
    for path in (out, rejects):
        if not path.parent.is_dir():
            raise BadUsage(f"{path}: there is no folder {path.parent}", fix="make it first, or name another file")


def _rejects_name(out: Path, rejects: Path) -> str:
    """Rejects as seen from the split, so that both may move together."""
    return os.path.relpath(rejects.resolve(), out.resolve().parent)


def _check_resumed(out: Path, rejects: Path) -> None:
    """Rejects of a run that was interrupted go on in their file: another would hold half, or lose its own.

    Raises:
        BadUsage: another file is named now.
    """
    checkpoint = checkpoint_path(out)
    found = load_checkpoint(checkpoint)
    if found is not None and out.exists() and found.rejects_name != _rejects_name(out, rejects):
        raise BadUsage(
            f"{rejects}: the run that was interrupted writes its rejects to {found.rejects_name}",
            fix=f"give --rejects {out.parent / found.rejects_name}, or remove {checkpoint} to begin anew",
        )


class _Outputs:
    """Both output files, held against a second run; `cut` and `add` keep them as the checkpoint says."""

    def __init__(self, out: Path, rejects: Path) -> None:
        self.out, self.rejects = out, rejects
        self.checkpoint = checkpoint_path(out)
        self._files: list[BinaryIO] = []

    def __enter__(self) -> Self:
        try:
            self._open()
        except CliError:
            self._close()
            raise
        return self

    def _open(self) -> None:
        for path in (self.out, self.rejects):
            try:
                file = path.open("ab")
            except OSError as error:
                raise BadUsage(f"{path}: {error.strerror}", fix="name a file that may be written") from None
            self._files.append(file)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Failed(
                    f"{path}: another `bill apply` writes it", fix="wait for it, or name another --out"
                ) from None

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        for file in self._files:
            file.close()

    def sizes(self) -> tuple[int, int]:
        """Octets of the split and of the rejects."""
        split, rejects = (os.fstat(file.fileno()).st_size for file in self._files)
        return split, rejects

    def cut(self, split: int, rejects: int) -> None:
        """Forget what was written and is not in the checkpoint."""
        for file, size in zip(self._files, (split, rejects), strict=True):
            file.truncate(size)

    def add(self, split: bytes, rejects: bytes) -> None:
        """Append, on disk when it returns."""
        for file, octets in zip(self._files, (split, rejects), strict=True):
            if octets:
                file.write(octets)
                file.flush()
                os.fsync(file.fileno())


class _Run:
    """One run over one file. `began` are the sums it took over from a run that was interrupted."""

    def __init__(self, shell: Shell, charges: Path, source: BinaryIO, outputs: _Outputs) -> None:
        self.shell = shell
        self.charges = charges
        self.source = source
        self.outputs = outputs
        self.began = Totals()
        self.elapsed_s = 0.0

    def work(self, client: Client, header: bytes) -> Totals:
        """Draw what is left; the sums of the whole file."""
        digest, start = self._start(header)
        self.began, totals = start.totals, start.totals
        size, began_s = os.fstat(self.source.fileno()).st_size, self.shell.seconds()
        reader = Reader(self.source, digest, read=start.read, line_no=start.line_no)
        with drawn_on(self.shell) as progress, closing(self._answered(client, reader.pieces())) as pieces:
            while (answered := self._next(pieces, totals)) is not None:
                piece, answers = answered
                written = write_out(piece, answers)
                self.outputs.add(written.split, written.rejects)
                totals = totals.plus(written.totals)
                self._check(piece.read, piece.sha256, piece.line_no, totals)
                self.elapsed_s = self.shell.seconds() - began_s
                progress.draw(
                    Standing(
                        name=self.charges.name,
                        read=piece.read,
                        size=size,
                        totals=totals,
                        began_lines=start.totals.lines,
                        began_read=start.read,
                        elapsed_s=self.elapsed_s,
                    )
                )
        self.outputs.checkpoint.unlink()
        return totals

    def _start(self, header: bytes) -> tuple["hashlib._Hash", Checkpoint]:
        """Where to go on: from the checkpoint if its outputs are there, else from the first line."""
        found = load_checkpoint(self.outputs.checkpoint)
        split, rejects = self.outputs.sizes()
        if found is not None and split >= found.split and rejects >= found.rejects:
            self.source.seek(0)
            digest = skip_done(self.source, found, str(self.charges))
            self.outputs.cut(found.split, found.rejects)
            return digest, found
        self.outputs.cut(0, 0)
        self.outputs.add(csv_row(SPLIT_COLUMNS).encode(), csv_row(REJECT_COLUMNS).encode())
        digest = hashlib.sha256(header)
        return digest, self._check(len(header), digest.hexdigest(), 1, Totals())

    def _check(self, read: int, sha256: str, line_no: int, totals: Totals) -> Checkpoint:
        split, rejects = self.outputs.sizes()
        checkpoint = Checkpoint(
            read=read,
            read_sha256=sha256,
            line_no=line_no,
            split=split,
            rejects=rejects,
            rejects_name=_rejects_name(self.outputs.out, self.outputs.rejects),
            totals=totals,
        )
        save_checkpoint(self.outputs.checkpoint, checkpoint)
        return checkpoint

    @staticmethod
    def _next(pieces: Iterator[Answered], totals: Totals) -> Answered | None:
        try:
            return next(pieces, None)
        except Unreachable as error:
            raise Unreachable(f"{error.message}; {_so_far(totals)}", fix=_again(error)) from None

    def _answered(self, client: Client, pieces: Iterator[Piece]) -> Generator[Answered]:
        """Each piece with its answers; the next one is drawn while they are written out.

        A piece is sent once the one before it is answered, as the lines of one subscription draw in their order.
        What was drawn and not written out when the run was killed is sent again.
        """
        with ThreadPoolExecutor(1, "send") as sending:
            before: tuple[Piece, Future[bytes]] | None = None
            for piece in pieces:
                ready = None if before is None else (before[0], before[1].result())
                before = piece, sending.submit(self._drawn, client, piece)
                if ready is not None:
                    yield ready
            if before is not None:
                yield before[0], before[1].result()

    def _drawn(self, client: Client, piece: Piece) -> bytes:
        """The gateway's answers to a piece; a piece that is sent again is answered the same."""
        if not piece.body:
            return b""
        for tried in range(1, TRIES_MAX + 1):
            try:
                answered: bytes = client.expect("POST", "/v1/bill-lines", piece.body).body
            except Refused as error:
                if error.status in TRY_LATER and tried < TRIES_MAX:
                    self.shell.pause(PAUSE_SECONDS)
                    continue
                raise
            return answered
        raise AssertionError("the last try either answered or raised")


def _so_far(totals: Totals) -> str:
    return f"{totals.lines:,} lines are done"


def _again(error: CliError) -> str:
    return f"{error.fix}; then the same command goes on from there"


def _report(shell: Shell, run: _Run, totals: Totals, *, has_asked: bool) -> None:
    """Tell what was done.

    Raises:
        Failed: the sums do not agree, or lines were rejected and nobody said where to.
    """
    if not sums_agree(totals):
        raise Failed(f"the split does not sum up: {split_line(totals)}", fix="firstcharge ledger verify")
    document: dict[str, Any] = asdict(totals)
    document |= {name: format_money(document[name]) for name in SUMS}
    document |= {
        "resumed_after": run.began.lines,
        "seconds": round(run.elapsed_s, 3),
        "out": str(run.outputs.out),
        "rejects": str(run.outputs.rejects) if totals.rejected or has_asked else None,
    }
    resumed = f" (the first {run.began.lines:,} before)" if run.began.lines else ""
    text = f"Bill {run.charges.name} done: {totals.lines:,} lines{resumed} in {run.elapsed_s:.1f} s"
    shell.done(document, f"{text}\n{split_line(totals)}")
    if totals.rejected and not has_asked:
        raise Failed(
            f"{totals.rejected:,} line{'s' if totals.rejected > 1 else ''} could not be read; all others are done",
            fix=f"see {run.outputs.rejects} for their numbers and what is wrong; give --rejects to expect them",
        )
