"""Tells whether two entries are one story: copies of one text, or another text like it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from itertools import islice, pairwise

from rensa import RMinHash

from rules.entry import Entry
from rules.fold import folded_letters


def _several(words: str) -> frozenset[str]:
    return frozenset(words.split())


_HASHES = 6
_ROWS = 2
_SEED = 32108
_UNITS = 6
"""So many sentences, from the first on, lead to an entry's copies."""

_MOST_WORDS = 600
_SHORT_BODY = 8
_SHORT_TITLE = 4
_LONG_BODY = 120
_LONGEST_GAP = 12
_FIRST = 3
_MOST_SENTENCES = 40
_ALIKE = 0.4
"""Sentences are compared that share so much of the shorter."""
_WHOLE = 0.8
"""From this share of the shorter text on, two are one, however they begin."""
_MOST = 0.5
"""From this share on they are, where one's first sentence stands in the other."""
_SOME = 0.2
"""From this share on they are, where they have one headline."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_THOUSANDS = re.compile(r"(?<=\d)[.,\u00a0\u202f ](?=\d{3}(?!\d))")
_WORD = re.compile(r"\d+|[^\W\d_]+")
_DATELINE = re.compile(r"^[^.!?\n]{2,60}?(?:\.\s?[-–—]|\s[–—-]|\)\s?[-–—:.])\s*")
_OUTLET = re.compile(r"\s+[|–—-]\s+[^|–—]{2,40}$")
_BOILERPLATE = re.compile(
    r"\b(?:suscr[íi]be|s[íi]guenos|sigue (?:leyendo|nuestr|aqu)|lea tambi[ée]n|leer m[áa]s|lee m[áa]s"
    r"|te puede interesar|m[áa]s informaci[óo]n en|derechos reservados|[úu]nete a nuestr"
    r"|descarga(?: la| nuestra)? app|newsletter|bolet[íi]n|canal de whatsapp|nuestr[ao]s? canal"
    r"|follow us|subscribe|sign up|read more|read also|all rights reserved|appeared first on"
    r"|copyright|inscreva|assine|siga[- ]nos|leia (?:mais|tamb[ée]m)|todos os direitos"
    r"|abonnez|suivez|lire aussi|lire la suite|tous droits r[ée]serv)",
    re.IGNORECASE,
)
_CORRECTIONS = re.compile(
    r"\b(?:correcci[óo]n|corrige|corregid[ao]|fe de erratas|rectific|aclaraci[óo]n|correction"
    r"|corrected|clarification|erratum|errata|correç|retifica|rectificatif|version anterior"
    r"|versi[óo]n anterior|earlier version|previous version)",
    re.IGNORECASE,
)
_NUMBERS = {
    word: str(number)
    for number, words in enumerate(
        (
            "primero primera primer first primeiro primeira premier premiere",
            "dos two dois duas deux segundo segunda second seconde deuxieme",
            "tres three trois tercero tercera tercer third terceiro terceira terca troisieme",
            "cuatro four quatro quatre cuarto cuarta fourth quarto quarta quatrieme",
            "cinco five cinq quinto quinta fifth cinquieme",
            "seis six sexto sexta sixth sixieme",
            "siete seven sete sept septimo septima seventh setimo setima septieme",
            "ocho eight oito huit octavo octava eighth oitavo oitava huitieme",
            "nueve nine nove neuf noveno novena ninth nono nona neuvieme",
            "diez ten dez dix decimo decima tenth dixieme",
            "once eleven onze",
            "doce twelve doze douze",
            "trece thirteen treze treize",
            "catorce fourteen catorze quatorze",
            "quince fifteen quinze",
        ),
        start=1,
    )
    for word in words.split()
}
_DAYS = _several(
    "lunes martes miercoles jueves viernes sabado domingo monday tuesday wednesday thursday friday"
    " saturday sunday lundi mardi mercredi jeudi vendredi samedi dimanche"
)
_MONTHS = _several(
    "enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre"
    " diciembre january february march april may june july august september october november"
    " december janeiro fevereiro marco maio junho julho setembro outubro novembro dezembro janvier"
    " fevrier mars avril mai juin juillet aout septembre octobre novembre decembre"
)
_DENIALS = _several("no not never sin nao nunca ne jamais without sem sans niega nega denies")
_BODIES = _several(
    "afp efe reuters ap andina lusa xinhua ansa dpa redaccion agencia agencias agence agency rpp bbc"
    " pnp policia police gobierno government governo gouvernement ejecutivo congreso parlamento"
    " congress congresso"
)
"""Names that outlets put for one another, or for themselves."""

_LIGHT = _several(
    "a al an and as at aux con da das de del des do dos du e el em en et for from hoy in la las le"
    " les los o of on or os ou para par pela pelo por pour que se su sur the this to tras un una"
    " und une with y este esta hoje today aujourdhui ayer"
)


_TURNS = tuple(
    (turn, tuple(stems.split()))
    for turn, stems in {
        "pass": "aprueb aprob approv adopt aprov passe",
        "refuse": "rechaz reject rejeit rejette descart archiv",
        "repeal": "derog repeal revog abrog",
        "declare": "declar decret",
        "prolong": "prorrog prolong extend amplia",
        "suspend": "suspend suspens aplaz posterg cancel",
        "lift": "levant lifted lifts encerr",
        "start": "inici begin began start comien empez",
        "end": "termin culmin ends ended final",
        "arrest": "detien detuv arrest captur prend presos arret",
        "free": "liber freed excarcel soltar soltos solta relach",
        "convict": "conden convict sentenc",
        "acquit": "absuel absolv acquit",
        "interior": "interior interieur",
        "justice": "justicia justice justica",
        "defence": "defensa defence defense defesa",
        "health": "salud health saude sante",
    }.items()
)
"""What turns a story into another, by the beginnings of words: what was done, and by which office."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word, folded, and what kind of fact it is; "" for one that is none."""

    letters: str
    kind: str = ""

    @property
    def turn(self) -> str:
        """Return what the word says was done, or by which office; "" for most."""
        return next((turn for turn, stems in _TURNS if self.letters.startswith(stems)), "")


