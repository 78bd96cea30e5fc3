"""A WebSocket client of the library `websockets`, a server (websocket_servers.py), and a gateway between them.

websocket_peers.py BASE VERSION [SERVER…]    BASE: the path of the gateway's route; VERSION: of HTTP, as the server
                                             is to see it

Prints the server's port, reads the gateway's, and prints `ok` once everything has come back.
"""

import asyncio
import os
import sys

import websocket_servers
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed, InvalidStatus

BASE, VERSION, *SERVER = sys.argv[1:]
# After a close, hypercorn leaves the end of a stream to its client, which waits for it as long.
PATIENCE = 1 if SERVER[:1] == ["hypercorn"] else 10


def connect(url, **rest):
    return websockets.asyncio.client.connect(url, close_timeout=PATIENCE, ping_interval=None, **rest)


async def echoes(url):
    async with connect(f"{url}/echo", max_size=None, subprotocols=["chat"]) as client:
        assert client.subprotocol == "chat", client.subprotocol
        # Compression is the peers' own business, and both want it.
        assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
        large = os.urandom(16 << 20)
        for message in ["hello", "", b"\0" * 70_000, os.urandom(1 << 20), "ü" * 9, "again " * 50_000, large]:
            await client.send(message)
            assert await client.recv() == message
        await client.send(["in ", "three ", "pieces"])
        assert await client.recv() == "in three pieces"
        await (await client.ping(b"there?"))
        await client.close(4000, "done")
        assert (client.close_code, client.close_reason) == (4000, "done")


async def plain(url):
    async with connect(f"{url}/plain", max_size=None, compression=None) as client:
        assert client.protocol.extensions == [], client.protocol.extensions
        assert client.subprotocol is None, client.subprotocol
        # As many fragments as bytes, with a ping between them.
        pieces = asyncio.create_task(client.send(iter("fragments" * 100)))
        await (await client.ping())
        await pieces
        assert await client.recv() == "fragments" * 100
        await client.close()
        assert client.close_code == 1000, client.close_code


async def pinged(url):
    async with connect(f"{url}/ping") as client:
        assert await client.recv() == "pong"


async def closed_by_the_server(url):
    async with connect(f"{url}/bye") as client:
        try:
            await client.recv()
            raise AssertionError("a message")
        except ConnectionClosed as error:
            assert (error.rcvd.code, error.rcvd.reason) == (4001, "bye"), error


async def lost(url, seen):
    """A client that vanishes without a close: its server notices."""
    async with connect(f"{url}/gone") as client:
        await client.send("here")
        assert await client.recv() == "here"
        assert seen.open == 1, seen.open
        client.transport.abort()
    while seen.open:
        await asyncio.sleep(0.01)


async def refused(url):
    try:
        async with connect(f"{url}/no"):
            raise AssertionError("no refusal")
    except InvalidStatus as error:
        assert error.response.status_code == 403, error


async def many(url):
    """At once, on whatever connections to the backend."""

    async def one(number):
        async with connect(f"{url}/{number}") as client:
            for _ in range(20):
                await client.send(str(number))
                assert await client.recv() == str(number)

    await asyncio.gather(*(one(number) for number in range(20)))


async def main():
    async with websocket_servers.run(SERVER) as (server, seen):
        print(server, flush=True)
        gateway = (await asyncio.to_thread(sys.stdin.readline)).strip()
        url = f"ws://127.0.0.1:{gateway}{BASE}"
        await echoes(url)
        path, fields, version = seen.handshakes[0]
        assert (path, version) == (f"{BASE}/echo", VERSION), seen.handshakes
        assert fields["sec-websocket-version"] == "13", fields
        assert ("sec-websocket-key" in fields) == (VERSION == "1.1"), fields
        await plain(url)
        if SERVER[:1] == ["hypercorn"]:
            await refused(url)
        else:
            await pinged(url)
        while seen.open:
            await asyncio.sleep(0.01)
        await lost(url, seen)
        if SERVER[:1] != ["both"]:
            await many(url)
        # Last: for a client's answer to its close, hypercorn takes the whole connection down.
        await closed_by_the_server(url)
        assert {version for _, _, version in seen.handshakes} == {VERSION}, seen.handshakes
        print("ok", flush=True)


asyncio.run(asyncio.wait_for(main(), 180))
