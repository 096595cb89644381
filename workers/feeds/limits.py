"""Bounds on what one document may make us hold; a feed of any length stays far inside them."""

MAX_DEPTH = 200  # open elements, arrays and objects; inside an XML item libxml2's 256
MAX_TOKEN = 1 << 20  # bytes of one tag, comment or declaration
MAX_STRING = 16 << 20  # bytes of one JSON string
MAX_ITEM = 16 << 20  # bytes of one item
MAX_NODES = 50_000  # elements or values in one item
MAX_MARKS = 4 * MAX_NODES  # brackets and commas of JSON, or "<" and "&" of XML, in an item that is read whole
MAX_ATTRIBUTES = 1000  # of one element
MAX_NAMES = 20_000  # different names of elements and attributes, or keys, in one document
MAX_NAME_BYTES = 1 << 18  # of those in all
MAX_KEY = 500  # characters of a JSON key
MAX_PROLOGUE = 1 << 16  # bytes before an XML document's root element
SLICE = 1 << 16  # what a parser is fed at once: the bounds are checked between slices


def is_crowded(json: bytes | bytearray) -> bool:
    """Whether JSON holds more marks than an item may: told before it is read, for a value takes 60 bytes and more."""
    return sum(map(json.count, (b",", b"[", b"{"))) > MAX_MARKS
