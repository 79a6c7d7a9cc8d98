"""Valid inputs made wrong: what an error of a human, a network or a version makes of them, and what malice does."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

_EDITS = 4
_DEEP = 3000  # beyond the depth at which Python's own parsers give up

JSON_TRAPS = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"1.0", b"1e3", b"9223372036854775808", 5000 * b"9", b"true",
    b"null", b"[]", b"{}", b'""', _DEEP * b"[", _DEEP * b'{"v":', b'"\\ud800"', b'"\\u0000"', b"\xef\xbb\xbf", b"\x00",
    b"\xff", b"\xed\xa0\x80", b'"v":1,"v":2,', b",", b"}", b"]", b'"',
)  # fmt: skip
"""Pieces that JSON parsers are known to stumble over."""

_VALUE_TRAPS: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**40, 0.0, -0.0, 1.5, 1e308, float("nan"),
    float("inf"), "", "a", "\x00", "\ud800", "\ufeff", " a", "a/b", "x" * 600, "run", "note", "start", [], {}, [[]],
)  # fmt: skip


def mutated_bytes(chance: random.Random, valid: Sequence[bytes], pieces: Sequence[bytes]) -> bytes:
    """One of the valid inputs with up to four edits: bits flipped, parts cut, doubled, nested, swapped or put in."""
    changed = chance.choice(valid)
    for _ in range(chance.randint(1, _EDITS)):
        start, end = sorted((chance.randint(0, len(changed)), chance.randint(0, len(changed))))
        before, part, after = changed[:start], changed[start:end], changed[end:]
        other = chance.choice(valid)
        changed = chance.choice((
            before + after,
            before,
            before + part + part + after,
            before + other[start:end] + after,
            before + chance.choice(pieces) + after,
            before + chance.choice(pieces) + part + after,
            before + bytes([chance.randrange(256)]) + after[1:],
            before + other + after,
        ))  # fmt: skip
    return changed


def mutated_json(chance: random.Random, valid: Sequence[bytes]) -> bytes:
    """One of the valid JSON payloads with up to four values or keys changed: still JSON, seldom what is expected."""
    tree = json.loads(chance.choice(valid))
    for _ in range(chance.randint(1, _EDITS)):
        tree = _edited(chance, tree)
    return json.dumps(tree, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass")


def _edited(chance: random.Random, tree: object) -> object:
    """The tree with one of its nodes changed; deep nodes are as likely as shallow ones."""
    if not isinstance(tree, dict | list) or not tree or chance.random() < 0.1:
        return chance.choice((chance.choice(_VALUE_TRAPS), [tree], {"v": tree}))
    items: dict[object, object] = dict(tree if isinstance(tree, dict) else enumerate(tree))
    key = chance.choice(list(items))
    way = chance.random()
    if way < 0.1:
        del items[key]
    elif way < 0.2:
        items[chance.choice(("", "v", "text", "extra", "\x00", "x" * 70, 10_000))] = items[key]
    else:
        items[key] = _edited(chance, items[key])
    return {str(name): part for name, part in items.items()} if isinstance(tree, dict) else list(items.values())
