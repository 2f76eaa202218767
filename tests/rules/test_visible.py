"""What a reader sees of HTML, and nothing else."""

from __future__ import annotations

import pytest

from rules.visible import visible_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("extor<b>si</b><wbr>ón", "extorsión"),
        ("extor<script>x</script><style>y</style><template>z</template>sión", "extorsión"),
        ("extor<!-- - --><span hidden>x</span>sión", "extorsión"),
        ("extor<div>sión</div>", "extor\nsión"),
        ("extor<br>sión<hr>y", "extor\nsión\ny"),
        ("<li>extor</li><li>sión</li>", "extor\nsión"),
        ("<table><tr><td>extor</td><td>sión</td></table>", "extor\nsión"),
        ("a<nav>x</nav>b<aside>x</aside>c", "a\nb\nc"),
        ("extor&shy;sión &amp;amp; extorsi&amp;#243;n", "extor\u00adsión & extorsión"),
        ("<a href='/x' title='y'>Ley&nbsp;&#128512;</a><img alt='z'>", "Ley 😀"),
    ],
)
def test_blocks_separate_words_and_nothing_else_does(markup: str, text: str) -> None:
    assert visible_text(markup) == text


def test_only_visible_content_is_left() -> None:
    page = (
        "<p>extor<b>sión</b><script>x</script></p><nav>menu</nav><footer>f</footer>"
        "<div style='display: none'>no</div><p hidden>no</p><p><a href='/ley'>Ley</a>&nbsp;&amp;oacute;</p>"
    )
    assert visible_text(page) == "extorsión\nLey ó"


def test_a_hundred_thousand_nested_tags_are_read_without_recursion() -> None:
    assert visible_text("<b>" * 100_000 + "x") == "x"


@pytest.mark.parametrize("tag", ["div", "ul", "section", "b", "p", "x-y"])
def test_what_stands_in_four_hundred_thousand_elements_is_read_before_the_test_times_out(
    tag,
) -> None:
    deep = f"<{tag}>" * 400_000 + "<p>one</p><p>two</p>" + f"</{tag}>" * 400_000 + "<p>af<b>ter</b>"
    assert visible_text(deep) == "one\ntwo\nafter"


def test_a_long_page_keeps_its_words_whole() -> None:
    item = "<li><p>extor<b>sión</b> y <i>cupos</i>"
    assert visible_text(f"<ul>{item * 20_000}</ul>") == "\n".join(["extorsión y cupos"] * 20_000)
