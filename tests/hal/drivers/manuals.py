"""What each meter has on its wire while one certain car charges, written down by hand from the makers' register lists.

It is the second opinion on the tables: it names registers and raw numbers, never a scale, and packs them by itself.
The car draws 16.02, 15.98 and 7.25 A; a meter of one phase sees only the first. Numbers are whole unless a maker has
floating ones, and follow the register lists in their units.
"""

from __future__ import annotations

from struct import pack, unpack

Words = dict[int, int]


def _put(code: str, at: int, numbers: tuple[float, ...], swapped: bool = False) -> Words:
    words: Words = {}
    for number in numbers:
        data = pack(f">{code}", number)
        parts = unpack(f">{len(data) // 2}H", data)
        for word in reversed(parts) if swapped else parts:
            words[at] = word
            at += 1
    return words


def flt(at: int, *numbers: float) -> Words:
    """Floating numbers of 32 bits."""
    return _put("f", at, numbers)


def flt_low(at: int, *numbers: float) -> Words:
    """The same, low word first."""
    return _put("f", at, numbers, swapped=True)


def dbl(at: int, *numbers: float) -> Words:
    """Floating numbers of 64 bits."""
    return _put("d", at, numbers)


def i16(at: int, *numbers: int) -> Words:
    """Words."""
    return _put("h", at, numbers)


def i32(at: int, *numbers: int) -> Words:
    """Double words."""
    return _put("i", at, numbers)


def low(at: int, *numbers: int) -> Words:
    """Double words, low word first."""
    return _put("i", at, numbers, swapped=True)


def i64(at: int, *numbers: int) -> Words:
    """Words of 64 bits."""
    return _put("q", at, numbers)


def on(*parts: Words) -> Words:
    """All registers of one meter."""
    return {at: word for part in parts for at, word in part.items()}


VOLTS, AMPS, WATTS = (230.1, 229.9, 231.4), (16.02, 15.98, 7.25), (3680.0, 3660.0, 1670.0)
KW, TOTAL = (3.68, 3.66, 1.67), 9010.0
_EASTRON = on(flt(0x46, 49.98, 1234.56, 7.89))
_FINDER = on(flt(2560, 0.997), flt(2584, 49.98), flt(2752, 1_234_560.0, 0, 7_890.0))
_CG3 = on(
    low(0x00, 2301, 2299, 2314), low(0x0C, 16_020, 15_980, 7_250), low(0x12, 36_800, 36_600, 16_700), low(0x28, 90_100)
)
_B2X = on(i16(0x5B2C, 4998), i16(0x5B3A, 997), i64(0x5000, 123_456, 789))

