"""What a connection costs that a client keeps without asking. Called by run.py."""

import socket

import peers

# Within the limits of all proxies, and of a process's descriptors.
CONNECTIONS = 500


def per_connection(name, place):
    """KiB resident for each connection that has had an answer and says nothing more."""
    process, listen = peers.start(name, **place)
    host, port = listen.split(":")
    held = []

    def one_more():
        connection = socket.create_connection((host, int(port)), timeout=peers.START_SECONDS_MAX)
        held.append(connection)
        connection.sendall(b"GET /1k HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = connection.makefile("rb")
        if b" 200 " not in answer.readline():
            raise SystemExit(f"{name} does not answer")
        while answer.readline().strip():
            pass
        if len(answer.read(1_024)) != 1_024:
            raise SystemExit(f"{name} answers half")

    try:
        one_more()
        before = peers.resident_kib(process)
        for _ in range(CONNECTIONS):
            one_more()
        return (peers.resident_kib(process) - before) / CONNECTIONS
    finally:
        for connection in held:
            connection.close()
        peers.stop(process)
