"""Files and aliases of the load: what was accepted stays as it was sent until it is deleted."""

from __future__ import annotations

import hashlib
import os
import random
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.service._chaos.caller import Caller

KEPT = 8
"""Files that are kept at a time; they are looked at again and again."""
ALIASES = ("chaos-a", "chaos-b", "chaos-c")
HEARD_SECONDS = 5.0
"""Longest until every process knows a change of an alias; they look twice a second, or more often."""
TARGETS = ("gutenberg-kn@1", "gutenberg-lstm@1", "students@1")


@dataclass
class Files:
    """Uploaded files by id, each named by the hash of its content."""

    kept: dict[str, str] = field(default_factory=dict)
    """Hash by id."""

    def take_turn(self, caller: Caller) -> None:
        """Upload a file, read one, or delete one."""
        if len(self.kept) < KEPT:
            self._upload(caller)
        elif random.random() < 0.3:
            self._delete(caller, random.choice(list(self.kept)))
        else:
            self.read(caller, random.choice(list(self.kept)))

    def _upload(self, caller: Caller) -> None:
        content = os.urandom(random.choice([10, 1000, 100_000])).hex().encode()
        digest = hashlib.sha256(content).hexdigest()
        if random.random() < 0.5:
            options: dict[str, Any] = {"files": {"file": (digest, content)}}
        else:
            options = {"content": content, "headers": {"content-type": "text/plain"}, "params": {"filename": digest}}
        answer = caller.call("POST", "/v1/files", **options)
        if answer is not None:
            self.kept[answer.json()["id"]] = digest

    def read(self, caller: Caller, file_id: str) -> None:
        """Read a file back, and its description."""
        caller.call("GET", f"/v1/files/{file_id}")
        answer = caller.call("GET", f"/v1/files/{file_id}/content")
        if answer is not None:
            same = hashlib.sha256(answer.content).hexdigest() == self.kept[file_id]
            caller.ledger.check("every accepted file is kept as sent", same, file_id)

    def _delete(self, caller: Caller, file_id: str) -> None:
        caller.insist("DELETE", f"/v1/files/{file_id}", 404)
        del self.kept[file_id]
        answer = caller.insist("GET", f"/v1/files/{file_id}", 404)
        caller.ledger.check("a deleted file is gone", answer.status_code == 404, file_id)

    def check(self, caller: Caller) -> None:
        """Check every file that the service lists: whole, whoever sent it; and that all kept ones are listed."""
        listed: dict[str, str] = {}
        page: dict[str, object] = {"limit": 100}
        while True:
            answer = caller.insist("GET", "/v1/files", params=page).json()
            listed |= {row["id"]: row["filename"] for row in answer["data"]}
            if not answer["has_more"]:
                break
            page["after"] = answer["data"][-1]["id"]
        missing = self.kept.keys() - listed.keys()
        caller.ledger.check("every accepted file is listed", not missing, str(missing))
        for file_id, name in listed.items():
            if len(name) == 64:
                content = caller.insist("GET", f"/v1/files/{file_id}/content").content
                whole = hashlib.sha256(content).hexdigest() == name
                caller.ledger.check("every listed file is whole", whole, f"{file_id} {name}")
        cut = [name for name in listed.values() if name.startswith("cut")]
        caller.ledger.check("an upload that was cut off leaves no file", not cut, str(cut))


@dataclass
class Aliases:
    """Aliases, and the models that each may stand for: several where an answer was lost."""

    possible: dict[str, set[str | None]] = field(default_factory=lambda: {alias: {None} for alias in ALIASES})
    former: dict[str, tuple[float, set[str | None]]] = field(default_factory=dict)
    """When it was last changed, and what it stood for before: other processes hear of it a little later."""

    def take_turn(self, caller: Caller) -> None:
        """Set, delete or read an alias."""
        alias = random.choice(ALIASES)
        chance = random.random()
        if chance < 0.4:
            self._change(caller, alias, random.choice(TARGETS))
        elif chance < 0.5:
            self._change(caller, alias, None)
        else:
            self.read(caller, alias)
        time.sleep(0.1)

    def _change(self, caller: Caller, alias: str, target: str | None) -> None:
        before = set(self.possible[alias])
        self.possible[alias].add(target)
        if target is None:
            answer = caller.call("DELETE", f"/v1/aliases/{alias}", 404)
        else:
            answer = caller.call("PUT", f"/v1/aliases/{alias}", json={"model": target})
        if answer is not None:
            older = self.former[alias][1] if alias in self.former and self._is_recent(caller, alias) else set()
            self.former[alias] = time.monotonic(), before | older
            self.possible[alias] = {target}

    def _is_recent(self, caller: Caller, alias: str) -> bool:
        since = self.former.get(alias, (0.0, None))[0]
        return time.monotonic() - since < HEARD_SECONDS or caller.ledger.is_disturbed(["database", "process"])

    def read(self, caller: Caller, alias: str) -> None:
        """Read an alias: it stands for what it was set to last."""
        answer = caller.call("GET", f"/v1/aliases/{alias}", 404)
        if answer is not None:
            target = answer.json()["model"] if answer.is_success else None
            possible = set(self.possible[alias])
            if alias in self.former and self._is_recent(caller, alias):
                possible |= self.former[alias][1]
            kept = target in possible
            caller.ledger.check("every alias is as it was set", kept, f"{alias}: {target}, not {possible}")
