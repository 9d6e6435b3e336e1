"""aiohttp: many requests at once on a few kept connections. Argument: host:port."""

import asyncio
import sys

import aiohttp

BASE = f"http://{sys.argv[1]}"


async def chunks():
    for _ in range(100):
        yield b"chunk"


async def main():
    connector = aiohttp.TCPConnector(limit=8)
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def get(number):
            async with session.get(f"{BASE}/users/{number}") as response:
                assert await response.text() == f"user {number}\n"

        await asyncio.gather(*(get(number) for number in range(500)))
        async with session.post(f"{BASE}/echo", data=chunks()) as response:
            assert await response.read() == b"chunk" * 100
        async with session.post(f"{BASE}/echo", data=b"x" * 500_000, expect100=True) as response:
            assert len(await response.read()) == 500_000
        async with session.head(f"{BASE}/plaintext") as response:
            assert response.headers["content-length"] == "13"


asyncio.run(main())
