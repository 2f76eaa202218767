"""Reduces HTML to what a reader sees."""

from __future__ import annotations

import html
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

_NOT_CONTENT = frozenset(
    [
        "script",
        "style",
        "template",
        "noscript",
        "nav",
        "aside",
        "footer",
        "head",
        "title",
        "iframe",
        "object",
        "svg",
        "math",
        "canvas",
        "select",
        "button",
        "textarea",
        "datalist",
        "audio",
        "video",
        "map",
    ]
)
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "nobr",
        "noscript",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "script",
        "small",
        "span",
        "strike",
        "strong",
        "style",
        "sub",
        "sup",
        "template",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)
"""What leaves a word in one piece: inline elements, and those that show nothing where they stand."""

_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_MARKUP = re.compile(r"<(?:/?[a-zA-Z][^<>]*|!--.*?--)>", re.DOTALL)
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_BREAK = "\n"

_MANY = 10_000
_DEEPEST = 512
"""Elements stand in one another so deep at most, as in browsers."""
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s<>/]*+)[^<>]*+>?")
_UNENDED = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "dt",
        "dd",
        "option",
        "optgroup",
        "colgroup",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
        "rp",
        "rt",
    ]
)
"""What has no end tag, or need not have one: it does not make what follows deeper."""


def is_markup(text: str) -> bool:
    """Tell whether *text* is HTML, or text with character references, rather than plain text."""
    return bool(_MARKUP.search(text) or _REFERENCE.search(text))


def visible_text(markup: str) -> str:
    r"""Return the visible text of *markup*: paragraphs in lines of their own, white space folded.

    Link targets, scripts, styles, comments, navigation, asides, footers and
    hidden elements are not content. Entities that were escaped twice are read.

    >>> visible_text("<p>extor<b>sión</b></p><nav>Inicio</nav><p>Ley&nbsp;32108</p>")
    'extorsión\nLey 32108'
    """
    pieces: list[str] = []
    root = LexborHTMLParser(_safe(markup)).root
    node = root
    while node is not None:
        entered = _enter(node, pieces)
        child = node.child if entered else None
        if child is not None:
            node = child
            continue
        node = _after(node, root, pieces)
    lines = (" ".join(line.split()) for line in "".join(pieces).split(_BREAK))
    text = _BREAK.join(line for line in lines if line)
    return html.unescape(text) if _REFERENCE.search(text) else text


def title_of(markup: str) -> str:
    """Return the title of an HTML document, else its first heading, else ""."""
    tree = LexborHTMLParser(_safe(markup))
    for selector in ("title", "h1"):
        found = tree.css_first(selector)
        if found is not None and (title := " ".join((found.text() or "").split())):
            return title
    return ""


def _safe(markup: str) -> str:
    """Return *markup* as the parser can bear it.

    For each block it looks through all elements that are open: of a hundred thousand
    in one another, those below the deepest are breaks.
    """
    markup = markup.encode("utf-8", "replace").decode("utf-8")
    if markup.count("<") < _MANY:
        return markup
    depth = 0

    def kept(tag: re.Match[str]) -> str:
        nonlocal depth
        if tag[2].lower() in _UNENDED:
            return tag[0]
        if tag[1]:
            depth = max(depth - 1, 0)
            return tag[0] if depth < _DEEPEST else _BREAK
        depth += 1
        return tag[0] if depth <= _DEEPEST else _BREAK

    return _TAG.sub(kept, markup)


def _enter(node: LexborNode, pieces: list[str]) -> bool:
    """Take in what *node* shows; return whether its children are content."""
    if node.is_text_node:
        pieces.append((node.text_content or "").replace("\n", " "))
        return False
    tag = node.tag or ""
    if tag in {"br", "hr"} or (tag not in _INLINE and not tag.startswith("-")):
        pieces.append(_BREAK)
    return not (tag in _NOT_CONTENT or tag == "-comment" or _hidden(node))


def _after(node: LexborNode, root: LexborNode | None, pieces: list[str]) -> LexborNode | None:
    """Return the node that follows *node* and all below it, ending the blocks that it leaves."""
    current: LexborNode | None = node
    while current is not None:
        tag = current.tag or ""
        if tag not in _INLINE and not tag.startswith("-"):
            pieces.append(_BREAK)
        if root is None or current.mem_id == root.mem_id:
            return None
        if current.next is not None:
            return current.next
        current = current.parent
    return None


def _hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or bool(_HIDING.search(attributes.get("style") or ""))
    )


def bad_selector(selector: str) -> str:
    """Return what is wrong with a CSS selector, or ""."""
    try:
        LexborHTMLParser("<p></p>").css(selector)
    except SelectolaxError as error:
        return str(error).rstrip(".").lower()
    return ""
