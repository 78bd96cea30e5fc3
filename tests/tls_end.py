"""A backend's end of TLS by Python's ssl (OpenSSL): what comes in is piped to a backend in clear text.

tls_end.py BACKEND CERTIFICATE KEY [--clients FILE] [--tls11] [--tls12] [--stall] [--cut]

Prints its port; then a line for every handshake, good or bad: version, server name, whether the session was
resumed, and the subject of the client's certificate; or the error.
"""

import argparse
import select
import socket
import ssl
import sys
import threading

parser = argparse.ArgumentParser()
parser.add_argument("backend", type=int)
parser.add_argument("certificate")
parser.add_argument("key")
parser.add_argument("--clients", help="clients must show a certificate of this authority")
parser.add_argument("--tls11", action="store_true", help="TLS 1.1 and nothing else")
parser.add_argument("--tls12", action="store_true", help="TLS 1.2 and nothing else")
parser.add_argument("--stall", action="store_true", help="never answer a handshake")
parser.add_argument("--cut", action="store_true", help="end without a closure alert")
options = parser.parse_args()

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(options.certificate, options.key)
if options.clients:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(options.clients)
if options.tls11:
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
if options.tls12:
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2

names = threading.local()
context.sni_callback = lambda session, name, context: setattr(names, "name", name)


class Session:
    """A session that one thread reads while another writes it, each in its turn: OpenSSL's sessions are not made
    for two threads, and Python lets go of its own lock in every call (CPython 3.11's _ssl.c)."""

    def __init__(self, session):
        session.setblocking(False)
        self.session = session
        self.turn = threading.Lock()

    def in_turn(self, act):
        poll = select.poll()
        while True:
            try:
                with self.turn:
                    return act()
            except ssl.SSLWantReadError:
                poll.register(self.session, select.POLLIN)
            except ssl.SSLWantWriteError:
                poll.register(self.session, select.POLLOUT)
            poll.poll()

    def recv(self, most):
        return self.in_turn(lambda: self.session.recv(most))

    def sendall(self, data):
        data = memoryview(data)
        while data:
            data = data[self.in_turn(lambda: self.session.send(data)) :]

    def unwrap(self):
        self.in_turn(self.session.unwrap)


def pipe(source, sink, end):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    end()


def serve(plain):
    if options.stall:
        while plain.recv(65536):
            pass
        return
    names.name = None
    try:
        session = context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=True)
    except (ssl.SSLError, OSError) as error:
        print("error", error, flush=True)
        return
    peer = session.getpeercert()
    subject = peer["subject"][0][0][1] if peer else "nobody"
    print(session.version(), names.name, f"resumed={session.session_reused}", subject, flush=True)
    backend = socket.create_connection(("127.0.0.1", options.backend))
    turns = Session(session)

    def close():
        try:
            if not options.cut:
                turns.unwrap()
        except (ssl.SSLError, OSError):
            pass
        try:
            session.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    down = threading.Thread(target=pipe, args=(backend, turns, close), daemon=True)
    down.start()
    pipe(turns, backend, lambda: None)
    try:
        backend.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    down.join()


listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(listener.getsockname()[1], flush=True)
while True:
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
