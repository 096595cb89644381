"""The console in a browser of this machine: `jobimport console --serve`. Needs the extra `serve`.

It listens on 127.0.0.1 alone, and answers only who has the key of the address that it prints: a page of another site,
or another user of this machine, could else drive it.
"""

import hmac
import os
import secrets
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import Any

from workers.errors import ConfigError

HOST = "127.0.0.1"
COOKIE = "jobimport-key"
FOR_A_BROWSER = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUTF8": "1"}
"""What the terminal in the page can, whatever the one at hand can."""

HERE = ("TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "NO_COLOR")

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
    served: Any = server.Server(command, host=HOST, port=port, title="Job Importer")

    async def guarded() -> Any:
        app = await served._make_app()
        app.middlewares.append(_guard(web, f"{HOST}:{port}", key))
        return app

    async def quiet(_: Any) -> None:
        """No banner of the library's, which tells the command."""

    def listening(*_: object) -> None:
        say(f"the console is at http://{HOST}:{port}/?key={key}  (ctrl-c ends it)")

    served.on_startup = quiet
    try:
        web.run_app(guarded(), host=HOST, port=port, print=listening, access_log=None)
    except (OSError, OverflowError) as error:
        raise ConfigError("--serve", "", port, f"a port that is free ({error})") from error
    return 0


def _guard(web: Any, address: str, key: str) -> Any:
    """Refuse who comes by another name (DNS rebinding), from another site, or without the key."""

    @web.middleware
    async def guard(request: Any, handler: Handler) -> Any:
        origin = request.headers.get("Origin", f"http://{address}")
        shown = request.query.get("key") or request.cookies.get(COOKIE, "")
        is_known = hmac.compare_digest(shown.encode(), key.encode())
        if request.host != address or origin != f"http://{address}" or not is_known:
            raise web.HTTPForbidden(text="jobimport: open the address that `jobimport console --serve` has printed\n")
        answer = await handler(request)
        if request.path == "/":
            answer.set_cookie(COOKIE, key, httponly=True, samesite="Strict")
        return answer

    return guard
