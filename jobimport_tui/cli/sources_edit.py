"""`jobimport sources edit NAME`: an editor on a copy; what it leaves is checked, and only then put in place."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jobimport_tui.cli import sources_trail
from jobimport_tui.cli.flags import Args, settings, wants_json
from jobimport_tui.cli.show import line, say
from workers.errors import ConfigError
from workers.source_edits import edited, keys_changed
from workers.sources import check_text, find, write_whole

FALLBACKS = ("editor", "nano", "vim", "vi")


def edit_source(args: Args) -> int:
    """Edit a source's file, also one that cannot be read; exit 2 where the text cannot be used: it is kept."""
    config = settings(args)
    file = find(config.sources, args.source)
    before = file.read_bytes()
    editor = _editor()
    folder = Path(tempfile.mkdtemp(prefix="jobimport-"))
    copy = folder / file.name
    copy.write_bytes(before)
    while True:
        _run(editor, copy)
        after = copy.read_bytes()
        if after == before:
            shutil.rmtree(folder)
            return _end(args, changed=False)
        try:
            text = _checked(config.sources, args.source, after)
        except ConfigError as error:
            if not _again(error):
                say(f"jobimport: {file} is as it was; your text is in {copy}")
                raise
        else:
            break
    if file.read_bytes() != before:
        raise ConfigError(str(file), "", None, f"the text that was opened; it has changed, and yours is in {copy}")
    write_whole(file, text)
    shutil.rmtree(folder)
    sources_trail.write_down(config, _told(config.sources, args.source, before, text), args.source)
    return _end(args, changed=True)


def _editor() -> list[str]:
    """The user's editor and its flags."""
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or next(filter(shutil.which, FALLBACKS), "")
    try:
        words = shlex.split(chosen)
    except ValueError:
        words = []
    if not words or shutil.which(words[0]) is None:
        raise ConfigError("EDITOR", "", chosen or None, "an editor that is installed, such as EDITOR=nano")
    return words


def _run(editor: list[str], copy: Path) -> None:
    code = subprocess.run([*editor, str(copy)], check=False).returncode  # noqa: S603  (the user's own choice)
    if code:
        raise ConfigError(editor[0], "", None, f"an editor that ends well, not with {code}; your text is in {copy}")


def _checked(folder: Path, name: str, content: bytes) -> str:
    """The text, if a source can be read from it."""
    where = str(folder / f"{name}.toml")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(where, "", None, f"UTF-8 text, but byte {error.start} is not") from error
    check_text(folder, name, text)
    return text


def _told(folder: Path, name: str, before: bytes, text: str) -> str:
    """What was done: the keys that are others now, where the file could be read before."""
    try:
        old = check_text(folder, name, before.decode("utf-8-sig"))
    except (ConfigError, UnicodeDecodeError):
        return "mended the source's file"
    return edited(keys_changed(old, check_text(folder, name, text)))


def _again(error: ConfigError) -> bool:
    """Whether somebody is there, and wants to mend it."""
    if not sys.stdin.isatty():
        return False
    say(f"jobimport: {error}")
    print("edit it again? (yes or no) [yes]: ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return answer.strip().lower() in ("", "y", "yes") and answer != ""


def _end(args: Args, *, changed: bool) -> int:
    if wants_json(args):
        line({"source": args.source, "changed": changed})
    else:
        print(f"{args.source}: {'changed; the next run reads it so' if changed else 'not changed'}")
    return 0
