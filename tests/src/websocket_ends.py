"""Both ends of WebSockets, by the library of another vendor (PyPI `websockets`).

`server` prints its port and echoes; `client URL` tries what a client does and
fails with what was wrong. Every wait has a bound.
"""

import asyncio
import os
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATIENCE = 30
LARGE = 20_000_000


async def server():
    async def echo(socket):
        try:
            async for message in socket:
                if message == "leave":
                    await socket.close(4001, "as asked")
                    return
                await socket.send(message)
        except ConnectionClosed:
            pass

    async with serve(echo, "127.0.0.1", 0, max_size=None, subprotocols=["chat"]) as running:
        print(running.sockets[0].getsockname()[1], flush=True)
        # Until whoever has started it closes its input.
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def opened(url):
    context = None
    if url.startswith("wss:"):
        context = ssl.create_default_context(cafile=os.environ["CA"])
    return connect(
        url, ssl=context, max_size=None, subprotocols=["chat"], open_timeout=PATIENCE
    )


async def talk(url):
    async with opened(url) as socket:
        assert socket.subprotocol == "chat", socket.subprotocol
        assert "permessage-deflate" in str(socket.response.headers), socket.response.headers
        for message in ["text", "", "é" * 1000, b"\x00\xff" * 50_000]:
            await socket.send(message)
            assert await socket.recv() == message
        # A message in fragments, and one that fits no buffer.
        await socket.send(["one ", "two ", "three"])
        assert await socket.recv() == "one two three"
        large = os.urandom(LARGE)
        await socket.send(large)
        assert await socket.recv() == large, "the large message is another one"
        await asyncio.wait_for(await socket.ping(), PATIENCE)
    assert socket.close_code == 1000, socket.close_code
    async with opened(url) as socket:
        await socket.send("leave")
        try:
            await socket.recv()
            raise AssertionError("it goes on")
        except ConnectionClosed as closed:
            assert closed.rcvd.code == 4001 and closed.rcvd.reason == "as asked", closed


async def many(url, count):
    sockets = await asyncio.gather(*(opened(url) for _ in range(count)))
    for number, socket in enumerate(sockets):
        await socket.send(str(number))
    for number, socket in enumerate(sockets):
        assert await socket.recv() == str(number)
    await asyncio.gather(*(socket.close() for socket in sockets))


async def refused(url, status):
    try:
        async with opened(url):
            raise AssertionError("it was accepted")
    except InvalidStatus as answer:
        assert answer.response.status_code == status, answer


async def stay(url):
    async with opened(url) as socket:
        print("open", flush=True)
        try:
            await socket.recv()
            raise AssertionError("it goes on")
        except ConnectionClosed:
            print("closed", flush=True)


def main(what, *arguments):
    if what == "server":
        return server()
    url, *rest = arguments
    return {"talk": talk, "many": many, "refused": refused, "stay": stay}[what](
        url, *map(int, rest)
    )


bound = 600 if sys.argv[1] == "server" else 4 * PATIENCE
asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), bound))
