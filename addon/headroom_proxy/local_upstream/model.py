"""What passes between the local upstream's servers and what answers for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

type Headers = tuple[tuple[str, str], ...]


class Flag(Protocol):
    """Something that is set at some time by someone else, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether it is time."""


class Cut(Enum):
    """The connection (HTTP/1.1) or the stream (HTTP/2) ends here without a proper end."""

    CUT = "cut"


CUT = Cut.CUT

type Piece = bytes | float | Flag | Cut
"""Bytes to send at once; seconds to wait; a flag to wait for; or a cut."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it reached the upstream. Header names are in lower case, in the order in which they came."""

    method: str
    host: str
    path: str
    headers: Headers
    raw: bytes
    """The body as it was on the wire, after transfer decoding."""
    content: bytes
    """The body after content decoding; equal to `raw` where there is no content-encoding or it does not hold."""
    http_version: str
    """`HTTP/1.1` or `HTTP/2.0`."""

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        """The decoded body as JSON. Raises ValueError or RecursionError."""
        return json.loads(self.content)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its body goes out piece by piece, each byte piece in a write of its own."""

    status: int
    headers: Headers
    chunks: Iterable[Piece]

    @classmethod
    def whole(cls, status: int, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> Answer:
        """A response that is sent at once, with its length declared."""
        return cls(status, (*headers, ("content-length", str(len(body)))), (body,))

    def held_before_last(self, flag: Flag) -> Answer:
        """The same, but the last piece is only sent once `flag` is set."""
        pieces = tuple(self.chunks)
        return replace(self, chunks=(*pieces[:-1], flag, *pieces[-1:]))
