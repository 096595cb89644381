"""The demo's configuration: the operator's jobimport.toml with loopback allowed, and the demo's three sources."""

from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from workers.errors import UnknownSource
from workers.model.source import Source
from workers.settings import FILE_NAME, Config, read_toml
from workers.sources import load_one, save

SOURCES = {
    "/remote-board.rss": Source(
        name="remote-board",
        url="",
        kind="window",
        schedule="* * * * *",
        remote="remote",
        attribution="Remote Board (demo)",
    ),
    "/city-jobs.xml": Source(
        name="city-jobs", url="", kind="snapshot", schedule="* * * * *", attribution="City Jobs (demo)"
    ),
    "/wingtip.json": Source(
        name="wingtip",
        url="",
        kind="snapshot",
        schedule="*/2 * * * *",
        priority="high",
        company="Wingtip",
        attribution="Wingtip (demo)",
    ),
}


def write_demo_config(folder: Path, config: Config, demo_url: str) -> None:
    """Write jobimport.toml and sources/ for a demo whose feeds are at `demo_url`.

    Sources that were changed in the folder keep their changes; only their address moves with the port.
    """
    (folder / "sources").mkdir(parents=True, exist_ok=True)
    file = config.folder / FILE_NAME
    plain = read_toml(file) if file.is_file() else {}
    merged = _merged(
        plain,
        {
            "fetch": {"allow_hosts": ["127.0.0.1"]},
            "import": {"schedule_jitter": "2s"},
            "console": {"environment": "demo"},
        },
    )
    (folder / FILE_NAME).write_text(tomli_w.dumps(merged), "utf-8")
    for path, source in SOURCES.items():
        kept = _kept(folder / "sources", source)
        save(folder / "sources", msgspec.structs.replace(kept, url=demo_url + path))


def _kept(folder: Path, source: Source) -> Source:
    try:
        return load_one(folder, source.name)
    except UnknownSource:
        return source


def _merged(plain: dict[str, Any], ours: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {**plain, **{section: {**plain.get(section, {}), **keys} for section, keys in ours.items()}}
