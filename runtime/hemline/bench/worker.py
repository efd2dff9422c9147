"""
The child's end: measures what it is told to, in a process of its own.

So memory, load time and first inference are those of one artifact, and an engine that crashes takes nothing with it.
Libraries print to stdout as they like; the messages go another way.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    """Read a plan from stdin, write messages to what was stdout; wait for a line after each."""
    with os.fdopen(os.dup(1), "w") as channel:
        os.dup2(2, 1)

        def tell(message: dict[str, Any]) -> None:
            channel.write(json.dumps(message) + "\n")
            channel.flush()
            if not sys.stdin.readline():
                os._exit(0)  # the parent is gone: nobody waits for the rest

        from hemline.bench.plan import Plan
        from hemline.errors import HemlineError

        plan = Plan.parse(sys.stdin.readline())
        try:
            from hemline.bench.measuring import measured

            for message in measured(plan):
                tell(message)
            tell({"done": True})
        except HemlineError as error:
            tell({"failed": str(error), "status": error.exit_status})
