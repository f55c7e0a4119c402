"""Pages: never truncated, navigation inside the limit (items 4, 5, 6 and 9)."""

import pytest

from ussd.errors import TextUnpageable
from ussd.pages import PAGES_MAX, Navigation, paginate
from ussd.wire import UssdLimits, octets_of

LATIN = Navigation(more="More", back="Back", home="Home")
RUSSIAN = Navigation(more="Еще", back="Назад", home="В начало")
LIMITS = UssdLimits()


def body(page: str) -> str:
    return "\n".join(line for line in page.split("\n") if not line.startswith(("98 ", "0 ", "00 ")))


def test_text_at_the_limit_is_one_page_without_navigation() -> None:
    assert paginate("x" * 182, LATIN, LIMITS) == ("x" * 182,)
    assert paginate("ш" * 80, RUSSIAN, LIMITS) == ("ш" * 80,)
    assert paginate("", LATIN, LIMITS) == ("",)


def test_item_4_183_septets_become_two_pages_and_lose_nothing() -> None:
    first, last = paginate("x" * 183, LATIN, LIMITS)
    assert first == "x" * 174 + "\n98 More"
    assert last == "x" * 9 + "\n0 Back"


def test_item_5_extension_pair_is_not_split_over_pages() -> None:
    pages = paginate("€" * 100, LATIN, LIMITS)
    assert "".join(body(page) for page in pages) == "€" * 100
    assert body(pages[0]) == "€" * 87


def test_item_6_81_ucs2_characters_become_two_pages() -> None:
    first, last = paginate("ш" * 81, RUSSIAN, LIMITS)
    assert first == "ш" * 73 + "\n98 Еще"
    assert last == "ш" * 8 + "\n0 Назад"


def test_item_6_surrogate_pairs_are_not_split_over_pages() -> None:
    pages = paginate("👍" * 60, LATIN, LIMITS)
    assert "".join(body(page) for page in pages) == "👍" * 60


def test_item_9_navigation_is_inside_the_limit_on_every_page() -> None:
    text = "Движение 50 р кэшбэка Ozon " * 30
    pages = paginate(text, RUSSIAN, LIMITS)
    assert len(pages) > 5
    assert all(octets_of(page) <= 160 for page in pages)
    assert "98 Еще" in pages[0]
    assert "0 Назад" not in pages[0]
    assert pages[1].endswith("98 Еще\n0 Назад")
    assert pages[-1].endswith("\n0 Назад")
    assert "98 Еще" not in pages[-1]
    assert " ".join(body(page) for page in pages).split() == text.split()


def test_page_ends_at_a_line_end_before_a_space() -> None:
    lines = ["01.03 +50 bonus Ozon", "02.03 +70 bonus Ali", "03.03 -650 bill April", "04.03 +35 bonus kino"] * 4
    first, *_ = paginate("\n".join(lines), LATIN, LIMITS)
    assert body(first).split("\n") == lines[: len(body(first).split("\n"))]


def test_combining_mark_is_not_parted_from_its_letter() -> None:
    first, *_ = paginate("и\u0306" * 60, RUSSIAN, LIMITS)
    assert body(first).endswith("\u0306")


def test_endless_marks_are_cut_like_plain_text() -> None:
    pages = paginate("и" + "\u0306" * 120, RUSSIAN, LIMITS)
    assert "".join(body(page) for page in pages) == "и" + "\u0306" * 120


def test_way_back_and_home_stand_on_a_menu_below_another() -> None:
    deep = Navigation(more="More", back="Back", home="Home", has_parent=True, has_home=True)
    assert paginate("1 Yes", deep, LIMITS) == ("1 Yes\n0 Back\n00 Home",)


def test_limit_without_room_for_navigation_is_an_error_of_ours() -> None:
    with pytest.raises(TextUnpageable, match="no room"):
        paginate("x" * 50, LATIN, UssdLimits(octets_max=7))


def test_pages_are_bounded() -> None:
    assert len(paginate("x" * 174 + "y" * (167 * 18) + "z" * 10, LATIN, LIMITS)) == PAGES_MAX
    with pytest.raises(TextUnpageable, match="more than 20 pages"):
        paginate("x" * 4000, LATIN, LIMITS)


def test_a_list_is_broken_between_its_lines_even_where_a_space_is_nearer() -> None:
    movements = ["01.05 -40 сгорело", "01.05 +40 акция", "01.05 +91 на счет", "05.03 +20 бонус", "03.03 +11 акция"]
    first, last = paginate("\n".join(movements), RUSSIAN, LIMITS)
    assert body(first).split("\n") == movements[:4]
    assert body(last).split("\n") == movements[4:]
