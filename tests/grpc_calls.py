"""gRPC by grpcio on both sides of a gateway: a server without generated code, and calls of every kind.

grpc_calls.py serve [CERTIFICATE KEY]    prints its port, then a line for every call that was cancelled
grpc_calls.py serve FILE                 the same on a socket of the file system; prints 1
grpc_calls.py call PORT                  calls it through the gateway; prints `ok`
"""

import sys
import threading
import time
from concurrent import futures

import grpc

SERVICE = "calls.Echo"


def unary(request, context):
    assert dict(context.invocation_metadata())["x-key"] == "value"
    # The deadline of the call is known here too.
    assert 0 < context.time_remaining() < 60, context.time_remaining()
    context.send_initial_metadata((("x-first", "1"),))
    context.set_trailing_metadata((("x-last", "2"), ("x-bytes-bin", b"\0\xff")))
    return request


def fail(request, context):
    context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x05\x12\x04lost"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: ü 100%")


def both(requests, context):
    for request in requests:
        yield request * 2


def many(request, context):
    for _ in range(int(request)):
        yield b"x" * 100_000


def count(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def forever(request, context):
    over = threading.Event()
    context.add_callback(over.set)
    yield b"begun"
    over.wait(30)
    print("cancelled", flush=True)


def slow(request, context):
    time.sleep(10)
    return b"late"


def serve(pair):
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Many": grpc.unary_stream_rpc_method_handler(many),
        "Count": grpc.stream_unary_rpc_method_handler(count),
        "Forever": grpc.unary_stream_rpc_method_handler(forever),
        "Slow": grpc.unary_unary_rpc_method_handler(slow),
    }
    server = grpc.server(futures.ThreadPoolExecutor(32))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    if len(pair) == 1:
        port = server.add_insecure_port(f"unix:{pair[0]}")
    elif pair:
        certificate, key = (open(file, "rb").read() for file in pair)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def call(port):
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    way = lambda name: f"/{SERVICE}/{name}"
    patience = 30

    answer, made = channel.unary_unary(way("Unary")).with_call(
        b"hello", metadata=(("x-key", "value"),), timeout=patience
    )
    assert answer == b"hello", answer
    assert dict(made.initial_metadata())["x-first"] == "1"
    last = dict(made.trailing_metadata())
    assert last["x-last"] == "2" and last["x-bytes-bin"] == b"\0\xff", last

    try:
        channel.unary_unary(way("Fail"))(b"", timeout=patience)
        raise AssertionError("no failure")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        assert error.details() == "no such thing: ü 100%", error.details()
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        assert details == b"\x08\x05\x12\x04lost", details

    # Each answer comes before the next message is sent: neither direction waits for the other's end.
    turns = threading.Semaphore(1)

    def messages():
        for index in range(50):
            assert turns.acquire(timeout=patience)
            yield str(index).encode()

    for index, answer in enumerate(channel.stream_stream(way("Both"))(messages(), timeout=patience)):
        assert answer == str(index).encode() * 2, answer
        turns.release()
    assert index == 49

    # More than any window, both ways, read slowly.
    received = 0
    for answer in channel.unary_stream(way("Many"))(b"100", timeout=patience):
        received += len(answer)
        time.sleep(0.002)
    assert received == 10_000_000, received
    pieces = (b"y" * 100_000 for _ in range(100))
    assert channel.stream_unary(way("Count"))(pieces, timeout=patience) == b"10000000"

    stream = channel.unary_stream(way("Forever"))(b"")
    assert next(stream) == b"begun"
    stream.cancel()

    begun = time.monotonic()
    try:
        channel.unary_unary(way("Slow"))(b"", timeout=0.5)
        raise AssertionError("no deadline")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    assert time.monotonic() - begun < 5

    # Many at once share a connection.
    calls = [
        channel.unary_unary(way("Unary")).future(str(n).encode(), metadata=(("x-key", "value"),), timeout=patience)
        for n in range(200)
    ]
    assert [made.result(patience) for made in calls] == [str(n).encode() for n in range(200)]
    print("ok", flush=True)


if sys.argv[1] == "serve":
    serve(sys.argv[2:])
else:
    call(int(sys.argv[2]))
