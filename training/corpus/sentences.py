# SPDX-License-Identifier: GPL-3.0-or-later
"""A seeded source of sentences for the synthesisers: thousands of distinct ones, without a network.

English ones are nine patterns filled with common words chosen for their phonemes (many p, b, m, f, v and w),
and now and then with an invented name, so that phoneme sequences occur that no word list holds. Mandarin
ones, in pinyin, are plain chains of words.
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


_PINYIN = _phrases("""
wo3|ni3|ta1|wo3 men5|ta1 men5|da4 jia1|ba4 ba5|ma1 ma5|peng2 you5|lao3 ban3|po2 po5|bao3 bao5|mei4 mei5|
mao1|ma3|xiao3 bai2 tu4|yu2|xiong2 mao1|bei1 bao1|mian4 bao1|ping2 guo3|pu2 tao5|bing1 qi2 lin2|mi3 fan4|
fang2 zi5|men2|chuang1 hu5|qiao2|fei1 ji1|qi4 che1|zi4 xing2 che1|mu4 tou5|hua1|shu4|yue4 liang5|yun2|yu3|
feng1|shui3|huo3|bei3 jing1|shang4 hai3|xue2 xiao4|yi1 yuan4|gong1 yuan2|ma3 lu4|zhong1 wu3|wan3 shang5|
ming2 tian1|zuo2 tian1|xian4 zai4|mei3 tian1|chi1|he1|mai3|mai4|kan4|ting1|shuo1|pao3 bu4|fei1|bang1 mang2|
xi3 huan5|fang4|na2|mo1|bi4 shang5|pa4|wen4|xue2 xi2|gong1 zuo4|chang4 ge1|tiao4 wu3|mei2 you3|bu4|ye3|
dou1|hen3|fei1 chang2|piao4 liang5|pian2 yi5|fang1 bian4|nan2|leng3|re4|lü4 se4|hong2 se4|bai2 se4|yi1|er4|
san1|si4|wu3|liu4|ba1|shi2|bai3 wan4|ge4|ben3|pi3|bei1|ri4 ben3|zhu1|zhi1 dao4|ju2 zi5|jiu3|yong3 yuan3
""")
_PINYIN = [phrase for phrase in _PINYIN if phrase]


def make_pinyin(count: int, seed: int) -> tuple[str, ...]:
    """``count`` distinct chains of 4 to 11 Mandarin words, tones as digits; repeatable like
    ``make_sentences``.
    """
    rng = random.Random(f"pinyin/{seed}")
    found: dict[str, None] = {}
    while len(found) < count:
        words = [rng.choice(_PINYIN) for _ in range(rng.randint(4, 11))]
        if len(words) > 6:
            words[len(words) // 2] += ","
        found.setdefault(" ".join(words) + rng.choice((".", ".", "?")))
    return tuple(found)


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
