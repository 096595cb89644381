"""The console in a browser of this machine: `jobimport console --serve`. Needs the extra `serve`.

It listens on 127.0.0.1 alone, and answers only who has the key of the address that it prints: a page of another site,
or another user of this machine, could else drive it. The page is ours and asks no other host for anything: the
library's fetches a font from Google, which a machine without internet waits for.
"""

import asyncio
import hmac
import os
import secrets
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from importlib.resources import files
from string import Template
from typing import Any

from workers.errors import ConfigError

HOST = "127.0.0.1"
COOKIE = "jobimport-key"
FOR_A_BROWSER = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUTF8": "1"}
"""What the terminal in the page can, whatever the one at hand can."""

HERE = ("TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "NO_COLOR")

LEAVING_SECONDS = 5.0
"""How long consoles may take to leave; a console that takes longer loses its pipes, and ends by that."""

Handler = Callable[[Any], Awaitable[Any]]


def serve(port: int, argv: Sequence[str], say: Callable[[str], None]) -> int:
    """Serve consoles, one a page, opened with these arguments, until interrupted.

    Raises ConfigError without the extra, and for a port that cannot be used.
    """
    try:
        server: Any = import_module("textual_serve.server")
        web: Any = import_module("aiohttp.web")
    except ImportError as error:
        expected = "the extra: pip install 'jobimport[serve]'"
        raise ConfigError("--serve", "", None, expected) from error
    os.environ.update(FOR_A_BROWSER)
    for name in HERE:
        os.environ.pop(name, None)
    key = secrets.token_urlsafe(24)
    command = shlex.join([sys.executable, "-m", "jobimport_tui.cli.main", *argv])
    # `exec`: the shell that the library starts it by is not left standing beside each console.
    served: Any = server.Server(f"exec {command}", host=HOST, port=port)
    guard = _Guard(web, f"{HOST}:{port}", key)

    @web.middleware
    async def guarding(request: Any, handler: Handler) -> Any:
        return await guard.answer(request, handler)

    async def guarded() -> Any:
        app = await served._make_app()
        app.middlewares.append(guarding)
        return app

    async def quiet(_: Any) -> None:
        """No banner of the library's, which tells the command."""

    def listening(*_: object) -> None:
        say(f"the console is at http://{HOST}:{port}/?key={key}  (ctrl-c ends it)")

    served.on_startup, served.on_shutdown, served.handle_index = quiet, guard.end_all, guard.page
    try:
        web.run_app(guarded(), host=HOST, port=port, print=listening, access_log=None, shutdown_timeout=LEAVING_SECONDS)
    except (OSError, OverflowError) as error:
        raise ConfigError("--serve", "", port, f"a port that is free ({error})") from error
    return 0


class _Guard:
    """Answers the page, and lets the rest through to the library for who is known."""

    def __init__(self, web: Any, address: str, key: str) -> None:
        self._web, self._address, self._key = web, address, key
        self._page = Template(files("jobimport_tui").joinpath("serving.html").read_text("utf-8"))
        self._open: set[asyncio.Task[Any]] = set()

    async def page(self, _: Any) -> Any:
        """The page, which may load from here and from nowhere else, whatever is put into it."""
        nonce = secrets.token_urlsafe(12)
        policy = (
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
            f"font-src 'self'; img-src 'self' data:; connect-src ws://{self._address}; base-uri 'none'; "
            f"frame-ancestors 'none'"
        )
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        text = self._page.substitute(address=self._address, nonce=nonce)
        return self._web.Response(text=text, content_type="text/html", headers=headers)

    async def answer(self, request: Any, handler: Handler) -> Any:
        """Refuse who comes by another name (DNS rebinding), from another site, or without the key."""
        origin = request.headers.get("Origin", f"http://{self._address}")
        shown = request.query.get("key") or request.cookies.get(COOKIE, "")
        is_known = hmac.compare_digest(shown.encode(), self._key.encode())
        if request.host != self._address or origin != f"http://{self._address}" or not is_known:
            refusal = "jobimport: open the address that `jobimport console --serve` has printed\n"
            raise self._web.HTTPForbidden(text=refusal)
        if request.path == "/ws":
            return await self._while_open(handler(request))
        answer = await handler(request)
        if request.path == "/":
            answer.set_cookie(COOKIE, self._key, httponly=True, samesite="Strict")
        return answer

    async def _while_open(self, console: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(console)
        self._open.add(task)
        try:
            return await task
        finally:
            self._open.discard(task)

    async def end_all(self, _: Any) -> None:
        """End every console: the library waits for the browsers to close their pages, for a minute."""
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=LEAVING_SECONDS)
