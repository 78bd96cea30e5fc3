"""A WebSocket server and a client of the library `websockets`, with a gateway between them.

Prints the server's port, reads the gateway's, and prints `ok` once everything has come back.
"""

import asyncio
import os
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def main():
    async with serve(echo, "127.0.0.1", 0, max_size=None, subprotocols=["chat"]) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        gateway = (await asyncio.to_thread(sys.stdin.readline)).strip()
        url = f"ws://127.0.0.1:{gateway}/bare/echo"
        async with connect(url, max_size=None, subprotocols=["chat"]) as client:
            assert client.subprotocol == "chat", client.subprotocol
            for message in ["hello", "", b"\0" * 70_000, os.urandom(1 << 20), "ü" * 9]:
                await client.send(message)
                assert await client.recv() == message
            await client.send(["in ", "three ", "pieces"])
            assert await client.recv() == "in three pieces"
            await (await client.ping())
            await client.close(4000, "done")
            assert (client.close_code, client.close_reason) == (4000, "done")
        print("ok", flush=True)


asyncio.run(asyncio.wait_for(main(), 60))
