"""Files that attack whoever reads what moves: they name others, lie, are broken or never end."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from tests.moving import animation, sound, video

_MOOV: Final = (b"moov",)
_TRACK: Final = (b"moov", b"trak", b"mdia", b"minf")
_TABLES: Final = (*_TRACK, b"stbl")
_UNKNOWN: Final = b"\x01" + b"\xff" * 7  # the size of a Matroska element that nobody tells

Make = Callable[[bytes], bytes]


def naming(views: Sequence[Image.Image], secret: Path, port: int) -> dict[str, bytes]:
    """Files that name another file, or an address, of this machine: playlists, and videos."""
    url = f"http://127.0.0.1:{port}/a.ts"
    found: dict[str, bytes] = {}
    for name, text in _playlists(secret, url, port).items():
        for kind, (ending, disguise) in _DISGUISES.items():
            found[f"{name}-{kind}.{ending}"] = disguise(text.encode())
    mp4, mov = video(views), video(views, "mov", "mpeg4")
    addresses = [url, f"file://{secret}", str(secret), f"tcp://127.0.0.1:{port}"]
    addresses += [f"concat:{secret}|{secret}", f"subfile,,start,0,end,0,,:{secret}"]
    for number, address in enumerate(addresses):
        # Bit 0 of the flags would say that the samples lie in the file itself.
        for kind, entry in {"url": b"url ", "urn": b"urn "}.items():
            named = _box(entry, bytes(4) + address.encode() + b"\0")
            found[f"{kind}-{number}.mov"] = _referring(mov, named)
            found[f"{kind}-{number}.mp4"] = _referring(mp4, named)
    for levels in (1, -1):
        found[f"alias-{levels}.mov"] = _referring(
            mov, _box(b"alis", bytes(4) + _alias(secret, levels))
        )
    movie = _box(b"rdrf", bytes(4) + b"url " + struct.pack(">I", len(url)) + url.encode())
    whole = _box(b"moov", _box(b"rmra", _box(b"rmda", movie)))
    found["movie.mov"] = _box(b"ftyp", b"qt  \0\0\0\0qt  ") + whole
    for number, parts in enumerate(_linking(secret, url)):
        found[f"linked-{number}.mkv"] = _with_elements(video(views, "matroska"), parts)
    return found


def broken(views: Sequence[Image.Image]) -> dict[str, bytes]:
    """Files that say what is not so, end early or hardly ever, or have nothing to be seen."""
    gif, mp4 = animation(views), video(views, silent=True)
    webm = video(views, "webm", "libvpx", silent=True)
    found = {
        "no-frames.gif": b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff;",
        "a-million-frames.gif": _million_frames(),
        "16k.gif": b"GIF89a" + struct.pack("<HH", 16000, 16000) + gif[10:],
        "16k.mp4": video([Image.new("RGB", (16384, 256))]),
        "16k-told.mp4": _told(mp4, 16384),
        "64k-told.mp4": _told(mp4, 65535),
        "16k-told.webm": webm.replace(b"\xb0\x81\x60", b"\xb0\x82\x40\0", 1),
        "head.mp4": mp4[:200],
        "head.webm": webm[:60],
        "no-index.mp4": mp4.replace(b"moov", b"mooo"),
        "sound.mp4": sound(),
        "sound.webm": sound("webm", "libopus"),
        "endless-frames.mp4": _with_table(mp4, b"stts", struct.pack(">III", 1, 0x7FFFFFFF, 1)),
        "endless-samples.mp4": _with_table(mp4, b"stsz", struct.pack(">II", 1, 0xFFFFFFFF)),
        "endless-chunks.mp4": _with_table(mp4, b"stco", struct.pack(">I", 0xFFFFFFFF)),
        "far-chunks.mp4": _with_table(mp4, b"stco", struct.pack(">II", 1, 0xFFFFFF00)),
        "no-table.mp4": _changed(mp4, _TABLES, lambda _: b""),
        "no-time.mp4": _changed(
            mp4, (*_MOOV, b"mvhd"), lambda body: body[:12] + bytes(8) + body[20:]
        ),
        "deep.mp4": _box(b"ftyp", b"isom\0\0\0\0isom") + _deep(5000),
        "endless-box.mp4": mp4[:32] + struct.pack(">I4sQ", 1, b"moov", 1 << 62) + mp4[-900:],
        "inflating.mov": _box(b"ftyp", b"qt  \0\0\0\0qt  ") + _compressed(1 << 30, bytes(64 << 20)),
        "no-end.webm": _with_elements(webm, b"") + b"\x1f\x43\xb6\x75" + _UNKNOWN + bytes(1 << 20),
        "nested.webm": webm[:40] + (b"\x18\x53\x80\x67" + _UNKNOWN) * 5000,
        "clusters.webm": _with_elements(webm, b"") + (b"\x1f\x43\xb6\x75\x80" * 200_000),
    }
    files = {
        "gif": gif,
        "png": animation(views, "PNG"),
        "webp": animation(views, "WEBP"),
        "avif": animation(views, "AVIF"),
        "mp4": mp4,
        "webm": webm,
    }
    for (ending, data), percent in itertools.product(files.items(), (30, 60, 90)):
        found[f"cut-{percent}.{ending}"] = data[: len(data) * percent // 100]
    for number, frames in ((0, 0), (1, 0xFFFFFFFF)):
        changed = bytearray(files["png"])
        struct.pack_into(">I", changed, changed.index(b"acTL") + 4, frames)
        at = changed.index(b"acTL")
        struct.pack_into(">I", changed, at + 12, zlib.crc32(changed[at : at + 12]))
        found[f"frames-told-{number}.png"] = bytes(changed)
    return found


def _playlists(secret: Path, url: str, port: int) -> dict[str, str]:
    """What FFmpeg, and others, would go on to open, by the name of its kind."""
    m3u8 = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n{}\n#EXT-X-ENDLIST\n"
    return {
        "hls": m3u8.format(f"#EXTINF:9,\n{url}"),
        "hls-file": m3u8.format(f"#EXTINF:9,\nfile://{secret}"),
        "hls-key": m3u8.format(f'#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:9,\n{secret}'),
        "hls-map": m3u8.format(f'#EXT-X-MAP:URI="{url}"\n#EXTINF:9,\n{secret}'),
        "hls-master": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "concat-url": f"ffconcat version 1.0\nfile {url}\n",
        "concat-bare": f"file '{secret}'\nfile '{url}'\n",
        "dash": f'<?xml version="1.0"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>',
        "sdp": f"v=0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "rtsp": f"[Reference]\nRef1=rtsp://127.0.0.1:{port}/a\n",
        "asx": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "pls": f"[playlist]\nFile1={secret}\nNumberOfEntries=1\n",
        "smil": f'<smil><body><video src="{url}"/></body></smil>',
        "avs": f'AVISource("{secret}")\n',
        "filter": f"movie={secret}[out0]\n",
    }


_DISGUISES: Final[dict[str, tuple[str, Make]]] = {
    "bare": ("mp4", lambda text: text),
    "boxed": ("mp4", lambda text: _box(b"ftyp", b"isom\0\0\0\0isom") + text),
    "matroska": ("webm", lambda text: b"\x1a\x45\xdf\xa3" + text),
    "gif": ("gif", lambda text: b"GIF89a" + text),
}


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _changed(data: bytes, path: Sequence[bytes], change: Make) -> bytes:
    """An ISO base media file with other contents of the box at this path."""
    out, at = b"", 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        if kind == path[0]:
            body = _changed(body, path[1:], change) if path[1:] else change(body)
        out += _box(kind, body)
        at += size
    return out


def _referring(data: bytes, entry: bytes) -> bytes:
    return _changed(data, (*_TRACK, b"dinf", b"dref"), lambda _: struct.pack(">II", 0, 1) + entry)


def _with_table(data: bytes, kind: bytes, body: bytes) -> bytes:
    return _changed(data, (*_TABLES, kind), lambda _: bytes(4) + body)


def _alias(file: Path, levels: int) -> bytes:
    """An alias record of classic Mac OS, as FFmpeg reads it: by volume, name and path."""
    names = bytes((4,)) + b"root".ljust(27, b"\0") + bytes(12)
    names += bytes((len(file.name),)) + file.name.encode().ljust(63, b"\0") + bytes(16)
    record = bytes(10) + names + struct.pack(">hh", levels, levels) + bytes(16)
    for kind, path in ((2, f"root{str(file).replace('/', ':')}"), (18, str(file))):
        padded = path.encode() + b"\0" * (len(path) % 2)
        record += struct.pack(">HH", kind, len(path)) + padded
    return record + b"\xff\xff\0\0"


def _told(data: bytes, edge: int) -> bytes:
    """With this width and height in its track and in its sample entry."""

    def track(body: bytes) -> bytes:
        return body[:76] + struct.pack(">II", edge << 16, edge << 16)

    def entry(body: bytes) -> bytes:
        return body[:40] + struct.pack(">HH", edge, edge) + body[44:]

    changed = _changed(data, (*_MOOV, b"trak", b"tkhd"), track)
    return _changed(changed, (*_TABLES, b"stsd"), entry)


def _compressed(size: int, body: bytes) -> bytes:
    """A movie box of few bytes that is to become a large one."""
    movie = _box(b"cmvd", struct.pack(">I", size) + zlib.compress(body, 9))
    return _box(b"moov", _box(b"cmov", _box(b"dcom", b"zlib") + movie))


def _deep(levels: int) -> bytes:
    return b"".join(
        struct.pack(">I4s", 8 * left, b"moov" if left == levels else b"trak")
        for left in range(levels, 0, -1)
    )


def _million_frames() -> bytes:
    one = animation([Image.new("P", (1, 1)), Image.new("P", (1, 1), 1)])
    frame = b"\x21\xf9\x04\x04\0\0\0\0" + b"\x2c\0\0\0\0\1\0\1\0\0" + b"\2\2\x44\1\0"
    return one[:-1] + frame * 1_000_000 + b";"


def _element(name: int, body: bytes) -> bytes:
    size = (1 << 56 | len(body)).to_bytes(8, "big")
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size + body


def _with_elements(data: bytes, added: bytes) -> bytes:
    """A Matroska file with these elements before its first cluster, of a size that none tells."""
    segment, cluster = data.index(b"\x18\x53\x80\x67"), data.index(b"\x1f\x43\xb6\x75")
    return data[: segment + 4] + _UNKNOWN + data[segment + 12 : cluster] + added + data[cluster:]


def _linking(secret: Path, url: str) -> list[bytes]:
    """Segments before and after, chapters of other files, attachments, addresses in tags."""
    info, file = partial(_element, 0x1549A966), str(secret).encode()
    chapter = _element(0x73C4, b"\1") + _element(0x91, b"\0")
    chapter += _element(0x6E67, bytes(16)) + _element(0x6EBC, b"\1")
    edition = _element(0x45DD, b"\1") + _element(0xB6, chapter)
    attached = _element(0x466E, b"list.m3u8") + _element(0x4660, b"application/x-mpegurl")
    attached += _element(0x465C, f"#EXTM3U\n#EXTINF:9,\n{url}\n".encode()) + _element(0x46AE, b"\1")
    tag = _element(0x45A3, b"URL") + _element(0x4487, url.encode())
    return [
        info(_element(0x3C83AB, file) + _element(0x3E83BB, url.encode())),
        info(
            _element(0x3CB923, bytes(16)) + _element(0x3EB923, bytes(16)) + _element(0x7384, file)
        ),
        _element(0x1043A770, _element(0x45B9, edition)),
        _element(0x1941A469, _element(0x61A7, attached)),
        _element(0x1254C367, _element(0x7373, _element(0x67C8, tag))),
    ]
