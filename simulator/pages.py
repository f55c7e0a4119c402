"""The web phone and its files, read once from the package and served with a validator."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from simulator.http import Call, Reply, Routes

PAGES = {"/": "phone.html", "/inbox": "inbox.html", "/network": "network.html"}

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    body: bytes
    content_type: str
    tag: str


class Pages:
    """Every static file under its path; nothing outside the package can be asked for."""

    def __init__(self) -> None:
        folder = files("simulator") / "static"
        found = {one.name: _read(one.name, one.read_bytes()) for one in folder.iterdir() if one.is_file()}
        self._by_path = {path: found[name] for path, name in PAGES.items()}
        self._by_path.update({f"/static/{name}": file for name, file in found.items() if not name.endswith(".html")})

    def add_to(self, routes: Routes) -> None:
        """Serve the files."""
        for path in self._by_path:
            routes.add(path, GET=self.serve)

    async def serve(self, call: Call) -> Reply:
        """One file; 304 when the browser has it."""
        file = self._by_path[call.route]
        headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
        if call.request.getHeader("if-none-match") == file.tag:
            return Reply(status=304, body=b"", content_type=file.content_type, headers=headers)
        return Reply(body=file.body, content_type=file.content_type, headers=headers)


def _read(name: str, body: bytes) -> _File:
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    return _File(body=body, content_type=_TYPES[name.rpartition(".")[2]], tag=tag)
