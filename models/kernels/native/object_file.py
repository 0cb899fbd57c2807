"""Reading of an ELF object file of x86-64, as LLVM writes one, into `MachineCode`.

Sections are laid out one after another; addresses that lie in another section become relocations of the code itself.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from models.kernels.native.machine_code import ITSELF, MachineCode, Relocation

_PROGBITS, _SYMTAB, _RELA, _NOBITS = 1, 2, 4, 8
_ALLOCATED, _WRITABLE = 2, 1
_COMMON = 0xFFF2
"""Section number of a variable that is zero to begin with and has no place yet."""
_RELOCATE_64 = 1
"""R_X86_64_64: an address of eight bytes, the only kind in code of the large model."""


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


class _Symbol(NamedTuple):
    name: str
    section: int
    value: int


def read_object(data: bytes, function: str) -> MachineCode | None:
    """Return the code of an object file, entered at `function`.

    None where it needs what `machine_code.load` does not know: variables that are written to, or another relocation.
    """
    table, count, names_index = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 60)
    sections = [_Section(*struct.unpack_from("<IIQQQQIIQQ", data, table + 64 * i)) for i in range(count)]
    content, starts = bytearray(), {}
    names = data[sections[names_index].offset :]
    for i, section in enumerate(sections):
        if section.flags & _ALLOCATED and not names[section.name :].startswith(b".eh_frame"):
            if section.flags & _WRITABLE or section.kind == _NOBITS:
                return None
            content.extend(bytes(-len(content) % max(section.alignment, 1)))
            starts[i] = len(content)
            content.extend(data[section.offset : section.offset + section.size])
    symbols = _read_symbols(data, sections)
    entry = next(starts[symbol.section] + symbol.value for symbol in symbols if symbol.name == function)
    relocations = _read_relocations(data, sections, symbols, starts)
    return None if relocations is None else MachineCode(bytes(content), relocations, entry)


def _read_symbols(data: bytes, sections: list[_Section]) -> list[_Symbol]:
    """Return all symbols."""
    (table,) = (section for section in sections if section.kind == _SYMTAB)
    strings, symbols = sections[table.link].offset, []
    for place in range(table.offset, table.offset + table.size, 24):
        name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", data, place)
        begin = strings + name
        symbols.append(_Symbol(data[begin : data.index(b"\0", begin)].decode(), section, value))
    return symbols


def _read_relocations(
    data: bytes, sections: list[_Section], symbols: list[_Symbol], starts: dict[int, int]
) -> list[Relocation] | None:
    """Return the relocations of the sections that begin at `starts`; None where one is of an unknown kind."""
    relocations = []
    for table in sections:
        if table.kind != _RELA or table.info not in starts:
            continue
        for place in range(table.offset, table.offset + table.size, 24):
            offset, info, addend = struct.unpack_from("<QQq", data, place)
            symbol = symbols[info >> 32]
            if info & 0xFFFFFFFF != _RELOCATE_64 or symbol.section == _COMMON:
                return None
            if symbol.section in starts:
                addend += starts[symbol.section] + symbol.value
            name = ITSELF if symbol.section in starts else symbol.name
            relocations.append(Relocation(starts[table.info] + offset, name, addend))
    return relocations
