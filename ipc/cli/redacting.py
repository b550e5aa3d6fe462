"""Takes out of a text what does not belong into a report that others read.

Replaced are: every URI (of a server's only the scheme stays), every absolute path, every id, key or other long run of
letters and digits, every address of a machine, and the names that are known to be someone's. What is left are the
program's own words and numbers.
"""

import re
from collections.abc import Iterable

_URI = re.compile(r"\b([a-z][a-z0-9+.-]{1,20}):/{1,3}\S*", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w/])[/~](?:[^\s\"'<>:;,()]*[^\s\"'<>:;,.()])?")
_QUOTED_PATH = re.compile(r"(?P<quote>['\"])[/~].*?(?P=quote)")
_LONG = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,}\b", re.IGNORECASE)
_WORD_OF_OURS = re.compile(r"[a-z]+(?:[_-][a-z]+)+|[a-z]+", re.ASCII)


def redacted(text: str, names: Iterable[str] = ()) -> str:
    """Return the text without what is someone's. ``names`` are nicknames, host names and the like."""
    text = _URI.sub(lambda found: f"<{found[1].lower()} address>", text)
    text = _QUOTED_PATH.sub("<path>", text)
    text = _PATH.sub("<path>", text)
    text = _ADDRESS.sub("<machine>", text)
    text = _LONG.sub(lambda found: found[0] if _WORD_OF_OURS.fullmatch(found[0]) else "<id>", text)
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "<name>", text)
    return text
