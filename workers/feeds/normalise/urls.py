"""Addresses: absolute, http(s) only; and a canonical form to compare them by."""

import re
from urllib.parse import urljoin, urlsplit

_LONGEST = 2000
_TRACKING = re.compile(
    r"(?i)(?:utm_[a-z0-9_]*|gclid|gclsrc|dclid|fbclid|msclkid|yclid|mc_cid|mc_eid|_hsenc|_hsmi|igshid|"
    r"gh_src|lever-source|trk|trackingid|ref_?src)$"
)
_SAFE = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#][!-~]*)?")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff\"<>\\^`{|}]")
_PORTS = {"http": ":80", "https": ":443"}


def http_url(text: str, base: str) -> str | None:
    """An absolute http(s) address, resolved against a base; None for anything else or over 2,000 characters."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    if _SAFE.fullmatch(text) is None:
        try:
            text = urljoin(base, "".join(text.split("\n")).replace("\t", "").strip())
            parts = urlsplit(text)
            usable = parts.scheme in _PORTS and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            return None
        if not usable or "@" in parts.netloc:
            return None
        text = _UNSAFE.sub(_quoted, text)
    return text if len(text) <= _LONGEST else None


def _quoted(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "replace"))


def canonical(url: str) -> str:
    """The form in which two spellings of one address are equal: host folded, no default port, no tracking."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    cut = len(rest)
    for mark in "/?#":
        found = rest.find(mark)
        if 0 <= found < cut:
            cut = found
    host = rest[:cut].lower().removesuffix(_PORTS.get(scheme, "")).rstrip(".")
    tail, hash_mark, fragment = rest[cut:].partition("#")
    path, _, query = tail.partition("?")
    if query:
        query = "&".join(pair for pair in query.split("&") if not _is_tracking(pair))
    # A fragment is kept where a page is told by it, as in "#/jobs/7".
    keep = hash_mark and not fragment.startswith((":~:", "utm_"))
    return f"{scheme}://{host}{path or '/'}{'?' + query if query else ''}{'#' + fragment if keep and fragment else ''}"


def _is_tracking(pair: str) -> bool:
    return not pair or _TRACKING.match(pair.partition("=")[0]) is not None
