"""Python's http.client: one connection, requests of every kind. Argument: host:port."""

import http.client
import sys

connection = http.client.HTTPConnection(sys.argv[1], timeout=10)


def ask(method, path, body=None, **options):
    connection.request(method, path, body, **options)
    response = connection.getresponse()
    return response.status, response.read()


assert ask("GET", "/plaintext") == (200, b"Hello, World!")
socket = connection.sock
assert ask("HEAD", "/plaintext") == (200, b"")
assert ask("GET", "/users/7") == (200, b"user 7\n")
assert ask("POST", "/echo", b"x" * 100_000) == (200, b"x" * 100_000)
chunks = (b"chunk" * n for n in range(1, 100))
assert ask("POST", "/echo", chunks, encode_chunked=True)[1] == b"chunk" * 4950
assert ask("GET", "/nothing")[0] == 404
assert connection.sock is socket, "the connection was not kept"
# An answer before the body is read must not be lost.
assert ask("POST", "/echo", b"x" * (3 << 20))[0] == 413
