"""GitHub's REST API as far as the workflows need it, with the token of a run.

Where it answers and what may be written is in the variables that GitHub gives to a run. The token
is sent there and nowhere else, and is never shown.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

AUTHOR = "github-actions[bot]"
"""Who writes with the token of a run."""
_PAGE = 100
_SECONDS = 30
_MOST_PAGES = 100


class GitHubError(Exception):
    """GitHub refused, or could not be asked; the text says what."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """One repository on GitHub."""

    api: str
    name: str
    """`owner/name`."""
    token: str = field(repr=False)

    @classmethod
    def of_run(cls, environment: Mapping[str, str]) -> Repository:
        """The repository of the run that has these variables.

        Raises:
            GitHubError: one of them is missing.
        """
        wanted = ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN")
        if missing := [name for name in wanted if not environment.get(name)]:
            raise GitHubError(
                f"{' and '.join(missing)} must be set, as GitHub does in a workflow; leave --post "
                "out to see the text only"
            )
        api, name, token = (environment[one] for one in wanted)
        return cls(api=api, name=name, token=token)

    def put_comment(self, issue: int, marker: str, text: str) -> str:
        """Write the one comment that starts with `marker`: a new one, or another text for it.

        Returns:
            created, updated or unchanged.
        """
        for one in self._all(f"issues/{issue}/comments"):
            if one["user"]["login"] == AUTHOR and (one["body"] or "").startswith(marker):
                if _same(one["body"], text):
                    return "unchanged"
                self._ask("PATCH", f"issues/comments/{int(one['id'])}", {"body": text})
                return "updated"
        self._ask("POST", f"issues/{issue}/comments", {"body": text})
        return "created"

    def put_issue(self, marker: str, title: str, text: str) -> str:
        """Write the one open issue whose text starts with `marker`, as `put_comment` does."""
        one = self._issue(marker)
        if one is None:
            self._ask("POST", "issues", {"title": title, "body": text})
            return "created"
        if _same(one["body"], text):
            return "unchanged"
        self._ask("PATCH", f"issues/{int(one['number'])}", {"title": title, "body": text})
        return "updated"

    def close_issue(self, marker: str) -> bool:
        """Close that issue, if there is one."""
        one = self._issue(marker)
        if one is not None:
            self._ask("PATCH", f"issues/{int(one['number'])}", {"state": "closed"})
        return one is not None

    def pull_request(self, owner: str, branch: str, commit: str) -> int | None:
        """The number of the open pull request of a branch, if `commit` is still its last one."""
        head = urllib.parse.quote(f"{owner}:{branch}", safe="")
        for one in self._all("pulls", f"state=open&head={head}"):
            if one["head"]["sha"] == commit:
                return int(one["number"])
        return None

    def last_commit(self, branch: str) -> str:
        """The commit that a branch is at."""
        name = urllib.parse.quote(branch)
        return str(self._ask("GET", f"git/ref/heads/{name}")["object"]["sha"])

    def _issue(self, marker: str) -> Mapping[str, Any] | None:
        for one in self._all("issues", "state=open"):
            if one["user"]["login"] == AUTHOR and (one["body"] or "").startswith(marker):
                return one
        return None

    def _all(self, path: str, query: str = "") -> Iterator[Mapping[str, Any]]:
        for page in range(1, _MOST_PAGES + 1):
            found = self._ask("GET", f"{path}?{query}&per_page={_PAGE}&page={page}")
            yield from found
            if len(found) < _PAGE:
                return

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON
        request = urllib.request.Request(  # noqa: S310 - the URL that GitHub gave to the run
            f"{self.api}/repos/{self.name}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        # Not to where an answer may redirect to.
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise GitHubError(
                f"GitHub answered {error.code} to {method} {path.partition('?')[0]}: "
                f"{error.reason}; the job's `permissions` must allow it"
            ) from None
        except (OSError, ValueError) as error:
            raise GitHubError(
                f"GitHub did not answer {method} {path.partition('?')[0]}: {error}"
            ) from None


def _same(before: str | None, after: str) -> bool:
    """GitHub keeps text with other ends of lines."""
    return (before or "").replace("\r\n", "\n").strip() == after.strip()
