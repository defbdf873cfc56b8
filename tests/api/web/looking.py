"""A browser without a script: asks for a page in a language, sends a form, and reads what stands there."""

import re
from collections.abc import Callable, Sequence
from html import unescape

from tests.api.conftest import Called
from tests.api.web import html

Become = Callable[..., Called]
LANGUAGES = ("en", "fr")
SCRIPT = "<script>alert(1)</script>"
KENYA = ("ke.002", "KE:partnership_manager")
HEAD = ("ke.008", "KE:head_of_office")
MOZAMBIQUE = ("mz.002", "MZ:partnership_manager")
HEAD_OF_MOZAMBIQUE = ("mz.008", "MZ:head_of_office")
PARTNER = "partner:MZ:P-MZ-0031"


async def page(api: Called, path: str, *, language: str = "en", status: int = 200) -> str:
    """The page as it comes; everything that any page must hold is looked at."""
    answer = await api.get(path, headers={"accept": "text/html", "cookie": f"pca_language={language}"})
    assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
    return checked(answer.text, language)


async def send(api: Called, path: str, form: dict[str, str | Sequence[str]], *, status: int = 200, language: str = "en") -> str:
    """What is shown after a form was sent; of a redirect (303) the address that it leads to."""
    answer = await api.post(path, data=form, headers={"accept": "text/html", "cookie": f"pca_language={language}"})
    assert answer.status_code == status, (path, answer.status_code, answer.text[:3000])
    return answer.headers["location"] if status == 303 else checked(answer.text, language)


def checked(body: str, language: str) -> str:
    """As whoever does not see it needs it; one language, one current page at most, no script but the file."""
    assert f'<html lang="{language}">' in body
    assert html.faults(html.read(body)) == []
    assert len(re.findall(r"<script", body)) == 1
    assert body.count('aria-current="page"') <= 1
    assert not re.findall(r"\bNone\b|Undefined", text(body)), re.findall(r".{40}\bNone\b.{40}", text(body))
    return body


def text(body: str) -> str:
    """What is read of a page, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body.partition("<main")[2]))).strip()
