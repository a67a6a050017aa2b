# SPDX-License-Identifier: GPL-3.0-or-later
"""A seeded source of English sentences for the synthesisers: thousands of distinct ones, without a network.

Nine patterns are filled with common words chosen for their phonemes (many p, b, m, f, v and w), and now and
then with an invented name, so that phoneme sequences occur that no word list holds.
"""

from __future__ import annotations

import random


def _phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split("|")]


_ADJECTIVES = """
big pale brown happy warm weak famous purple simple humble foggy yellow wooden bumpy marvellous empty
busy lovely shy foreign public heavy clever smooth rough quiet gentle broken modern vivid clumsy proud
rapid royal silver thick thin velvet wavy young perfect peaceful awful blue curious damp eager fresh
golden huge icy jolly kind little mighty narrow odd polite quick rusty sharp tidy ugly vast white cheap
bright enormous average Chinese unusual
""".split()
_NOUNS = """
boy puppy farmer window bumblebee violin mother summer pepper apple river oyster pillow cow house shadow
fish thumb book moon shovel cage jar watch church breath feather leather beige garage measure treasure
toy coin voice point bubble problem family member baby maple map cup lamp film elephant ship bishop
judge yacht onion beaver mushroom vase hammer pump trumpet camera number umbrella bamboo pyramid volcano
wave whisper sweater twin swamp square queen bird nurse girl world word owl mouse mountain flower hour
tower boat coat road snow goat king singer ring finger uncle
""".split()
_PLURALS = """
apples bees maps pumps beams wolves leaves waves boys coins mushrooms houses bridges oranges fishes
shoes cups poems numbers problems families puppies farmers windows violins mothers bubbles songs thumbs
birds books judges moths clouds lamps vans brothers pebbles beavers fingers toes eyes shadows matches
watches pictures visions
""".split()
_VERBS = """
bought moved painted found followed pushed pulled remembered watched believed wanted offered carried
promised broke swallowed measured visited forgave loved burned folded pumped bumped hammered named
borrowed bothered covered heard taught caught threw grew chose owned poured answered wrapped wiped
whistled weighed showed judged joined enjoyed photographed prepared picked opened helped mapped improved
removed approved imagined performed welcomed employed
""".split()
_PLACES = _phrases("""
behind the barn|above the village|by the river mouth|in front of the museum|at the farm|under the
umbrella|beyond the mountains|near the swamp|from Boston to Vienna|on the moving van|over the wooden
bridge|in my mother's room|outside the cafe|beside the oval pool|between two empty houses|at the top of
the tower|in the middle of November|through the thick fog|without any warning|along the beach|before
breakfast|after the film|every Wednesday morning|for five weeks|with both hands|in a deep voice|because
of the weather|since last May|as far as we know
""")
_PEOPLE = _phrases("""
Bob|Mary|my uncle|Pamela|the whole family|Victor|her best
friend|William|Joyce|nobody|somebody|everyone|Emma|Phoebe|our neighbour|the old
woman|Wolfgang|Maeve|Hugh|Zoe|Theo|the prime minister|a few of us|both of them
""")
_OPENERS = _phrases("""
Maybe|Please believe me,|Of course|By the way,|Perhaps|Well,|Above all,|Meanwhile|You know,|Oh,|I
hope|Amazingly,|From now on|Honestly,|We believe|They say|Before long|Why|I'm sure|Imagine,|Wow,|As
usual
""")
_ASIDES = _phrases("""
if you don't mind|I suppose|or so I heard|which was a mistake|believe it or not|and that was that|more
or less|to be perfectly frank|as you may imagine|but only just
""")
_NUMBERS = """
two three four five seven eleven twelve fifty ninety several many enough few most
""".split()
_ONSETS = """
b bl br p pl pr m f fl v w wh t tr d s sh sp sm st k kl g gr h j ch th l r n y
""".split()
_RHYMES = """
a ay ee oo oh ow oy er ip em ob um av iff esh oom ape ime ove imp aw ang ill ooth erb
""".split()


def make_sentences(count: int, seed: int) -> tuple[str, ...]:
    """``count`` distinct sentences; the same seed gives the same ones, a larger count only adds to them."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        sentence = rng.choice(_PATTERNS)(rng)
        if rng.random() < 0.25:
            sentence += " " + rng.choice(_PATTERNS)(rng)
        found.setdefault(sentence[0].upper() + sentence[1:])
    return tuple(found)


def _name(rng: random.Random) -> str:
    syllables = [rng.choice(_ONSETS) + rng.choice(_RHYMES) for _ in range(rng.choice((2, 2, 3)))]
    return "".join(syllables).capitalize()


def _person(rng: random.Random) -> str:
    return _name(rng) if rng.random() < 0.3 else rng.choice(_PEOPLE)


def _thing(rng: random.Random) -> str:
    if rng.random() < 0.25:
        return f"{rng.choice(_NUMBERS)} {rng.choice(_ADJECTIVES)} {rng.choice(_PLURALS)}"
    head = rng.choice(("the", "the", "my", "your", "this", "that", "every", "some", "his", "her", "our"))
    return f"{head} {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"


def _plain(rng: random.Random) -> str:
    return f"{_person(rng)} {rng.choice(_VERBS)} {_thing(rng)} {rng.choice(_PLACES)}."


def _opened(rng: random.Random) -> str:
    return f"{rng.choice(_OPENERS)} {_person(rng)} {rng.choice(_VERBS)} {_thing(rng)}."


def _question(rng: random.Random) -> str:
    word = rng.choice(
        ("Who", "Which boy", "Why would anyone think that Bob", "How often have you heard that Emma")
    )
    return f"{word} {rng.choice(_VERBS)} {_thing(rng)} {rng.choice(_PLACES)}?"


def _pair(rng: random.Random) -> str:
    one, other = _thing(rng), _thing(rng)
    return f"{one} and {other} {rng.choice(('moved', 'vanished', 'popped up', 'fell off', 'froze'))}."


def _aside(rng: random.Random) -> str:
    return f"{_person(rng)}, {rng.choice(_ASIDES)}, {rng.choice(_VERBS)} {_thing(rng)}."


def _list(rng: random.Random) -> str:
    return f"{rng.choice(_NUMBERS)} {rng.choice(_PLURALS)}, {rng.choice(_PLURALS)}, and {_thing(rng)}."


def _order(rng: random.Random) -> str:
    word = rng.choice(
        ("Bring", "Show", "Give", "Buy", "Forgive", "Save", "Move", "Push", "Measure", "Whip up")
    )
    return f"{word} {_thing(rng)} {rng.choice(_PLACES)}!"


def _opinion(rng: random.Random) -> str:
    return f"{_thing(rng)} was as {rng.choice(_ADJECTIVES)} as {_thing(rng)}."


def _speech(rng: random.Random) -> str:
    whispered = f"{_person(rng)} whispered, {_plain(rng)[:-1]}"
    return f"{whispered}, but {_person(rng)} {rng.choice(_VERBS)} {_thing(rng)}."


_PATTERNS = (_plain, _plain, _opened, _question, _pair, _aside, _list, _order, _opinion, _speech)
