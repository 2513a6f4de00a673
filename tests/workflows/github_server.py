"""GitHub's REST API as far as the workflows need it, for one repository, on loopback.

It keeps what it is told and answers as GitHub documents it: pages, statuses, and who may write what
with which permission. It knows nothing of who asks.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "example/data-platform"
TOKEN = "ghs_canary_of_a_workflow"
BOT = {"login": "github-actions[bot]", "type": "Bot"}
LONGEST_BODY = 65_536
Answer = tuple[int, Any]
"""Status and JSON."""


@dataclass
class GitHub:
    """The repository as GitHub has it."""

    url: str = ""
    permissions: set[str] = field(default_factory=set)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    """The commit that each is at."""
    writes: list[str] = field(default_factory=list)
    """What was written, such as `POST issues/7/comments`."""

    def variables(self) -> dict[str, str]:
        """What a run has of it in its environment; the token is given to a step by its workflow."""
        return {"GITHUB_API_URL": self.url, "GITHUB_REPOSITORY": REPOSITORY}

    def answer(self, method: str, target: str, body: dict[str, str]) -> Answer:
        """Carry out one request."""
        parts = urlsplit(target)
        path = parts.path.removeprefix(f"/repos/{REPOSITORY}/")
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if method != "GET":
            needed = "issues" if "comments" not in path else "pull-requests"
            if needed not in self.permissions:
                return 403, {"message": "Resource not accessible by integration"}
            if len(body.get("body", "")) > LONGEST_BODY:
                return 422, {"message": "body is too long (maximum is 65536 characters)"}
            self.writes.append(f"{method} {path}")
        first, *rest = path.split("/")
        answers = {"pulls": self._pulls, "issues": self._issues, "git": self._git}
        if "comments" in rest:
            return self._comments(method, rest, query, body)
        return answers[first](method, rest, query, body)

    def _pulls(
        self, method: str, rest: list[str], query: dict[str, str], body: dict[str, str]
    ) -> Answer:
        assert (method, rest, body) == ("GET", [], {})
        found = [one for one in self.pulls if self._fits(one, query)]
        return 200, _page(found, query)

    def _git(
        self, method: str, rest: list[str], query: dict[str, str], body: dict[str, str]
    ) -> Answer:
        assert (method, rest[:2], query, body) == ("GET", ["ref", "heads"], {}, {})
        if rest[2] not in self.branches:
            return 404, {"message": "Not Found"}
        commit = {"sha": self.branches[rest[2]], "type": "commit"}
        return 200, {"ref": f"refs/heads/{rest[2]}", "object": commit}

    def _issues(
        self, method: str, rest: list[str], query: dict[str, str], body: dict[str, str]
    ) -> Answer:
        if method == "GET":
            return 200, _page([one for one in self.issues if one["state"] == "open"], query)
        if method == "POST":
            self.issues.append(
                {**body, "number": len(self.issues) + 1, "state": "open", "user": BOT}
            )
            return 201, self.issues[-1]
        one = self.issues[int(rest[0]) - 1]
        one.update(body)
        return 200, one

    def _comments(
        self, method: str, rest: list[str], query: dict[str, str], body: dict[str, str]
    ) -> Answer:
        if method == "PATCH":
            every = [each for some in self.comments.values() for each in some]
            (one,) = (each for each in every if each["id"] == int(rest[1]))
            one.update(body)
            return 200, one
        some = self.comments.setdefault(int(rest[0]), [])
        if method == "GET":
            return 200, _page(some, query)
        some.append({**body, "id": int(rest[0]) * 1000 + len(some), "user": BOT})
        return 201, some[-1]

    @staticmethod
    def _fits(one: dict[str, Any], query: dict[str, str]) -> bool:
        head = f"{one['head']['repo']['owner']['login']}:{one['head']['ref']}"
        return query.get("head") in {None, head} and query.get("state", "open") == one["state"]


def pull_request(number: int, owner: str, branch: str, commit: str) -> dict[str, Any]:
    """An open pull request."""
    head = {"ref": branch, "sha": commit, "repo": {"owner": {"login": owner}}}
    return {"number": number, "state": "open", "head": head}


@contextlib.contextmanager
def serving() -> Iterator[GitHub]:
    """Serve a repository in which nothing is yet."""
    github = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = json.loads(body) if body else {}
            answer: Answer = (401, {"message": "Bad credentials"})
            if self.headers["Authorization"] == f"Bearer {TOKEN}":
                answer = github.answer(self.command, self.path, given)
            text = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = handle_one  # noqa: N815 - http.server's names

        def log_message(self, *arguments: object) -> None:
            del arguments

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    github.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _page(found: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    size, number = int(query.get("per_page", "30")), int(query.get("page", "1"))
    return found[(number - 1) * size : number * size]
