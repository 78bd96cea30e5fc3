"""A backend's end of TLS by Python's ssl (OpenSSL): what comes in is piped to a backend in clear text.

tls_end.py BACKEND CERTIFICATE KEY [--clients FILE] [--tls11] [--tls12] [--stall] [--cut]

Prints its port; then a line for every handshake, good or bad: version, server name, whether the session was
resumed, and the subject of the client's certificate; or the error.
"""

import argparse
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
    # One thread reads the session, another writes it: OpenSSL's lock is Python's.
    def close():
        try:
            if not options.cut:
                session.unwrap()
        except (ssl.SSLError, OSError):
            pass
        try:
            session.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    down = threading.Thread(target=pipe, args=(backend, session, close), daemon=True)
    down.start()
    pipe(session, backend, lambda: None)
    try:
        backend.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    down.join()


listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(listener.getsockname()[1], flush=True)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
