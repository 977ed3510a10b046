"""Damaged copies of small tables: what uploads, editors and exports do to files, at random but repeatably."""

from __future__ import annotations

import random

SEEDS = (
    "user_id,name,signup,amount\r\n"
    + "".join(f"{n:04d},Name {n},2024-01-{n % 28 + 1:02d},{n}.50\r\n" for n in range(1, 30)),
    "id;text;day\n" + "".join(f'{n};"some, ""quoted"" text";2024-02-{n % 28 + 1:02d}\n' for n in range(1, 20)),
    "用户编号\t姓名\t金额\n" + "".join(f"{n}\t李雷\t{n},5\n" for n in range(1, 15)),
    'a,b\n1,"two\nlines"\n2,x\n3,"y"\n',
    "email\na@example.com\nb@example.com\n",
)
_PIECES = [
    b'"',
    b'""',
    b"'",
    b",",
    b";",
    b"\t",
    b"|",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\\",
    b"\0",
    b"\xff",
    b"\xe9",
    b"=",
    b"#",
]
_PIECES += [
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    "李".encode("gb18030"),
    "é".encode(),
    b"Total,",
    b"<html>",
    b"sep=;\n",
    b" ",
    b"\x1f\x8b",
]


def mutated(seed: int) -> bytes:
    """One damaged file; the same for the same seed."""
    chance = random.Random(seed)
    encoding = chance.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
    content = bytearray(chance.choice(SEEDS).encode(encoding))
    for _ in range(chance.choice([1, 1, 2, 3, 8, 40])):
        place = chance.randrange(len(content) + 1)
        action = chance.randrange(6)
        length = chance.choice([1, 1, 2, 5, 30])
        if action == 0:
            content[place:place] = chance.choice(_PIECES)
        elif action == 1:
            del content[place : place + length]
        elif action == 2:
            content[place : place + 1] = bytes([chance.randrange(256)])
        elif action == 3:
            content[place:place] = content[place : place + length] * chance.choice([1, 3])
        elif action == 4:
            other = chance.randrange(len(content) + 1)
            content[place:place] = content[other : other + length]
        else:
            content = content[:place] if chance.random() < 0.1 else content
            content += chance.choice(_PIECES)
    return bytes(content)
