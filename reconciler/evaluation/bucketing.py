"""The stable place of a customer for a feature, 0..99: independent between features, equal in every language.

`bucket(feature, customer) = (murmur3_x86_32(cbor([feature, customer]), seed 0) * 100) >> 32`, where `cbor` is the
canonical CBOR array of the two texts (RFC 8949, section 4.2): 0x82, then for each text its head and its UTF-8
bytes. It is the shorthand of flagd's `fractional` since flagd hashes CBOR; older flagd hashed the joined texts and
disagrees.
"""

from __future__ import annotations

from mmh3 import mmh3_32_uintdigest

BUCKETS = 100

_ARRAY_OF_TWO = b"\x82"
_SHORT = tuple(bytes([0x60 + size]) if size < 24 else bytes([0x78, size]) for size in range(256))


def bucket(feature: str, customer: str) -> int:
    """Return the bucket; UnicodeEncodeError for a text that holds a lone surrogate."""
    return bucket_behind(prefix_of(feature), customer)


def prefix_of(feature: str) -> bytes:
    """Return what the hash of every customer of a feature begins with."""
    return _ARRAY_OF_TWO + _text(feature.encode())


def bucket_behind(prefix: bytes, customer: str) -> int:
    """Return the bucket of a customer, given the feature's prefix."""
    # By bytes: mmh3 kills the process when its text functions are given a lone surrogate.
    encoded = customer.encode()
    size = len(encoded)
    head = _SHORT[size] if size < 256 else _long_head(size)
    return (mmh3_32_uintdigest(prefix + head + encoded) * BUCKETS) >> 32


def _text(encoded: bytes) -> bytes:
    size = len(encoded)
    return (_SHORT[size] if size < 256 else _long_head(size)) + encoded


def _long_head(size: int) -> bytes:
    if size < 0x1_0000:
        return b"\x79" + size.to_bytes(2)
    return b"\x7a" + size.to_bytes(4)
