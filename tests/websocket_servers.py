"""WebSocket servers of libraries that others have written, for websocket_peers.py and websocket_streams.py.

websockets                HTTP/1.1
hypercorn [CERT KEY]      HTTP/2 in clear text, by prior knowledge; with a certificate over TLS, by ALPN
both CERT KEY             over TLS as ALPN has it: HTTP/2 that takes no WebSocket (by h2), or HTTP/1.1 (by websockets)

Each echoes what it gets. Of paths that end with /ping it pings first, if its library can; of those that end with
/bye it closes with 4001.
"""

import asyncio
import contextlib
import socket
import ssl

import h2.config
import h2.connection
import h2.events
import websockets.asyncio.server
from hypercorn.asyncio import serve as hypercorn
from hypercorn.config import Config
from websockets.exceptions import ConnectionClosed

LARGE = 32 << 20


class Seen:
    """The handshakes that a server has got: path, fields by lower-case name, version of HTTP."""

    def __init__(self):
        self.handshakes = []
        self.open = 0

    def add(self, path, fields, version):
        fields = {name.lower(): value for name, value in fields}
        self.handshakes.append((path, fields, version))


@contextlib.asynccontextmanager
async def run(arguments):
    """Runs the server that the arguments name; its port, and what it sees."""
    kind, *pair = arguments or ["websockets"]
    make = {"websockets": of_websockets, "hypercorn": of_hypercorn, "both": of_both}[kind]
    seen = Seen()
    async with make(seen, *pair) as port:
        yield port, seen


async def echo(connection):
    path = connection.request.path
    if path.endswith("/bye"):
        return await connection.close(4001, "bye")
    if path.endswith("/ping"):
        await (await connection.ping(b"there?"))
        await connection.send("pong")
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)


def on_websockets(seen, **rest):
    def see(_, request):
        seen.add(request.path, request.headers.raw_items(), "1.1")

    async def counted(connection):
        seen.open += 1
        try:
            await echo(connection)
        finally:
            seen.open -= 1

    return websockets.asyncio.server.serve(
        counted, max_size=None, ping_interval=None, select_subprotocol=chosen, process_request=see, **rest
    )


def chosen(_, offered):
    return "chat" if "chat" in offered else None


@contextlib.asynccontextmanager
async def of_websockets(seen):
    async with on_websockets(seen, host="127.0.0.1", port=0) as server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def of_hypercorn(seen, certificate=None, key=None):
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config()
    port = listener.getsockname()[1]
    config.bind = [f"fd://{listener.detach()}"]
    config.websocket_max_message_size = LARGE
    config.accesslog = config.errorlog = None
    if certificate:
        config.certfile, config.keyfile = certificate, key
        config.alpn_protocols = ["h2", "http/1.1"]
    over = asyncio.Event()
    serving = asyncio.create_task(hypercorn(application(seen), config, shutdown_trigger=over.wait))
    yield port
    over.set()
    await serving


def application(seen):
    """An ASGI application."""

    async def run(scope, receive, send):
        if scope["type"] == "lifespan":
            return
        fields = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        seen.add(scope["path"], fields, scope["http_version"])
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return await send({"type": "http.response.body", "body": b"no socket"})
        await receive()
        if scope["path"].endswith("/no"):
            return await send({"type": "websocket.close"})
        offered = scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": chosen(None, offered)})
        if scope["path"].endswith("/bye"):
            return await send({"type": "websocket.close", "code": 4001, "reason": "bye"})
        seen.open += 1
        while (message := await receive())["type"] == "websocket.receive":
            kind = "text" if message.get("text") is not None else "bytes"
            await send({"type": "websocket.send", kind: message[kind]})
        seen.open -= 1

    return run


@contextlib.asynccontextmanager
async def of_both(seen, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with on_websockets(seen, host="127.0.0.1", port=0) as inner:
        behind = inner.sockets[0].getsockname()[1]

        async def serve(reader, writer):
            if writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
                return await only_requests(seen, reader, writer)
            other = await asyncio.open_connection("127.0.0.1", behind)
            await asyncio.gather(pipe(reader, other[1]), pipe(other[0], writer))

        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
            yield server.sockets[0].getsockname()[1]


async def pipe(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def only_requests(seen, reader, writer):
    """HTTP/2 whose SETTINGS say nothing of CONNECT (RFC 8441 §3)."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    while True:
        writer.write(connection.data_to_send())
        await writer.drain()
        if not (data := await reader.read(65536)):
            return writer.close()
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                fields = [(name.decode(), value.decode()) for name, value in event.headers]
                seen.add(dict(fields)[":path"], fields, "2")
                connection.send_headers(event.stream_id, [(":status", "200")])
                connection.send_data(event.stream_id, b"no socket", end_stream=True)
