"""Who asks: the name that runs, events and the audit carry."""

import getpass
import os

VARIABLE = "JOBIMPORT_USER"
LONGEST = 100


def user() -> str:
    """JOBIMPORT_USER where it is set (a shared account, a container), else the login name."""
    if named := os.environ.get(VARIABLE, "").strip():
        return named[:LONGEST]
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without an entry in passwd
        return "unknown"