@dataclass(frozen=True)
class _Reading:
    """What is compared of an entry: its headline and its body, without what outlets add."""

    title: tuple[_Word, ...]
    sentences: tuple[tuple[_Word, ...], ...]
    corrects: bool

    @cached_property
    def body(self) -> tuple[_Word, ...]:
        """Return the words of the body."""
        return tuple(word for sentence in self.sentences for word in sentence)[:_MOST_WORDS]

    @cached_property
    def shingles(self) -> frozenset[tuple[str, ...]]:
        """Return every three words of the body that follow one another."""
        return _shingles(self.body, 3)


def bands(entry: Entry) -> tuple[int, ...]:
    """Return numbers of which an entry and its copies share some, whichever is cut or has more.

    Each sentence has its own: MinHash over its pairs of words, read in bands.
    """
    title, body = _parts(entry)
    found: dict[int, None] = {}
    for unit in (_OUTLET.sub("", title), *islice(_sentences(body), _UNITS)):
        words = _WORD.findall(folded_letters(unit))
        if len(words) < _SHORT_TITLE:
            continue
        minhash = RMinHash(num_perm=_HASHES, seed=_SEED)
        minhash.update([" ".join(pair) for pair in pairwise(words)])
        hashes = minhash.digest()
        for band in range(0, _HASHES, _ROWS):
            one, other = hashes[band : band + _ROWS]
            number = (one << 32 | other) ^ band
            found[number - (1 << 64) if number >> 63 else number] = None
    return tuple(found)


def same_story(one: Entry, other: Entry) -> bool:
    """Tell whether two entries tell one story, in one language.

    Cut copies do, and those with another headline or with more around them. Texts
    that differ in a number, a day or a name at the same place are two stories.
    """
    a, b = sorted((_reading(one), _reading(other)), key=lambda reading: len(reading.body))
    if a.corrects != b.corrects:
        return False
    headline = _same_headline(a.title, b.title)
    if min(len(a.body), len(b.body)) < _SHORT_BODY:
        return headline and not _bodies_contradict(a, b)
    shared = _share(a.shingles, b.shingles)
    if shared < _SOME or _bodies_contradict(a, b) or _headlines_contradict(a.title, b.title):
        return False
    return shared >= _WHOLE or (shared >= _MOST and _is_begun_alike(a, b)) or headline


def _parts(entry: Entry) -> tuple[str, str]:
    """Return the headline of an entry, and the longer of its texts without it."""
    body = entry.text if len(entry.text) >= len(entry.summary) else entry.summary
    title = entry.title.strip()
    return title, body.strip().removeprefix(title).strip()


def _sentences(body: str) -> Iterator[str]:
    """Yield the sentences of a body, without the dateline and what outlets add."""
    sentences = _SENTENCE_END.split(_DATELINE.sub("", body, count=1))
    for number, sentence in enumerate(sentences[:_MOST_WORDS]):
        if not number or not _BOILERPLATE.search(sentence):
            yield sentence


def _reading(entry: Entry) -> _Reading:
    return _read(*_parts(entry))


@lru_cache(maxsize=1024)
def _read(title: str, body: str) -> _Reading:
    sentences = (tuple(_words(sentence)) for sentence in _sentences(body))
    return _Reading(
        title=tuple(_words(_OUTLET.sub("", title))),
        sentences=tuple(filter(None, sentences)),
        corrects=_CORRECTIONS.search(f"{title} {body[:200]}") is not None,
    )


