"""The command line `firstcharge`. Verbs are imported when called, so that `--help` and scripts stay quick."""

import sys


def main() -> int:
    """Run the verb that the command line names; answers the exit code."""
    from gateway.cli.root import run  # noqa: PLC0415 - click only where a command line is read

    return run(sys.argv[1:])
