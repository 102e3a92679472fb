"""Short word lists for finding and measuring a direction of gender; pass your own for anything else."""

from __future__ import annotations

Pairs = tuple[tuple[str, str], ...]

#: Pairs that differ by gender and little else: they define the direction.
GENDER_PAIRS: Pairs = (
    ("woman", "man"),
    ("she", "he"),
    ("her", "his"),
    ("girl", "boy"),
    ("mother", "father"),
    ("daughter", "son"),
    ("sister", "brother"),
    ("wife", "husband"),
    ("lady", "gentleman"),
    ("aunt", "uncle"),
)
#: Pairs that are to be equally far from every neutral word.
EQUAL_PAIRS: Pairs = (
    *GENDER_PAIRS,
    ("women", "men"),
    ("girls", "boys"),
    ("mothers", "fathers"),
    ("queen", "king"),
    ("grandmother", "grandfather"),
    ("niece", "nephew"),
    ("bride", "bridegroom"),
    ("duchess", "duke"),
)
#: Words that are gendered by what they mean: they keep their part along the direction.
GENDERED_WORDS: tuple[str, ...] = (
    *dict.fromkeys(word for pair in EQUAL_PAIRS for word in pair),
    "female",
    "male",
    "herself",
    "himself",
    "hers",
    "him",
    "ladies",
    "gentlemen",
    "wives",
    "husbands",
    "widow",
    "widower",
    "nun",
    "monk",
    "actress",
    "actor",
    "princess",
    "prince",
    "heroine",
    "hero",
    "goddess",
    "god",
    "maid",
    "maiden",
    "bachelor",
    "beard",
    "pregnant",
)
#: Work that people of any gender do.
NEUTRAL_WORDS: tuple[str, ...] = (
    "doctor",
    "nurse",
    "teacher",
    "lawyer",
    "secretary",
    "clerk",
    "farmer",
    "cook",
    "writer",
    "painter",
    "captain",
    "servant",
    "soldier",
    "scientist",
    "singer",
    "dancer",
    "merchant",
    "librarian",
    "judge",
    "baker",
)
#: Word Embedding Association Tests: two sets of targets, two of attributes (after Caliskan et al. 2017).
WEAT_TESTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "career and family": (
        ("he", "man", "boy", "father", "son", "brother", "uncle", "husband"),
        ("she", "woman", "girl", "mother", "daughter", "sister", "aunt", "wife"),
        ("office", "business", "profession", "salary", "work", "trade", "money", "master"),
        ("home", "family", "marriage", "children", "parents", "wedding", "relations", "house"),
    ),
    "science and art": (
        ("he", "man", "boy", "father", "son", "brother", "uncle", "husband"),
        ("she", "woman", "girl", "mother", "daughter", "sister", "aunt", "wife"),
        ("science", "nature", "machine", "engine", "law", "number", "theory", "experiment"),
        ("poetry", "art", "dance", "music", "song", "novel", "picture", "flowers"),
    ),
    "flowers and insects": (
        ("rose", "lily", "violet", "daisy", "tulip", "clover", "orchid", "poppy"),
        ("ant", "fly", "spider", "wasp", "moth", "beetle", "flea", "gnat"),
        ("love", "peace", "pleasure", "friend", "heaven", "gentle", "happy", "joy"),
        ("hatred", "war", "pain", "enemy", "hell", "cruel", "evil", "death"),
    ),
}
