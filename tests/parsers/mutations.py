"""Mutations of samples that keep their structure: JSON, lines, safetensors, archives, bytes.

`mutations` is the strategy of a form. A few edits leave most of a sample whole, so that a parser gets past its first
check; random bytes alone hardly ever do. Each edit is drawn from a number of its own, so that hypothesis finds out
which of several edits matter.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeAlias

from hypothesis import strategies as st

from tests.parsers.odd_values import DEEPER, NESTED, ODD_BYTES, ODD_NAMES, ODD_TOKENS, ODD_TYPES, ODD_VALUES

Edit: TypeAlias = Callable[[Random, bytes], bytes]
Place: TypeAlias = tuple[str | int, ...]
"""Keys and indices that lead to a value of a JSON document."""
_MAX_PLACES = 2000


def mutations(form: str, samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return the strategy of inputs that resemble `samples`, which are of a form."""
    edits = {"json": _edit_json, "lines": _edit_lines, "tensors": _edit_tensors, "archive": _edit_archive}

    def edited(sample: bytes, seeds: list[int]) -> bytes:
        for seed in seeds:
            random = Random(seed)
            edit = edits.get(form, edit_bytes) if random.random() < 0.85 else edit_bytes
            try:
                sample = edit(random, sample)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, tarfile.TarError):
                sample = edit_bytes(random, sample)  # an edit before has left no structure to keep
        return sample

    seeds = st.lists(st.integers(0, 2**32), min_size=1, max_size=4)
    return st.builds(edited, st.sampled_from(samples), seeds) | st.binary(max_size=200)


def edit_bytes(random: Random, sample: bytes) -> bytes:
    """Overwrite, insert, remove or repeat some bytes."""
    data = bytearray(sample)
    place, size = random.randrange(len(data) + 1), random.choice([0, 1, 1, 2, 4, 8, 50])
    new = random.choice([random.choice(ODD_BYTES), random.randbytes(random.randint(1, 8)), sample[: size * 10], b""])
    data[place : place + (len(new) if random.random() < 0.5 else size)] = new
    return bytes(data[: random.randrange(len(data) + 1)] if random.random() < 0.05 else data)


def _edit_lines(random: Random, sample: bytes) -> bytes:
    """Edit a line or a word of a text."""
    lines = sample.decode("utf-8", "surrogateescape").split("\n")
    place, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            lines.insert(place, lines[other])
        case 1:
            lines[place] = ""
        case 2:
            lines[place], lines[other] = lines[other], lines[place]
        case _:
            words = _split(lines[place])
            words[random.randrange(len(words))] = random.choice([*ODD_TOKENS, *_split(lines[other])])
            lines[place] = "".join(words)
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _split(line: str) -> list[str]:
    """Cut a line behind each separator."""
    words = [""]
    for character in line:
        words[-1] += character
        if character in " \t=,:":
            words.append("")
    return words


def _edit_json(random: Random, sample: bytes) -> bytes:
    """Edit a value of a JSON document, or of a line of several."""
    lines = sample.split(b"\n") if sample[:1] == b"{" and sample[1:2] != b"\n" else [sample]
    chosen = random.randrange(len(lines))
    lines[chosen] = dump(edit_document(random, json.loads(lines[chosen] or b"null")))
    return b"\n".join(lines)


def dump(document: Any) -> bytes:
    """Return a document as JSON and what Python takes for it, with brackets in the place of DEEPER."""
    return json.dumps(document).replace(f'"{DEEPER}"', "[" * NESTED).encode()


def edit_document(random: Random, document: Any) -> Any:
    """Return the document with one value replaced, removed, doubled, or swapped for another of its own."""
    places = _places(document)
    place, other = random.choice(places), random.choice(places)
    if not place:
        return random.choice(ODD_VALUES) if random.random() < 0.2 else document
    parent, key = _value(document, place[:-1]), place[-1]
    match random.randrange(7):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, list):
            parent.append(_copy(parent[key]))
        case 1:
            parent[random.choice(["kind", "type", "model", "x", "", "\ud800"])] = random.choice(ODD_VALUES)
        case 2:
            parent[key] = _copy(_value(document, other))
        case 3 | 4:
            parent[key] = _similar(random, parent[key])
        case _:
            parent[key] = random.choice(ODD_VALUES)
    return document


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _similar(random: Random, value: Any) -> Any:
    """Return a value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice([value + 1, value - 1, -value, 2 * value, random.randint(-3, 300), random.getrandbits(70)])
    if isinstance(value, float):
        return random.choice([-value, value * 1e30, value / 1e30, random.uniform(-2, 2)])
    if isinstance(value, str):
        start = random.randrange(len(value) + 1)
        return random.choice([value * 2, value[start:], value[:start] + chr(random.randrange(0x3000)) + value[start:]])
    return random.choice(ODD_VALUES)


def _places(document: Any) -> list[Place]:
    """Return paths to values: of long lists and objects to the first and last."""
    places: list[Place] = [()]
    for place in places:
        value = _value(document, place)
        keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        places += [(*place, key) for key in (keys if len(keys) < 24 else [*keys[:12], *keys[-12:]])]
        if len(places) > _MAX_PLACES:
            break
    return places


def _value(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document


def _edit_tensors(random: Random, sample: bytes) -> bytes:
    """Edit the header of a safetensors file, whose length stays right, or its numbers."""
    size = int.from_bytes(sample[:8], "little")
    header, numbers = json.loads(sample[8 : 8 + size]), bytearray(sample[8 + size :])
    if random.random() < 0.4:
        header = edit_document(random, header)
    else:
        new = random.choice([random.choice(ODD_BYTES), random.randbytes(random.randint(1, 8))])
        place = random.randrange(max(len(numbers) - len(new), 0) + 1)
        place -= place % random.choice([1, 4, 8])
        numbers[place : place + len(new)] = new[: len(numbers) - place]
    text = dump(header)
    return len(text).to_bytes(8, "little") + text + bytes(numbers)


def _edit_archive(random: Random, sample: bytes) -> bytes:
    """Edit a member of a tar file: its name, type, or content, by what that is."""
    with tarfile.open(fileobj=io.BytesIO(sample)) as archive:
        members = [(member, _content(archive, member)) for member in archive.getmembers()]
    place = random.randrange(len(members))
    member, content = members[place]
    match random.randrange(6):
        case 0:
            del members[place]
        case 1:
            members.append((member, content))
        case 2:
            member.name = random.choice([*ODD_NAMES, f"{member.name}/below", member.name.replace("/", "//", 1)])
        case 3:
            member.type, member.linkname = random.choice(ODD_TYPES), random.choice(ODD_NAMES)
        case _:
            is_table = member.name.endswith("jsonl") and content.strip()
            members[place] = member, (_edit_json if is_table else edit_bytes)(random, content)
    return _archive_of(members, random.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member) if member.isfile() else None
    return file.read() if file else b""


def _archive_of(members: list[tuple[tarfile.TarInfo, bytes]], form: int) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as archive:
        for member, content in members:
            copy = tarfile.TarInfo(member.name)
            copy.type, copy.linkname, copy.mode, copy.size = member.type, member.linkname, member.mode, len(content)
            archive.addfile(copy, io.BytesIO(content))
    return data.getvalue()
