"""RC2 as older exports use it, with 40 effective bits, which `cryptography` does not offer.

Only opens: nothing new may be written with it. RFC 2268 describes it.
"""

import struct
from collections.abc import Iterator

BLOCK = 8
_PI = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32"
    "bd8f40eb86b77b0bf09521225c6b4e8254d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed708e8eade8052eef784aa72ac354d6a2a"
    "961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2e"
    "c5f3db47e5a59c770aa62068fe7fc1ad"
)
_ROTATIONS = (1, 2, 3, 5)
_MASHES = frozenset({5, 11})
_WORD = 0xFFFF


def decrypt(key: bytes, iv: bytes, text: bytes) -> bytes:
    """Return what `text` holds under CBC, padding included; all of the key's bits are effective."""
    words, before, clear = _expanded(key), iv, []
    for block in _blocks(text):
        opened = _decrypted(words, block)
        clear.append(bytes(a ^ b for a, b in zip(opened, before, strict=True)))
        before = block
    return b"".join(clear)


def _blocks(text: bytes) -> Iterator[bytes]:
    return (text[at : at + BLOCK] for at in range(0, len(text), BLOCK))


def _expanded(key: bytes) -> tuple[int, ...]:
    size, grown = len(key), bytearray(key)
    for at in range(size, 128):
        grown.append(_PI[(grown[at - 1] + grown[at - size]) & 0xFF])
    grown[128 - size] = _PI[grown[128 - size]]
    for at in range(127 - size, -1, -1):
        grown[at] = _PI[grown[at + 1] ^ grown[at + size]]
    return struct.unpack("<64H", grown)


def _decrypted(words: tuple[int, ...], block: bytes) -> bytes:
    state, place = list(struct.unpack("<4H", block)), 63
    for turn in range(15, -1, -1):
        for at in (3, 2, 1, 0):
            by = _ROTATIONS[at]
            turned = (state[at] >> by | state[at] << (16 - by)) & _WORD
            mixed = (state[at - 1] & state[at - 2]) + (~state[at - 1] & state[at - 3])
            state[at] = (turned - words[place] - mixed) & _WORD
            place -= 1
        if turn in _MASHES:
            for at in (3, 2, 1, 0):
                state[at] = (state[at] - words[state[at - 1] & 63]) & _WORD
    return struct.pack("<4H", *state)
