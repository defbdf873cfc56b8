"""A page as a browser without a script has it: elements, forms and what they would send, labels, headings, ids."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "path", "rect"})


@dataclass
class Element:
    """One element with what is in it: elements and texts."""

    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    inside: list["Element | str"] = field(default_factory=list)

    def walk(self) -> Iterator["Element"]:
        yield self
        for child in self.inside:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, *tags: str, **attrs: str) -> list["Element"]:
        """Elements of these tags with these attributes (`class_` for class, by word)."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        return [
            each
            for each in self.walk()
            if (not tags or each.tag in tags)
            and all(
                value in each.attrs.get(name, "").split() if name == "class" else each.attrs.get(name) == value
                for name, value in wanted.items()
            )
        ]

    def one(self, *tags: str, **attrs: str) -> "Element":
        found = self.all(*tags, **attrs)
        assert len(found) == 1, (tags, attrs, len(found))
        return found[0]

    @property
    def text(self) -> str:
        parts = [child if isinstance(child, str) else child.text for child in self.inside]
        return " ".join(" ".join(parts).split())

    def sends(self) -> list[tuple[str, str]]:
        """What the form would send, files and buttons aside."""
        found: list[tuple[str, str]] = []
        for each in self.all("input", "select", "textarea"):
            name, kind = each.attrs.get("name", ""), each.attrs.get("type", "text")
            if not name or kind in ("file", "submit"):
                continue
            if each.tag == "select":
                options = each.all("option")
                chosen = [option for option in options if "selected" in option.attrs] or options[:1]
                found += [(name, option.attrs.get("value", "")) for option in chosen]
            elif each.tag == "textarea":
                found.append((name, "".join(child for child in each.inside if isinstance(child, str))))
            elif kind not in ("checkbox", "radio") or "checked" in each.attrs:
                found.append((name, each.attrs.get("value", "on")))
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> says an attribute twice: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def read(text: str) -> Element:
    """The page; an element that is not closed as it was opened fails."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert len(reader.open) == 1, [element.tag for element in reader.open]
    return reader.root


def faults(page: Element) -> list[str]:
    """What is wrong with a page for who does not see it: labels, headings, ids, references, landmarks."""
    found = []
    ids = [each.attrs["id"] for each in page.walk() if "id" in each.attrs]
    found += [f"id twice: {name}" for name in sorted({name for name in ids if ids.count(name) > 1})]
    labels = {each.attrs["for"] for each in page.all("label") if "for" in each.attrs}
    for each in page.all("input", "select", "textarea"):
        if each.attrs.get("type") in ("hidden", "submit"):
            continue
        if each.attrs.get("id") not in labels and "aria-label" not in each.attrs:
            found.append(f"no label: {each.attrs.get('name')}")
    found += [f"label of nothing: {name}" for name in sorted(labels - set(ids))]
    for each in page.walk():
        for name in ("aria-describedby", "aria-labelledby"):
            found += [f"{name} of nothing: {part}" for part in each.attrs.get(name, "").split() if part not in ids]
        if each.tag == "a" and each.attrs.get("href", "").startswith("#") and each.attrs["href"][1:] not in ids:
            found.append(f"link to nothing: {each.attrs['href']}")
        if each.tag == "button" and not each.text and each.attrs.get("aria-hidden") != "true":
            found.append("a button without a name")
        if each.tag == "fieldset" and not each.all("legend"):
            found.append("a fieldset without a legend")
    levels = [int(each.tag[1]) for each in page.all("h1", "h2", "h3", "h4")]
    if levels.count(1) != 1:
        found.append(f"{levels.count(1)} headings of the first level")
    # a summary of problems or an outcome may come before the heading of the page
    body = levels[levels.index(1) :] if 1 in levels else levels
    found += [f"heading {after} follows {before}" for before, after in zip(body, body[1:], strict=False) if after > before + 1]
    found += [f"no {tag}" for tag in ("main", "header", "footer") if len(page.all(tag)) != 1]
    if not page.all("html")[0].attrs.get("lang"):
        found.append("no language")
    found += [
        f"a handler or style inline: {each.tag}"
        for each in page.walk()
        if any(name.startswith("on") or name == "style" for name in each.attrs)
    ]
    return found
