"""What a browser would find on a page."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Collects every attribute that could make a browser fetch something, tags, visible words and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetches: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.styles: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag
        loads = {"src", "href", "srcset", "action", "data", "poster", "background"}
        self.fetches += [(tag, value or "") for name, value in attrs if name in loads]
        self.styles += [value or "" for name, value in attrs if name == "style"]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.styles.append(data)
        elif self._inside != "script":
            self.words.append(data)
