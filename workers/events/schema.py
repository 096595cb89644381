"""What an entry of the events stream looks like. The one contract between the workers and every watcher."""

import msgspec

from workers.model import Event

FIELD = b"event"
CAP = 10_000
"""About how many events are kept; a watcher that was away longer is told so and reloads from MongoDB."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def encode(event: Event) -> dict[bytes, bytes]:
    """The stream entry of an event."""
    return {FIELD: _encoder.encode(event)}


def decode(entry: dict[bytes, bytes]) -> Event | None:
    """The event of a stream entry; None for one that a newer version wrote and this one cannot read."""
    try:
        return _decoder.decode(entry.get(FIELD, b""))
    except msgspec.DecodeError:
        return None
