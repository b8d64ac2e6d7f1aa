"""`python -m sandbox`: opens the workspace, and starts the bot beside it when told how (`-- CMD ARGS...`)."""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sqlite3
import sys
import tempfile
from pathlib import Path

import uvicorn

from sandbox.app import Program, Sandbox, build
from sandbox.manifest import WrongManifest, read
from sandbox.workspace import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET

STOP_CHILD_WITHIN = 10.0
MOST_PORTS = 65535


def say(text: str) -> None:
    print(text, flush=True)


def arguments(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    own, child = argv, []
    if "--" in argv:
        at = argv.index("--")
        own, child = argv[:at], argv[at + 1 :]
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8970, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--data", type=Path, help="the folder in which the workspace is kept (default: nowhere)")
    parser.add_argument("--manifest", type=Path, default=Path("manifest.yml"))
    parser.add_argument("--request-url", help="where the app takes signed HTTP requests, for everything")
    parser.add_argument("--transport", choices=("auto", "socket", "http"), default="auto")
    parser.add_argument("--rate-limits", action="store_true", help="refuse what is above Slack's rate limits")
    parser.add_argument("--database-url", help="the database of the app started with -- (default: a file in --data)")
    parser.add_argument("--no-page", action="store_true")
    parser.add_argument("--announce-ready", action="store_true", help="print a line for programs when it is open")
    return parser.parse_args(own), child


def main(argv: list[str]) -> int:
    options, child = arguments(argv)
    try:
        manifest = read(options.manifest)
    except WrongManifest as e:
        say(str(e))
        return 2
    if not 0 <= options.port <= MOST_PORTS:
        say(f"There is no port {options.port}: --port takes a number from 0 (a free one) to {MOST_PORTS}.")
        return 2
    try:
        listener = listen(options.host, options.port)
    except OSError as e:
        say(f"Port {options.port} on {options.host} cannot be used ({e.strerror}). --port 0 takes a free one.")
        return 2
    try:
        sandbox = Sandbox(manifest, options.data, options.request_url, options.transport)
    except (OSError, sqlite3.Error) as e:
        listener.close()
        say(f"The workspace cannot be kept in {options.data} ({e}): --data takes a folder.")
        return 2
    sandbox.webapi.rate_limits = options.rate_limits
    port = listener.getsockname()[1]
    sandbox.workspace.address = f"http://{options.host}:{port}"
    with tempfile.TemporaryDirectory(prefix="sandbox-") as nowhere:
        folder = (options.data or Path(nowhere)).absolute()
        options.database_url = options.database_url or f"sqlite:///{folder / 'hotline.db'}"
        return asyncio.run(run(sandbox, listener, options, child))


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio forgets TCP_NODELAY
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


class Server(uvicorn.Server):
    """uvicorn, with our way of stopping: the child first."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


async def run(sandbox: Sandbox, listener: socket.socket, options: argparse.Namespace, command: list[str]) -> int:
    config = uvicorn.Config(
        build(sandbox, page=not options.no_page),
        log_level="error",
        access_log=False,
        ws="websockets-sansio",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    gc.set_threshold(50_000, 20, 100)  # the state only grows; looking through all of it often would show in p99
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    address = sandbox.workspace.address
    say(f"Open {address} in your browser: that is the workspace. Ctrl-C ends it.")
    if options.announce_ready:
        say("SANDBOX_READY " + json.dumps({"url": address}))
    watching = None
    if command:
        sandbox.child = Program()
        watching = asyncio.create_task(watch(sandbox, sandbox.child, command, options.database_url, stop))
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    if watching is not None:
        await watching
    await sandbox.close()
    server.should_exit = True
    await serving
    return 0


async def watch(sandbox: Sandbox, child: Program, command: list[str], database: str, stop: asyncio.Event) -> None:
    """Runs the bot as a child until we are told to stop. When it ends before, says so, and runs it again when asked."""
    environment = {
        **os.environ,
        "SLACK_API_URL": f"{sandbox.workspace.address}/api/",
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
    }
    # Never what is exported: who tries something out would work on their real database, or need its keys for the trial.
    environment["DATABASE_URL"] = database
    environment.pop("HOTLINE_ENCRYPTION_KEYS", None)
    stopped = asyncio.create_task(stop.wait())
    while not stopped.done():
        child.ended = await run_child(command, environment, stopped)
        if stopped.done():
            return
        child.again.clear()
        sandbox.workspace.tell("connections", "0")
        say(f"{child.ended} The workspace stays open without it; Ctrl-C ends it.")
        again = asyncio.create_task(child.again.wait())
        await asyncio.wait({again, stopped}, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        child.ended = ""
        sandbox.workspace.tell("connections", "0")


async def run_child(command: list[str], environment: dict[str, str], stopped: asyncio.Task[bool]) -> str:
    """Returns, as a sentence, how it ended; when we are told to stop, it is ended."""
    try:
        child = await asyncio.create_subprocess_exec(*command, env=environment, start_new_session=True)
    except OSError as e:
        return f"The bot could not be started ({command[0]}: {e.strerror})."
    ended = asyncio.create_task(child.wait())
    await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        child.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(ended), STOP_CHILD_WITHIN)
        except TimeoutError:
            child.kill()
            await ended
            say(f"The bot did not stop within {STOP_CHILD_WITHIN:.0f} seconds and was ended.")
    code = ended.result()
    how = "ended" if code == 0 else (f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}")
    return f"The bot {how}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
