"""What a reader sees of HTML, and nothing else."""

from __future__ import annotations

from rules.visible import visible_text


def test_only_visible_content_is_left() -> None:
    page = (
        "<p>extor<b>sión</b><script>x</script></p><nav>menu</nav><footer>f</footer>"
        "<div style='display: none'>no</div><p hidden>no</p><p><a href='/ley'>Ley</a>&nbsp;&amp;oacute;</p>"
    )
    assert visible_text(page) == "extorsión\nLey ó"


def test_a_hundred_thousand_nested_tags_are_read_without_recursion() -> None:
    assert visible_text("<b>" * 100_000 + "x") == "x"
