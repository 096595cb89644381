"""Lengths of time and sizes, as files say them."""


class Seconds(float):
    """A length of time; in files a number of seconds or text such as "90s", "15m", "1h", "30d"."""


class Size(int):
    """A number of bytes; in files a number or text such as "64KiB", "20MB", "1GiB"."""
