"""Signed postbacks as a partner sends them (interface.md), written apart from the program's own code."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from system import Reply, http_call


def signature(secret: str, raw: bytes, *, at: float | None = None) -> str:
    """The header's value for a body."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def postback(port: int, partner: str, body: Mapping[str, Any], *, secret: str | None = None) -> Reply:
    """POST a signed postback."""
    raw = json.dumps(body).encode()
    header = signature(secret or f"demo-secret-{partner}", raw)
    return http_call(port, "POST", f"/v1/postbacks/{partner}", raw, {"Firstcharge-Signature": header})
