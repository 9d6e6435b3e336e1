"""Connections that ask and do not read. Arguments: host:port, connections, file or pipelined, seconds.

Says "ready" when all have asked, and holds them for the seconds.
"""

import resource
import socket
import sys
import time

address, count, mode, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
host, port = address.split(":")
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
if mode == "file":
    request = b"GET /files/large HTTP/1.1\r\nHost: a\r\n\r\n"
else:
    request = b"GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n" * 10_000

clients = []
for _ in range(count):
    client = socket.socket()
    # Next to nothing fits into the client's own system.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((host, int(port)))
    client.setblocking(False)
    clients.append([client, request])

# Each goes on asking until the server takes no more.
end = time.monotonic() + seconds
ready = False
while time.monotonic() < end:
    moved = 0
    for entry in clients:
        client, left = entry
        try:
            sent = client.send(left) if left else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            sent, entry[1] = 0, b""
        entry[1] = entry[1][sent:]
        moved += sent
    if not moved:
        if not ready:
            print("ready", flush=True)
            ready = True
        time.sleep(0.2)