def _words(text: str) -> Iterator[_Word]:
    """Yield the words of a sentence; capitals tell of names where not every word has them."""
    written = _WORD.findall(_THOUSANDS.sub("", text))
    capital = sum(word[0].isupper() for word in written)
    named = capital * 2 <= len(written) + 2
    for number, word in enumerate(written):
        letters = folded_letters(word).strip()
        yield _Word(*_fact(letters, is_name=named and number > 0 and word[0].isupper()))


def _fact(letters: str, *, is_name: bool) -> tuple[str, str]:
    if letters.isdecimal():
        return letters.lstrip("0") or "0", "number"
    if letters in _DAYS:
        return letters, "day"
    if letters in _NUMBERS:
        return _NUMBERS[letters], "number"
    if letters in _MONTHS:
        return letters, "month"
    return letters, "name" if is_name and letters not in _BODIES else ""


def _shingles(words: Sequence[_Word], length: int) -> frozenset[tuple[str, ...]]:
    letters = [word.letters for word in words]
    return frozenset(zip(*(letters[at:] for at in range(length)), strict=False))


def _share(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """Return which share of the smaller set stands in the other."""
    return len(one & other) / max(1, min(len(one), len(other)))


def _is_begun_alike(a: _Reading, b: _Reading) -> bool:
    """Tell whether the first sentence of one stands in the other."""
    return any(
        _share(lead, other.shingles) >= _MOST
        for one, other in ((a, b), (b, a))
        if (lead := _shingles(one.sentences[0], 3)) and len(lead) <= len(other.shingles)
    )


def _same_headline(one: Sequence[_Word], other: Sequence[_Word]) -> bool:
    """Tell whether one headline has all that the other says: nothing that counts is replaced."""
    if min(len(one), len(other)) < _SHORT_TITLE:
        return False
    a, b = ({word.letters for word in words} - _LIGHT for words in (one, other))
    only_a, only_b = a - b, b - a
    if (only_a and only_b) or (only_a | only_b) & _DENIALS:
        return False
    return (
        len(a & b) >= 3 and len(only_a | only_b) * 2 <= len(a & b) and not _contradict(one, other)
    )


def _headlines_contradict(one: Sequence[_Word], other: Sequence[_Word]) -> bool:
    a, b = ({word.letters for word in words} for words in (one, other))
    return len(a & b) * 2 >= max(1, min(len(a), len(b))) and _contradict(one, other)


def _bodies_contradict(one: _Reading, other: _Reading) -> bool:
    """Tell whether sentences that go alike say different facts at the same place.

    In long texts that must be at the beginning, or more than once: agencies correct
    themselves.
    """
    others = [(sentence, _shingles(sentence, 2)) for sentence in other.sentences[:_MOST_SENTENCES]]
    found = 0
    for number, sentence in enumerate(one.sentences[:_MOST_SENTENCES]):
        pairs = _shingles(sentence, 2)
        like = max(others, key=lambda pair: len(pair[1] & pairs), default=None)
        if like is None or not _share(pairs, like[1]) >= _ALIKE:
            continue
        if _contradict(sentence, like[0], one.body, other.body):
            found += 1
            if number < _FIRST or min(len(one.body), len(other.body)) < _LONG_BODY:
                return True
    return found > 1


def _contradict(
    one: Sequence[_Word],
    other: Sequence[_Word],
    whole: Sequence[_Word] = (),
    other_whole: Sequence[_Word] = (),
) -> bool:
    """Tell whether two sentences say different facts at the same place.

    What stands elsewhere in the other's *whole* text is no difference.
    """
    everywhere = (
        {word.letters for word in (*one, *whole)},
        {word.letters for word in (*other, *other_whole)},
    )
    return any(
        _turn(left, right)
        or any(
            _differ(left, right, everywhere, kind) for kind in ("number", "day", "month", "name")
        )
        for left, right in _gaps(one, other)
    )


def _turn(one: Iterable[_Word], other: Iterable[_Word]) -> bool:
    """Tell whether something else was done, or by another office."""
    a, b = ({word.turn for word in words} - {""} for words in (one, other))
    return bool(a) and bool(b) and a.isdisjoint(b)


def _differ(
    one: Iterable[_Word], other: Iterable[_Word], everywhere: tuple[set[str], set[str]], kind: str
) -> bool:
    a, b = ({word.letters for word in words if word.kind == kind} for words in (one, other))
    return bool(a - everywhere[1]) and bool(b - everywhere[0])


def _gaps(
    one: Sequence[_Word], other: Sequence[_Word]
) -> Iterator[tuple[Sequence[_Word], Sequence[_Word]]]:
    """Yield where few words stand in the place of others, among words that both sentences have."""
    a, b = [word.letters for word in one], [word.letters for word in other]
    at, to = 0, 0
    for block in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
        left, right = one[at : block.a], other[to : block.b]
        if left and right and max(len(left), len(right)) <= _LONGEST_GAP:
            yield left, right
        at, to = block.a + block.size, block.b + block.size
