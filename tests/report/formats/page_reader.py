"""What is in a page, and that it is well-formed."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img"}


class Reader(HTMLParser):
    """The elements of a page in order, its words, and whether every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a tag that has these words in these attributes."""
        found = [attributes for name, attributes in self.elements if name == tag]
        return [
            one
            for one in found
            if all(word in (one.get(key.rstrip("_")) or "").split() for key, word in wanted.items())
        ]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
