"""uvicorn's two protocols, with an end for what callers could otherwise make go on forever."""

from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_MOST_FRAGMENTS = 4096
"""Of one message. The longest one, of 1 MiB, then comes in pieces of 256 bytes; an empty piece costs memory, too."""
_TOO_BIG = 1009
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PatientHTTP(H11Protocol):
    """A connection on which no whole request comes is closed like one that is kept alive for nothing."""

    def connection_made(self, transport: object) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait_for_request()

    def _wait_for_request(self) -> None:
        if (
            self.cycle is None
            and self.timeout_keep_alive_task is None
            and self.transport.get_protocol() in (None, self)
        ):
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )


class BoundedSocket(WebSocketsSansIOProtocol):
    """Memory is bounded whatever the other side sends and does not read."""

    _owed = b""
    """Answers to pings, for when the other side reads again."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # Not a handshake after all; uvicorn would wait for another one. The parser may have said why.
            self.transport.write(b"".join(self.conn.data_to_send()) or _BAD_REQUEST)
            self.transport.close()

    def handle_cont(self, event: Any) -> None:
        if len(self.frames) >= _MOST_FRAGMENTS:
            if not self.close_sent:
                self.frames = []
                self.conn.fail(_TOO_BIG, "too many fragments")
                self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Source: RFC 6455 §5.5.3: of several pings the last one may do."""
        answers = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(answers)
        elif answers:
            self._owed = answers

    def resume_writing(self) -> None:
        super().resume_writing()
        owed, self._owed = self._owed, b""
        self.transport.write(owed)
