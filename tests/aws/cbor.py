"""As much of CBOR as Kinesis is spoken in (RFC 8949)."""

import datetime
import struct


def head(major, argument):
    for info, size, code in ((24, 1 << 8, ">B"), (25, 1 << 16, ">H"), (26, 1 << 32, ">I"), (27, 1 << 64, ">Q")):
        if argument < 24:
            return bytes([major << 5 | argument])
        if argument < size:
            return bytes([major << 5 | info]) + struct.pack(code, argument)
    raise ValueError(argument)


def encode(value, indefinite=True):
    """With maps and lists of indefinite length, as Java's encoder writes them, or of a length that is said."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, datetime.datetime):
        return b"\xc1" + encode(round(value.timestamp() * 1000))
    if isinstance(value, dict):
        items = b"".join(encode(each, indefinite) for pair in value.items() for each in pair)
        return b"\xbf" + items + b"\xff" if indefinite else head(5, len(value)) + items
    items = b"".join(encode(each, indefinite) for each in value)
    return b"\x9f" + items + b"\xff" if indefinite else head(4, len(value)) + items


def decode(data):
    """What the server writes: strings of known length, maps and lists of unknown length."""
    value, rest = decode_item(data)
    assert rest == b"", rest
    return value


def decode_item(data):
    major, info = data[0] >> 5, data[0] & 31
    data = data[1:]
    argument = info
    if 24 <= info <= 27:
        size = 1 << (info - 24)
        argument, data = int.from_bytes(data[:size], "big"), data[size:]
    if major == 0:
        return argument, data
    if major == 1:
        return -1 - argument, data
    if major in (2, 3):
        text = data[:argument]
        return text if major == 2 else text.decode(), data[argument:]
    if major in (4, 5):
        assert info == 31
        items = []
        while data[0] != 0xFF:
            item, data = decode_item(data)
            items.append(item)
        return items if major == 4 else dict(zip(items[::2], items[1::2])), data[1:]
    if major == 6:
        assert argument == 1
        value, data = decode_item(data)
        return datetime.datetime.fromtimestamp(value / 1000, datetime.timezone.utc), data
    return {20: False, 21: True, 22: None}[info], data
