"""Compact letter displays: two means share a letter exactly where they are not different.

By inserting and absorbing, then sweeping (Piepho 2004, Journal of Computational and Graphical
Statistics 13, 456-466). A letter is a set of means none of which differ, kept as the bits of one
whole number.
"""

from string import ascii_letters

import numpy as np
from numpy.typing import NDArray

Letter = int
"""Means that share a letter: bit i stands for mean i."""

MOST = 600
"""Sets beyond which not all of the largest ones are listed: there can be 3^(k/3) of them."""


def compact_letters(different: NDArray[np.bool_]) -> list[str]:
    """The letters of every mean.

    Parameters
    ----------
    different : array (k, k) of bool
        Symmetric; whether two means differ. The diagonal does not count.

    Returns
    -------
    list of str
        Length k. The first mean has the letter "a", and letters follow in the order of the first
        mean that has them: a to z, A to Z, then a1 to Z1, a2 and so on, where digits belong to the
        letter before them.

    Examples
    --------
    >>> import numpy as np
    >>> compact_letters(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool))
    ['a', 'ab', 'b']
    """
    alike = _neighbours(~np.asarray(different, dtype=bool))
    letters = _inserted(alike)
    if len(letters) > MOST:
        letters = _covering(alike)
    letters = sorted(_swept(letters), key=_members)
    names = [_name(i) for i in range(len(letters))]
    return [
        "".join(name for name, letter in zip(names, letters, strict=True) if letter >> i & 1)
        for i in range(len(alike))
    ]


def _neighbours(alike: NDArray[np.bool_]) -> list[Letter]:
    """For every mean those that do not differ from it, without itself."""
    rows = []
    for i, row in enumerate(alike):
        bits = np.packbits(row, bitorder="little").tobytes()
        rows.append(int.from_bytes(bits, "little") & ~(1 << i))
    return rows


def _inserted(alike: list[Letter]) -> list[Letter]:
    """All largest sets of means none of which differ, or the first more than `MOST` of them.

    Mean after mean is inserted. A letter that has means from which it differs stays, and what is
    left without them is a letter with the new mean, unless another one absorbs it.
    """
    letters: list[Letter] = [0]
    for i, like in enumerate(alike):
        new = {letter & like for letter in letters}
        kept = [letter for letter in letters if letter & ~like]
        letters = kept + [letter | 1 << i for letter in _absorbed(new)]
        if len(letters) > MOST:
            break
    return letters


def _absorbed(letters: set[Letter]) -> list[Letter]:
    """Those that are no part of another."""
    kept: list[Letter] = []
    for letter in sorted(letters, key=int.bit_count, reverse=True):
        if not any(letter & ~other == 0 for other in kept):
            kept.append(letter)
    return kept


def _covering(alike: list[Letter]) -> list[Letter]:
    """Enough sets to hold every pair that does not differ: each grown from a pair without one."""
    letters: list[Letter] = []
    shared = [0] * len(alike)
    for i, like in enumerate(alike):
        while missing := like & ~shared[i] or (not shared[i] and 1 << i):
            letter, common = 1 << i, like
            first = missing & -missing & common
            while common:
                nearest = first or common & -common
                first = 0
                letter |= nearest
                common &= alike[nearest.bit_length() - 1]
            letters.append(letter)
            for j in _members(letter):
                shared[j] |= letter
    return letters


def _swept(letters: list[Letter]) -> list[Letter]:
    """Letters without those that nobody needs: all who have them share others with one another.

    Means are not taken out of a letter that others need, though they share another one with all of
    them: of means in a row the middle ones would have fewer letters than their neighbours.
    """
    swept = sorted(letters, key=_members)
    places: dict[int, set[int]] = {}
    for place, letter in enumerate(swept):
        for i in _members(letter):
            places.setdefault(i, set()).add(place)
    for place in range(len(swept) - 1, -1, -1):
        letter = swept[place]
        if all(_elsewhere(i, place, swept, places) & letter == letter for i in _members(letter)):
            swept[place] = 0
            for i in _members(letter):
                places[i].remove(place)
    return [letter for letter in swept if letter]


def _elsewhere(mean: int, place: int, letters: list[Letter], places: dict[int, set[int]]) -> Letter:
    """All with whom a mean shares another letter than the one at a place, itself included."""
    means = 0
    for other in places[mean] - {place}:
        means |= letters[other]
    return means


def _members(letter: Letter) -> list[int]:
    """The means that have a letter, in order."""
    members = []
    while letter:
        lowest = letter & -letter
        members.append(lowest.bit_length() - 1)
        letter ^= lowest
    return members


def _name(place: int) -> str:
    """The letter of a place: a digit belongs to the letter before it."""
    turn, letter = divmod(place, len(ascii_letters))
    return ascii_letters[letter] + (str(turn) if turn else "")
