"""WebSocket on HTTP/2 streams (RFC 8441): a client of the libraries `h2` and `wsproto`, a server
(websocket_servers.py), and a gateway between them.

websocket_streams.py BASE VERSION [SERVER…]    as for websocket_peers.py

Prints the server's port, reads the gateway's, and prints `ok` once everything has come back.
"""

import asyncio
import os
import socket
import sys

import h2.connection
import h2.events
import h2.settings
import websocket_servers
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

BASE, VERSION, *SERVER = sys.argv[1:]


class Client:
    """One HTTP/2 connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection()
        self.h2.initiate_connection()
        self.heads, self.bytes, self.ends = {}, {}, {}
        self.flush()
        enabled = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL
        self.until(lambda: self.h2.remote_settings.get(enabled) == 1)

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def until(self, condition):
        while not condition():
            data = self.socket.recv(65536)
            assert data, "the connection ended"
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    self.heads[event.stream_id] = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    self.bytes[event.stream_id] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.ends[event.stream_id] = "end"
                elif isinstance(event, h2.events.StreamReset):
                    self.ends.setdefault(event.stream_id, int(event.error_code))
            self.flush()

    def connect(self, path, *fields, protocol="websocket"):
        stream = self.h2.get_next_available_stream_id()
        self.bytes[stream] = bytearray()
        head = [
            (":method", "CONNECT"),
            (":protocol", protocol),
            (":scheme", "http"),
            (":path", path),
            (":authority", "h.test"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat"),
        ]
        self.h2.send_headers(stream, head + list(fields))
        self.flush()
        self.until(lambda: stream in self.heads)
        return stream

    def send(self, stream, data):
        while data:
            window = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if window == 0:
                self.until(lambda: self.h2.local_flow_control_window(stream) > 0)
                continue
            self.h2.send_data(stream, data[:window])
            data = data[window:]
            self.flush()


class WebSocket:
    """One stream that has become a WebSocket."""

    def __init__(self, client, path, *fields, extensions=()):
        self.client = client
        self.stream = client.connect(path, *fields)
        self.head = client.heads[self.stream]
        assert self.head[b":status"] == b"200", self.head
        for gone in [b"sec-websocket-accept", b"upgrade", b"connection", b"content-length"]:
            assert gone not in self.head, self.head
        for extension in extensions:
            extension.finalize(self.head[b"sec-websocket-extensions"].decode())
        self.ws = Connection(ConnectionType.CLIENT, list(extensions))
        self.events = []

    def send(self, event):
        self.client.send(self.stream, self.ws.send(event))

    def receive(self):
        while not self.events:
            self.client.until(lambda: self.client.bytes[self.stream])
            data, self.client.bytes[self.stream] = self.client.bytes[self.stream], bytearray()
            self.ws.receive_data(bytes(data))
            self.events = list(self.ws.events())
        return self.events.pop(0)

    def message(self):
        pieces = []
        while True:
            event = self.receive()
            pieces.append(event.data)
            if event.message_finished:
                return type(event.data)().join(pieces)

    def close(self, code, reason):
        self.send(CloseConnection(code=code, reason=reason))
        answer = self.receive()
        assert (answer.code, answer.reason) == (code, reason), answer
        if SERVER[:1] == ["hypercorn"]:
            # It leaves the end of the stream to its client.
            self.client.h2.reset_stream(self.stream)
            return self.client.flush()
        self.client.until(lambda: self.stream in self.client.ends)
        assert self.client.ends[self.stream] == "end", self.client.ends


def echoes(client, seen):
    plain = WebSocket(client, f"{BASE}/echo", ("x-a", "1"))
    assert plain.head[b"sec-websocket-protocol"] == b"chat"
    path, fields, version = seen.handshakes[0]
    assert (path, version, fields["x-a"], fields["host"]) == (f"{BASE}/echo", VERSION, "1", "h.test"), fields
    assert ("sec-websocket-key" in fields) == (VERSION == "1.1"), fields

    plain.send(Ping(payload=b"there?"))
    answer = plain.receive()
    assert isinstance(answer, Pong) and answer.payload == b"there?", answer
    for text in ["hello", "", "ü" * 40_000]:
        plain.send(TextMessage(data=text))
        assert plain.message() == text
    large = os.urandom(16 << 20)
    # Another stream goes on while this one is full of bytes.
    other = WebSocket(client, f"{BASE}/other")
    plain.send(BytesMessage(data=large))
    other.send(TextMessage(data="meanwhile"))
    assert other.message() == "meanwhile"
    assert plain.message() == large
    plain.send(TextMessage(data="in ", message_finished=False))
    plain.send(TextMessage(data="pieces"))
    assert plain.message() == "in pieces"
    plain.close(4000, "done")

    deflate = PerMessageDeflate()
    offer = ("sec-websocket-extensions", f"permessage-deflate; {deflate.offer()}".rstrip("; "))
    packed = WebSocket(client, f"{BASE}/packed", offer, extensions=[deflate])
    assert deflate.enabled()
    packed.send(TextMessage(data="again " * 50_000))
    assert packed.message() == "again " * 50_000
    packed.close(1000, "")

    leaving = WebSocket(client, f"{BASE}/bye")
    event = leaving.receive()
    assert (event.code, event.reason) == (4001, "bye"), event
    if SERVER[:1] != ["hypercorn"]:
        # It takes the whole connection down for what comes behind its end of a stream.
        leaving.send(event.response())
    client.until(lambda: leaving.stream in client.ends)
    assert client.ends[leaving.stream] == "end"

    # A stream that is cancelled is over for the server, and for nobody else.
    before = len(seen.handshakes)
    gone = WebSocket(client, f"{BASE}/gone")
    client.h2.reset_stream(gone.stream, 8)
    client.flush()
    other.send(TextMessage(data="still here"))
    assert other.message() == "still here"
    other.close(1000, "")
    assert len(seen.handshakes) == before + 1


def refusals(client):
    """What the gateway of tests/specs/main.yaml has before its backend."""
    refused = client.connect("/m/auth")
    assert client.heads[refused][b":status"] == b"401", client.heads[refused]
    allowed = WebSocket(client, "/m/auth", ("authorization", "Basic dTpzZWNyZXQ="))
    allowed.close(1000, "")
    unknown = client.connect("/bare/echo", protocol="connect-udp")
    assert client.heads[unknown][b":status"] == b"501", client.heads[unknown]


def drive(port, seen):
    client = Client(port)
    echoes(client, seen)
    if BASE == "/bare":
        refusals(client)


async def main():
    async with websocket_servers.run(SERVER) as (server, seen):
        print(server, flush=True)
        port = int((await asyncio.to_thread(sys.stdin.readline)).strip())
        await asyncio.to_thread(drive, port, seen)
        # The cancelled one too has ended.
        while seen.open:
            await asyncio.sleep(0.01)
        print("ok", flush=True)


asyncio.run(asyncio.wait_for(main(), 180))
