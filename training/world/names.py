"""Which emoji are things of the world, and what they are called.

Owns the list of code points (no faces of people, people, hands, hearts, flags, signs, religious or military marks)
and the plain English name of each. Pure data and functions, any thread.
"""

import unicodedata

# Ranges are inclusive. None reaches past Unicode 14, so that every supported Python knows every name.
_RANGES = """
231A-231B 23F0 23F2-23F3 2602-2604 260E 2615 2618 2692-2693 2696-2697 2699 26BD-26BE 26C4 26CF 26D3 26F0-26F2
26F4-26F5 26F8 26FA 26FD 2702 2708-2709 270F 2744 2B50 1F302 1F308 1F30B 1F30D-1F30F 1F315 1F319 1F31F 1F321
1F324-1F328 1F32A 1F32D-1F384 1F388-1F38A 1F38D 1F38F-1F390 1F392-1F393 1F399-1F39B 1F39E-1F39F 1F3A0-1F3A5
1F3A7-1F3AC 1F3AE-1F3B3 1F3B7-1F3BB 1F3BD-1F3C0 1F3C5-1F3C6 1F3C8-1F3C9 1F3CE-1F3D4 1F3D7-1F3DB 1F3DD 1F3DF-1F3E6
1F3E8 1F3EA-1F3F0 1F3F7-1F3FA 1F400-1F43C 1F43F 1F451-1F462 1F47B 1F47D-1F47E 1F484 1F488 1F48A 1F48D-1F48E 1F490
1F4A1 1F4A7 1F4B0 1F4B3 1F4BA-1F4C2 1F4C5-1F4C7 1F4CA-1F4DA 1F4DC-1F4E1 1F4E3 1F4E6 1F4EA-1F4F1 1F4F7-1F4FD
1F50B-1F50E 1F50F-1F514 1F525-1F529 1F52C-1F52E 1F56F-1F570 1F576-1F577 1F579 1F58A-1F58D 1F5A5 1F5A8 1F5B1-1F5B2
1F5BC 1F5C2-1F5C4 1F5D1-1F5D3 1F5DC-1F5DE 1F5FB-1F5FD 1F5FF 1F680-1F686 1F688 1F68A-1F68E 1F690-1F69E 1F6A0-1F6A2
1F6A4-1F6A6 1F6A8 1F6AA 1F6B2 1F6BD 1F6C1 1F6CB 1F6CD-1F6CF 1F6D2 1F6D6 1F6DD-1F6E0 1F6E2 1F6E5 1F6E9 1F6F0
1F6F3-1F6FC 1F93F 1F941 1F943-1F944 1F94A 1F94C-1F96F 1F97E-1F97F 1F980-1F9AE 1F9B4 1F9BA 1F9C0-1F9CB 1F9E2-1F9E6
1F9E8-1F9E9 1F9EA-1F9FE 1FA70 1FA72-1FA74 1FA7A 1FA80-1FA86 1FA90-1FA93 1FA95 1FA97-1FA9F 1FAA0-1FAA5 1FAA8-1FAA9
1FAB0-1FAB6 1FAB7-1FABA 1FAD0-1FAD9 1FAE7
"""
# Inside the ranges, but people, weapons, drawn places or things without a body of their own.
_LEFT_OUT = "1F385 1F386 1F387 1F3E9 1F48B 1F4A3 1F52A 1F52B 1F9E7 1F38E 1F38C 1F3C1 1F374 1F6F2 1FAB9 1F4CE"
_PLAIN = {
    "26BD": "football", "26C4": "snowman", "26F1": "beach umbrella", "2B50": "star", "1F30D": "globe",
    "1F30E": "globe", "1F30F": "globe", "1F315": "moon", "1F324": "sun behind a cloud", "1F325": "cloudy sun",
    "1F326": "rain cloud", "1F3BD": "running shirt", "1F3E0": "house", "1F3E1": "house with a garden",
    "1F3D8": "houses", "1F3DA": "old house", "1F3E7": "cash machine", "1F3EE": "lantern", "1F4BB": "laptop",
    "1F4F1": "phone", "1F697": "car", "1F698": "oncoming car", "1F699": "camper van", "1F6E9": "small plane",
    "2708": "airplane", "260E": "telephone", "2615": "cup of coffee", "1F962": "pair of chopsticks",
    "1F9E6": "pair of socks", "1F453": "pair of glasses", "1F576": "pair of sunglasses", "1F456": "pair of jeans",
    "1F45E": "shoe", "1F45F": "sneaker", "1F461": "sandal", "1F462": "boot", "1F452": "hat", "1F45A": "blouse",
    "2702": "pair of scissors", "1F9E4": "pair of gloves", "1F6CB": "couch", "1F47D": "alien", "1F47E": "monster",
    "1F58A": "ballpoint pen", "1F58B": "fountain pen", "1F58C": "paintbrush", "1F58D": "crayon",
    "1F50D": "magnifying glass", "1F50E": "magnifying glass", "1F346": "eggplant", "1F4E6": "parcel",
    "1F381": "present", "1F3BE": "tennis racket", "1F5FF": "stone statue", "1F3B3": "set of bowling pins",
    "1F3B1": "billiard ball", "1F52D": "telescope", "1F526": "flashlight", "1F373": "frying pan",
}  # fmt: skip
_DROPPED = ("WHITE ", "BLACK ", "MEDIUM ", "HEAVY ", " SYMBOL", "EMOJI ", "FRONT-FACING ")


def code_points() -> tuple[int, ...]:
    """The code points of every emoji that is a thing, ascending."""
    kept: set[int] = set()
    for span in _RANGES.split():
        first, _, last = span.partition("-")
        kept.update(range(int(first, 16), int(last or first, 16) + 1))
    return tuple(sorted(kept - {int(code, 16) for code in _LEFT_OUT.split()}))


def plain_name(code_point: int) -> str:
    """What a person would call the thing: 'rocket', 'red apple'. Empty where Unicode has no name."""
    known = _PLAIN.get(f"{code_point:X}")
    if known:
        return known
    name = unicodedata.name(chr(code_point), "")
    for word in _DROPPED:
        name = name.replace(word, "")
    return name.lower()
