"""An HTTP/1.1 backend on a socket of the file system, by Python's own server.

unix_backend.py FILE [QUEUE]    prints 0 when it listens, then a line for every request: METHOD PATH HOST CONNECTION

Answers with the body of the request, or with its path if there is none; below /tick with a chunk every 50 ms. QUEUE:
how many connections wait in its queue; with 0 it takes none until a line comes on standard input.
"""

import http.server
import itertools
import os
import socketserver
import sys
import time

connections = itertools.count()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.number = next(connections)
        super().setup()

    def answer(self):
        # In one piece: other threads write too.
        line = f"{self.command} {self.path} {self.headers['Host']} {self.number}\n"
        print(line, end="", flush=True)
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) or self.path.encode()
        self.send_response(200)
        if self.path.startswith("/tick"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(4):
                self.wfile.write(b"4\r\ntick\r\n")
                time.sleep(0.05)
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = answer

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = int(sys.argv[2]) if len(sys.argv) > 2 else 128


if os.path.exists(sys.argv[1]):
    os.remove(sys.argv[1])
server = Server(sys.argv[1], Handler)
print(0, flush=True)
if server.request_queue_size == 0:
    sys.stdin.readline()
server.serve_forever()
