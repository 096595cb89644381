"""The version that runs and events carry."""

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("jobimport")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


VERSION = _installed()
