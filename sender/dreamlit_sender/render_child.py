"""The process that renders for the sender, started as `python -m dreamlit_sender.render_child`.

It reads requests (pickles of the sender's own) from stdin and writes answers (JSON) to stdout, each behind
a length of four bytes, and ends with its stdin. Rendering has a process of its own because it computes: a
slow template must not hold up deliveries, and the limit on a template's time needs the main thread.
"""

from __future__ import annotations

import json
import pickle
import struct
import sys
from typing import Any, BinaryIO


def read_frame(stream: BinaryIO) -> Any:
    """Return the next request, None at the end."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    return pickle.loads(stream.read(struct.unpack(">I", head)[0]))  # noqa: S301 - from the sender itself


def write_frame(stream: BinaryIO, document: Any) -> None:
    """Write one answer."""
    data = json.dumps(document).encode("utf-8")
    stream.write(struct.pack(">I", len(data)) + data)
    stream.flush()


def answer(request: Any) -> Any:
    """Return {"results": [...]}, or {"error": text} if rendering itself failed."""
    from dreamlit_pg.rendering import render_batch

    return {
        "results": render_batch(
            request["channel"], request["templates"], request["files"], request["contexts"]
        )
    }


def main() -> None:
    """Answer requests until stdin ends."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a stray print must not get between the frames
    while (request := read_frame(requests)) is not None:
        try:
            document = answer(request)
        except Exception as error:  # noqa: BLE001 - the parent decides what a failure means
            document = {"error": f"{type(error).__name__}: {error}"[:500]}
        write_frame(answers, document)


if __name__ == "__main__":
    main()
