"""Colour profiles for tests, by hand: three primaries and one gamma (ICC.1:2022, 8.3 and 9.2)."""

from __future__ import annotations

import struct

import numpy as np

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

P3: Primaries = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE: Primaries = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
BT2020: Primaries = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
BT709: Primaries = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))

# Bradford's adaptation from D65 to D50, as every such profile has it (ICC.1:2022, annex E).
_TO_D50 = np.array(
    [
        [1.0479298, 0.0229469, -0.0501923],
        [0.0296278, 0.9904345, -0.0170738],
        [-0.0092430, 0.0150552, 0.7518743],
    ]
)


def profile(primaries: Primaries, gamma: float = 2.2, *, cicp: bytes = b"") -> bytes:
    """A display profile; ``cicp``: four bytes that say so by code points as well."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    matrix = _TO_D50 @ (columns * np.linalg.solve(columns, white))
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))
    tags = {
        b"desc": b"mluc" + bytes(4) + struct.pack(">IIHHII", 1, 12, 0x656E, 0x5553, 2, 28) + b"\0x",
        b"cprt": b"mluc" + bytes(4) + struct.pack(">IIHHII", 1, 12, 0x656E, 0x5553, 2, 28) + b"\0x",
        b"wtpt": _xyz((0.9642, 1.0, 0.8249)),
        **{name + b"XYZ": _xyz(tuple(matrix[:, at])) for at, name in enumerate((b"r", b"g", b"b"))},
        **{name + b"TRC": curve for name in (b"r", b"g", b"b")},
    }
    if cicp:
        tags[b"cicp"] = b"cicp" + bytes(4) + cicp
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">IIIIII", size, 0, 0x04300000, 0x6D6E7472, 0x52474220, 0x58595A20)
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(65536 * each) for each in values))
