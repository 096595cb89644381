"""The version that runs and events carry."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("jobimport")
except PackageNotFoundError:  # run from a checkout that was never installed
    VERSION = "0"
