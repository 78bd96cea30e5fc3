"""An HTTP/2 backend by the library `h2` that does what servers may: refuses streams, says goodbye, limits how
many there are.

h2_backend.py MODE [IP PORT]    prints its port, then a line for every connection (`connection N`) and every request that
it answers (`N METHOD PATH BYTES`); of paths that begin with /slow also `begun PATH` and `part PATH`

plain     answers every request with its body's length, and with trailers if its path ends so, of which those
          that end with unannounced say nothing before, and how long the body is; bodies of paths that begin with /endless have no end, in pieces of 8 bytes if they end with drops
refuse    refuses the first stream of every connection but the first request's second try
goodbye   answers one request per connection, then GOAWAY; what comes after it is not processed
one       one stream at a time
reset     resets every stream in its body
mute      answers one request per connection, and says nothing to others
early     answers before the body is there, and resets the rest without error
tunnel    takes CONNECT with a protocol (`connect PATH PROTOCOL`), unless the path ends so: `no` gets 403, `reset`
          is reset; says hello, echoes what comes, says bye at the end; `reset PATH` if it is reset
late      as tunnel, but says nothing before it has got a PING
silent    takes connections and says nothing at all
"""

import socket
import sys
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

mode = sys.argv[1]
refused = 0
full = set()
lock = threading.Lock()


def say_of_slow(what, request):
    path = dict(request)[b":path"].decode()
    if path.startswith("/slow"):
        with lock:
            print(what, path, flush=True)


def pour(connection, endless):
    """Sends as much as there is room for; `full PATH` once, when there is none."""
    for stream, path in list(endless.items()):
        piece = 8 if path.endswith("drops") else connection.max_outbound_frame_size
        while room := connection.local_flow_control_window(stream):
            connection.send_data(stream, b"x" * min(piece, room))
        if path not in full:
            full.add(path)
            with lock:
                print("full", path, flush=True)


def answer(connection, stream, number, request, size):
    method = dict(request)[b":method"].decode()
    path = dict(request)[b":path"].decode()
    with lock:
        print(number, method, path, size, flush=True)
    if path.endswith("interim"):
        connection.send_headers(stream, [(":status", "103"), ("link", "</a>")])
    trailers = path.endswith(("trailers", "unannounced"))
    announced = [("trailer", "x-sum")] if trailers else []
    if path.endswith("unannounced"):
        announced = [("content-length", str(len(str(size))))]
    connection.send_headers(stream, [(":status", "200"), ("x-by", "h2"), *announced])
    connection.send_data(stream, str(size).encode(), end_stream=not trailers and mode != "reset")
    if mode == "reset":
        connection.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
        return
    if trailers:
        connection.send_headers(stream, [("x-sum", str(size))], end_stream=True)


def begin_tunnel(connection, stream, request):
    request = dict(request)
    path, protocol = request[b":path"].decode(), request[b":protocol"].decode()
    with lock:
        print("connect", path, protocol, *(name.decode() for name in request if b"key" in name), flush=True)
    if path.endswith("no"):
        connection.send_headers(stream, [(":status", "403"), ("x-why", "full")])
        connection.send_data(stream, b"no", end_stream=True)
        return None
    connection.send_headers(stream, [(":status", "200"), ("x-by", "h2")])
    connection.send_data(stream, b"hello")
    if path.endswith("reset"):
        connection.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
        return None
    return path


def serve(plain, number):
    global refused
    if mode == "silent":
        while plain.recv(65536):
            pass
        return
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    if mode in ("tunnel", "late"):
        taken = {h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
        connection.local_settings = h2.settings.Settings(client=False, initial_values=taken)
    connection.initiate_connection()
    tunnels, quiet = {}, mode == "late"
    if mode == "one":
        connection.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    if not quiet:
        plain.sendall(connection.data_to_send())
    requests, sizes, leaving, endless = {}, {}, False, {}
    with lock:
        print("connection", number, flush=True)
    while data := plain.recv(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                stream = event.stream_id
                if leaving:
                    continue
                if b":protocol" in dict(event.headers):
                    if path := begin_tunnel(connection, stream, event.headers):
                        tunnels[stream] = path
                    continue
                with lock:
                    refuse = mode == "refuse" and refused < 1
                    refused += refuse
                if refuse:
                    connection.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
                    continue
                requests[stream], sizes[stream] = event.headers, 0
                say_of_slow("begun", event.headers)
                if mode == "mute" and stream > 1:
                    del requests[stream]
                if mode == "early":
                    connection.send_headers(stream, [(":status", "413")])
                    connection.send_data(stream, b"too much", end_stream=True)
                    connection.reset_stream(stream, h2.errors.ErrorCodes.NO_ERROR)
                    del requests[stream]
            elif isinstance(event, h2.events.DataReceived):
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if event.stream_id in tunnels:
                    connection.send_data(event.stream_id, event.data)
                if event.stream_id in requests:
                    sizes[event.stream_id] += len(event.data)
                    say_of_slow("part", requests[event.stream_id])
            elif isinstance(event, h2.events.StreamEnded) and event.stream_id in requests:
                stream = event.stream_id
                path = dict(requests[stream])[b":path"].decode()
                if path.startswith("/endless"):
                    connection.send_headers(stream, [(":status", "200")])
                    # Before what takes its time.
                    plain.sendall(connection.data_to_send())
                    endless[stream] = path
                    continue
                answer(connection, stream, number, requests.pop(stream), sizes[stream])
                if mode == "goodbye":
                    leaving = True
                    connection.close_connection(last_stream_id=stream)
            elif isinstance(event, h2.events.StreamEnded) and event.stream_id in tunnels:
                connection.send_data(event.stream_id, b"bye", end_stream=True)
                del tunnels[event.stream_id]
            elif isinstance(event, h2.events.PingReceived):
                quiet = False
            elif isinstance(event, h2.events.StreamReset):
                endless.pop(event.stream_id, None)
                if path := tunnels.pop(event.stream_id, None):
                    with lock:
                        print("reset", path, flush=True)
        pour(connection, endless)
        if not quiet and (out := connection.data_to_send()):
            plain.sendall(out)
        if leaving:
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(65536):
                pass
            return


where = (sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 2 else ("127.0.0.1", 0)
listener = socket.create_server(where, backlog=128)
print(listener.getsockname()[1], flush=True)
number = 0
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted, number), daemon=True).start()
    number += 1
