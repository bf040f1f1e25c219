"""Names of uploaded files, as they may be used in a folder."""

import re
import unicodedata

_LONGEST = 120
_REFUSED = re.compile(r'[<>:"/\\|?*#%]')


def safe_name(name: str | None) -> str:
    """The last part of a file's name with nothing that a file system or a shell takes for more than a letter.

    >>> safe_name("../../etc/pass\\0wd.png"), safe_name(""), safe_name("C:\\\\x\\\\Hände 1.png")
    ('pass_wd.png', 'radiograph', 'Hände 1.png')
    """
    last = re.split(r"[/\\]", name or "")[-1]
    kept = "".join("_" if unicodedata.category(c)[0] == "C" else c for c in _REFUSED.sub("_", last))
    kept = kept.strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if len(kept) > _LONGEST:
        kept = f"{(stem if dot else kept)[: _LONGEST - 12]}{dot}{ending[:10]}" if dot else kept[:_LONGEST]
    return kept or "radiograph"
