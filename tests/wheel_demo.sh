#!/usr/bin/env bash
# Build the wheel, install it into a clean environment in another folder and run the whole demo there: a flat
# layout otherwise hides what the wheel forgets.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/.venv/bin/python" -m build --wheel --no-isolation --outdir "$work/dist" "$root" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$root/.venv/bin/python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$root/requirements.lock"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps "$work"/dist/*.whl
cd "$work"
ports=$("$work/venv/bin/python" - <<'PY'
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in held))
PY
)
read -r http sim smpp <<<"$ports"
"$work/venv/bin/firstcharge" demo --exit --dir "$work/data" --http-port "$http" --sim-port "$sim" --smpp-port "$smpp"
