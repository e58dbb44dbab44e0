"""A policy folder as it stood, under the hash of its content."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Snapshot:
    """Every policy file, packed, and the SHA-256 over names and contents."""

    hash: str
    content: bytes


def snapshot(folder: Path) -> Snapshot:
    """A policy folder as it stands now."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.toml"))
    }
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return Snapshot(digest.hexdigest(), pack(files))


def pack(files: Mapping[str, bytes]) -> bytes:
    """Files in one archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Lay an archive's files down in a folder."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
