"""Servers of live markers: lines of JSON over TCP, a trial for each connection, or in UDP datagrams."""

from __future__ import annotations

import socketserver
from collections.abc import Callable
from typing import Any

from trcaugment.live.lines import MAX_LINE_BYTES, LineSession, Open

MAX_SENDERS = 32  # of datagrams, whose trials are in memory; the one that was silent for longest makes room
Say = Callable[[str], None]


class TcpServer(socketserver.ThreadingTCPServer):
    """Every connection is a session in a thread of its own; a client that fails or goes away ends only its own."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], open_stream: Open, say: Say) -> None:
        """Listen at (host, port); port 0 takes a free one, see `server_address`. `say` gets a line for each event.

        Raises:
            OSError: the address cannot be used.
        """
        self.open_stream, self.say = open_stream, say
        super().__init__(address, _Connection)


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, TcpServer)
        client = f"{self.client_address[0]}:{self.client_address[1]}"
        server.say(f"{client} connected")
        session = LineSession(server.open_stream)
        try:
            while line := self.rfile.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    server.say(f"{client}: expected lines of {MAX_LINE_BYTES:,} bytes at most, found more; hung up")
                    return
                self._send(session.take(line))
            self._send(session.finish())
            server.say(f"{client} is done")
        except OSError as error:
            server.say(f"{client} went away ({error})")

    def _send(self, replies: list[bytes]) -> None:
        if replies:
            self.wfile.write(b"".join(reply + b"\n" for reply in replies))


class UdpServer(socketserver.UDPServer):
    """A datagram holds one line; replies go to its sender, who has a session of its own."""

    max_packet_size = 65_535

    def __init__(self, address: tuple[str, int], open_stream: Open, say: Say) -> None:
        """As for `TcpServer`."""
        self.open_stream, self.say = open_stream, say
        self.sessions: dict[Any, LineSession] = {}
        super().__init__(address, _Datagram)

    def session(self, sender: Any) -> LineSession:
        """The sender's session, now the last of all."""
        session = self.sessions.pop(sender, None)
        if session is None:
            self.say(f"{sender[0]}:{sender[1]} sends")
            session = LineSession(self.open_stream)
        self.sessions[sender] = session
        if len(self.sessions) > MAX_SENDERS:
            silent = next(iter(self.sessions))
            del self.sessions[silent]
            self.say(f"{silent[0]}:{silent[1]} was silent for longest; its trial is forgotten")
        return session


class _Datagram(socketserver.DatagramRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, UdpServer)
        for reply in server.session(self.client_address).take(self.packet):
            try:
                self.socket.sendto(reply + b"\n", self.client_address)
            except OSError as error:
                server.say(f"{self.client_address[0]}:{self.client_address[1]} went away ({error})")

    def finish(self) -> None:
        """Nothing more: every reply was a datagram of its own."""