# Each: the function that reads it, how many phases it shows, and its registers.
MANUALS: dict[str, tuple[int, int, Words]] = {
    "sdm630": (
        4,
        3,
        on(flt(0, *VOLTS), flt(6, *AMPS), flt(0x0C, *WATTS), flt(0x34, TOTAL), flt(0x3E, 0.997), _EASTRON),
    ),
    "sdm120": (4, 1, on(flt(0, VOLTS[0]), flt(6, AMPS[0]), flt(0x0C, WATTS[0]), flt(0x1E, 0.997), _EASTRON)),
    "sdm72": (4, 0, on(flt(0x34, TOTAL), flt(0x48, 1234.56, 7.89))),
    "abb-b23": (
        3,
        3,
        on(
            i32(0x5B00, 2301, 2299, 2314, 3984, 3995, 4002),
            i32(0x5B0C, 1602, 1598, 725),
            i32(0x5B14, 901_000, 368_000, 366_000, 167_000),
            _B2X,
        ),
    ),
    "abb-b21": (3, 1, on(i32(0x5B00, 2301, -1, -1), i32(0x5B0C, 1602, -1, -1), i32(0x5B14, 368_000), _B2X)),
    "cg-em340": (4, 3, on(_CG3, i16(0x31, 997), i16(0x33, 500), low(0x34, 12_345), low(0x4E, 79))),
    "cg-em24": (4, 3, on(_CG3, i16(0x35, 997), i16(0x37, 500), low(0x42, 12_345))),
    "cg-em111": (4, 1, on(low(0, 2301, 16_020, 36_800), i16(0x0E, 997, 500), low(0x10, 12_345), low(0x20, 79))),
    "orno-516": (
        3,
        3,
        on(
            flt(0x0E, *VOLTS),
            flt(0x14, 49.98, *AMPS, 9.01, *KW),
            flt(0x34, 0.997),
            flt(0x100, 1242.45),
            flt(0x108, 1234.56),
            flt(0x110, 7.89),
        ),
    ),
    "orno-514": (3, 1, on(i16(0x130, 4998, 23_010), i32(0x139, 16_020), i32(0x140, 3680), i32(0xA000, 123_456))),
    "orno-504": (3, 1, on(i16(0, 2301, 160, 500, 3680), i16(6, 997), i32(7, 1_234_560))),
    "orno-525": (
        4,
        1,
        on(
            i32(0x100, 230_100, 16_020, 3680),
            i16(0x10A, 500, 997),
            i32(0x10E, 123_456),
            i32(0x118, 789),
        ),
    ),
    "schneider-iem3000": (
        3,
        3,
        on(
            flt(0x0BB7, *AMPS),
            flt(0x0BD3, *VOLTS),
            flt(0x0BED, *KW, 9.01),
            flt(0x0C25, 49.98),
            i64(0x0C83, 1_234_560, 7_890),
        ),
    ),
    "finder-7m38": (4, 3, on(flt(2500, *VOLTS), flt(2516, *AMPS), flt(2530, *WATTS, TOTAL), _FINDER)),
    "finder-7m24": (4, 1, on(flt(2500, VOLTS[0]), flt(2516, AMPS[0]), flt(2536, WATTS[0]), _FINDER)),
    "finder-7e78": (
        4,
        3,
        on(flt(0x1000, *VOLTS), flt(0x100E, *AMPS), flt(0x1026, TOTAL), flt(0x1106, 1_234_560.0), flt(0x110E, 7_890.0)),
    ),
    "chint-dtsu666": (
        3,
        3,
        on(
            flt(0x2000, 3984, 3995, 4002, 2301, 2299, 2314),
            flt(0x200C, 16_020, 15_980, 7_250, 90_100, 36_800, 36_600, 16_700),
            flt(0x202A, 997),
            flt(0x2044, 4998),
            flt(0x101E, 1234.56),
            flt(0x1028, 7.89),
        ),
    ),
    "chint-ddsu666": (3, 1, on(flt(0x2000, 230.1, 16.02, 3.68), flt(0x4000, 1234.56), flt(0x400A, 7.89))),
    "inepro-pro380": (
        3,
        3,
        on(
            flt(0x5002, *VOLTS, 49.98),
            flt(0x500C, *AMPS, 9.01, *KW),
            flt(0x502A, 0.997),
            flt(0x6000, 1242.45),
            flt(0x600C, 1234.56),
            flt(0x6018, 7.89),
        ),
    ),
    "mpm3pm": (
        4,
        3,
        on(
            i32(0x00, 124_245, 123_456, 789),
            i32(0x08, 2301, 2299, 2314),
            i32(0x0E, 1602, 1598, 725),
            i32(0x14, 368_000, 366_000, 167_000),
            i32(0x26, 901_000),
            i32(0x2C, 4998),
        ),
    ),
    "eltako-dsz": (
        4,
        3,
        on(
            i32(0x00, 23_010, 22_990, 23_140, 1602, 1598, 725, 3680, 3660, 1670),
            i32(0x34, 9010),
            i32(0x3E, 997),
            i32(0x48, 123_456, 789),
        ),
    ),
    "janitza-b23": (
        3,
        3,
        on(
            flt(0x4A38, *VOLTS),
            flt(0x4A44, *AMPS),
            flt(0x4A4C, *WATTS, TOTAL),
            flt(0x4A6A, 49.98),
            flt(0x4A7C, 1_234_560.0),
            flt(0x4A84, 7_890.0),
        ),
    ),
    "bg-ds100": (
        3,
        3,
        on(
            i32(0x400, 230_100, 229_900, 231_400),
            i32(0x410, 16_020, 15_980, 7_250),
            i32(0x41A, 3680, 3660, 1670, 9010),
            i16(0x435, 500),
            i16(0x439, 997),
            i32(0x10E, 123_456),
        ),
    ),
    "bg-ws100": (
        3,
        1,
        on(
            i32(0x100, 230_100, 16_020, 3680),
            i16(0x10A, 500, 997),
            i32(0x10E, 123_456),
            i32(0x118, 789),
        ),
    ),
    "lovato-dmg610": (
        4,
        3,
        on(
            i32(0x01, 23_010, 22_990, 23_140, 160_200, 159_800, 72_500),
            i32(0x13, 368_000, 366_000, 167_000),
            i32(0x39, 901_000),
            i64(0x1B1F, 123_456, 789),
        ),
    ),
    "siemens-pac2200": (
        4,
        3,
        on(
            flt(1, *VOLTS),
            flt(13, *AMPS),
            flt(25, *WATTS),
            flt(65, TOTAL),
            flt(69, 0.997),
            dbl(801, 1_234_560.0),
            dbl(809, 7890.0),
        ),
    ),
    "siemens-7kt1665": (
        4,
        3,
        on(i32(1, 23_010, 22_990, 23_140, 160_200, 159_800, 72_500), i32(57, 901_000), i32(6687, 1_234_560)),
    ),
    "solaredge-mtr": (
        4,
        3,
        on(
            flt_low(0x3EA, 1234.56),
            flt_low(0x3F0, TOTAL, *WATTS),
            flt_low(0x3FA, *VOLTS),
            flt_low(0x408, 49.98),
            flt_low(0x458, 7.89),
            flt_low(0x472, 0.997),
            flt_low(0x48A, *AMPS),
        ),
    ),
    "dzg-dvh4013": (
        3,
        3,
        on(i32(0, 90_100, 0, 23_010, 22_990, 23_140, 16_020, 15_980, 7_250), i32(0x4000, 1_234_560)),
    ),
    "phoenix-eem350": (
        4,
        3,
        on(low(0, 2301, 2299, 2314), low(0x0C, 16_020, 15_980, 7_250), low(0x28, 90_100), low(0x3E, 12_345)),
    ),
    "sinotimer-dts6619": (
        4,
        3,
        on(i16(0, 2301, 2299, 2314, 1602, 1598, 725), i16(8, 9010), i32(0x27, 123_456), i32(0x31, 789)),
    ),
    "ddm18sd": (
        4,
        1,
        on(flt(0, 230.1), flt(8, 16.02), flt(0x12, 3680.0), flt(0x2A, 0.997), flt(0x36, 49.98), flt(0x100, 1234.56)),
    ),
}
