"""WebSockets in numbers, with the library `websockets`.

`serve`: an echo server; prints its port.
`PORT COUNT`: that many clients of a gateway; prints the port once all are open, then a line `answered N` for each
round of messages that all have come back, and `closed N` when connections have ended.
"""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

PAUSE = 0.25
PATIENCE = 20


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def run_server():
    async with serve(echo, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def ask(socket, message):
    try:
        await socket.send(message)
        return await socket.recv() == message
    except ConnectionClosed:
        return False


async def run_clients(port, count):
    url = f"ws://127.0.0.1:{port}/chat"
    # Pings would end a connection by themselves.
    sockets = [await connect(url, ping_interval=None) for _ in range(count)]
    print(port, flush=True)
    number, closed = 0, 0
    while sockets:
        number += 1
        asked = [ask(socket, f"{number} {place}") for place, socket in enumerate(sockets)]
        answers = await asyncio.wait_for(asyncio.gather(*asked), PATIENCE)
        open_sockets = [socket for socket, answered in zip(sockets, answers) if answered]
        if len(open_sockets) < len(sockets):
            closed += len(sockets) - len(open_sockets)
            print("closed", closed, flush=True)
        else:
            print("answered", len(sockets), flush=True)
        sockets = open_sockets
        await asyncio.sleep(PAUSE)


if sys.argv[1] == "serve":
    asyncio.run(run_server())
else:
    asyncio.run(run_clients(int(sys.argv[1]), int(sys.argv[2])))
